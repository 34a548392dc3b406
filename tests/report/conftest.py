"""Fixtures for the tests of the report."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_mlp.data.loading import load_test_data
from tests.report.helpers import DATA


@pytest.fixture(scope="session")
def labels() -> np.ndarray:
    """Labels of the MNIST test images."""
    return load_test_data(DATA).labels
