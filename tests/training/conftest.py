"""Fixtures of the training's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mnist_mlp.quiet_tensorflow import tf


@pytest.fixture
def uncompiled() -> Iterator[None]:
    """Runs operations one by one: for a few steps of a new network, compiling takes longer than training."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)
