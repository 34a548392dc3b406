"""Tests the dropout masks."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_mlp.data.randomness import dropout_mask
from mnist_mlp.libraries.quiet_tensorflow import tf


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.5, 0.8])
def test_dropout_mask_has_given_rate_and_mean_1(rate):
    mask = dropout_mask(tf.constant(12345, tf.uint32), (1000, 500), tf.constant(rate)).numpy()
    assert set(np.unique(mask)) <= {0.0, np.float32(1) / (1 - np.float32(rate))}
    spread = np.sqrt(rate * (1 - rate) / mask.size)
    assert (mask == 0).mean() == pytest.approx(rate, abs=5 * spread)
    assert mask.mean() == pytest.approx(1, abs=5 * spread / (1 - rate))
    for axis in (0, 1):  # the rate is the same for all units and images
        means = (mask == 0).mean(axis=axis)
        assert means.std() == pytest.approx(np.sqrt(rate * (1 - rate) / mask.shape[axis]), rel=0.2, abs=1e-9)


def test_dropout_masks_of_neighboring_keys_and_units_are_uncorrelated():
    keys = tf.constant(range(4), tf.uint32)
    masks = [dropout_mask(key, (400, 250), tf.constant(0.5)).numpy().ravel() for key in keys]
    flat = np.array([*masks, np.roll(masks[0], 1), np.roll(masks[0], 250)])
    correlations = np.corrcoef(flat)[np.triu_indices(len(flat), 1)]
    assert np.abs(correlations).max() < 5 / np.sqrt(flat.shape[1])
