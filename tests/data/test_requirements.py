"""Presets that do not fit the data are refused before anything is trained."""

from __future__ import annotations

import pytest

from mnist_mlp.data.dataset import MNIST
from mnist_mlp.data.requirements import require_fit
from mnist_mlp.errors import UsageError
from mnist_mlp.presets.preset import Preset


@pytest.mark.parametrize(
    ("field", "largest", "too_large", "allowed"),
    [
        ("batch_size", 55_000, 55_001, "from 1 to 55000"),
        ("shift", 28.0, 28.5, "pixels from 0 to 28"),
        ("elastic", 28.0, 29.0, "pixels from 0 to 28"),
        ("hidden_sizes", (60_000,), (60_000, 4_000), "at most 250,000,000 weights"),
    ],
)
def test_value_that_is_too_large_for_the_data_is_refused(field, largest, too_large, allowed):
    require_fit(Preset(**{field: largest}), MNIST)
    with pytest.raises(UsageError, match=f"^{field}=.*{allowed}"):
        require_fit(Preset(**{field: too_large}), MNIST)


def test_two_views_of_an_image_count_as_inputs():
    sizes = (65_536, 2_500)
    require_fit(Preset(hidden_sizes=sizes), MNIST)  # 215 million weights, and 51 million more with two views
    with pytest.raises(UsageError, match="weights"):
        require_fit(Preset(hidden_sizes=sizes, upright_beside=True), MNIST)
