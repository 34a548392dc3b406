"""Tests that a preset that does not fit the data set is rejected before training."""

from __future__ import annotations

import pytest

from mnist_mlp.data.dataset import MNIST
from mnist_mlp.data.requirements import require_fit
from mnist_mlp.errors import UsageError
from mnist_mlp.presets.preset import Preset


@pytest.mark.parametrize(
    ("field", "largest", "too_large", "allowed"),
    [
        ("batch_size", 55_000, 55_001, "must be a whole number from 1 to 55,000"),
        ("shift", 28.0, 28.5, "must be from 0 to 28 pixels"),
        ("elastic", 28.0, 29.0, "must be from 0 to 28 pixels"),
        ("hidden_sizes", (60_000,), (60_000, 4_000), "60000-4000 has 287,080,000 weights; at most 250"),
    ],
)
def test_value_too_large_for_data_set_is_rejected(field, largest, too_large, allowed):
    require_fit(Preset(**{field: largest}), MNIST)
    with pytest.raises(UsageError, match=f"^{field}: {allowed}"):
        require_fit(Preset(**{field: too_large}), MNIST)


def test_two_views_double_the_input_weights():
    sizes = (65_536, 2_500)
    require_fit(Preset(hidden_sizes=sizes), MNIST)  # 215 million weights; 51 million more with two views
    with pytest.raises(UsageError, match="weights"):
        require_fit(Preset(hidden_sizes=sizes, upright_beside=True), MNIST)
