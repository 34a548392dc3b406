"""Fixtures for the training tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mnist_mlp.libraries.quiet_tensorflow import tf


@pytest.fixture
def eager() -> Iterator[None]:
    """Disables compilation, which takes longer than a few steps of training."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)
