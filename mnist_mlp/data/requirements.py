"""Checks that a preset is compatible with a data set before training starts."""

from __future__ import annotations

from mnist_mlp.data.dataset import DataSet
from mnist_mlp.presets.checks import not_allowed
from mnist_mlp.presets.preset import Preset, require_few_weights


def require_fit(preset: Preset, data_set: DataSet) -> None:
    """Checks the limits that depend on the data set: batch size, distances in pixels, number of weights.

    Raises:
        UsageError: a value is too large for the data set.
    """
    if preset.batch_size > data_set.training_images:
        raise not_allowed("batch_size", preset.batch_size, f"a whole number from 1 to {data_set.training_images:,}")
    for name, pixels in (("shift", preset.shift), ("elastic", preset.elastic)):
        if pixels > data_set.image_side:
            raise not_allowed(name, pixels, f"from 0 to {data_set.image_side} pixels")
    require_few_weights(data_set.layer_sizes(preset), preset.hidden_sizes)
