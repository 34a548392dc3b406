"""Tests the training loop: shuffles, seeds, final fits, divergence."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_mlp.data.images import LabeledImages, TrainingData
from mnist_mlp.training.loop import shuffle, train
from tests.helpers import SMALL, bits_of


@pytest.mark.usefixtures("eager")
def test_final_fit_also_trains_on_the_validation_images(small_data):
    preset = SMALL.but(epochs=1)
    both = (small_data.train, small_data.validation)
    pixels, labels = (np.concatenate([getattr(item, name) for item in both]) for name in ("pixels", "labels"))
    (expected,) = train(preset, 1, TrainingData(LabeledImages(pixels, labels), small_data.validation))
    (found,) = train(preset.but(final_fit=True), 1, small_data)
    for mine, theirs in zip(found.state.weights, expected.state.weights, strict=True):
        assert mine.tobytes() == theirs.tobytes()
    assert found.validation == expected.validation


def test_shuffle_is_a_permutation_determined_by_seed_and_epoch():
    orders = [shuffle(1000, seed, epoch) for seed, epoch in ((1, 1), (1, 1), (1, 2), (2, 1))]
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), np.arange(1000))
    np.testing.assert_array_equal(orders[0], orders[1])
    assert not np.array_equal(orders[0], orders[2])
    assert not np.array_equal(orders[0], orders[3])


def test_same_seed_is_bit_identical_even_if_runs_alternate(small_data):
    preset = SMALL.but(dropout=0.2, epochs=3)
    alone, other = (bits_of(train(preset, seed, small_data)) for seed in (1, 2))
    alternating = [
        bits_of(pair) for pair in zip(train(preset, 1, small_data), train(preset, 2, small_data), strict=True)
    ]
    assert [pair[0] for pair in alternating] == alone
    assert [pair[1] for pair in alternating] == other
    assert alone != other


def test_default_initialization_is_bit_identical_to_xavier(small_data):
    assert bits_of(train(SMALL.but(weight_init="default"), 1, small_data)) == bits_of(
        train(SMALL.but(weight_init="xavier"), 1, small_data)
    )


@pytest.mark.usefixtures("eager")
def test_training_stops_on_divergence(small_data):
    preset = SMALL.but(optimizer="sgd", learning_rate=1e20, epochs=50)
    results = list(train(preset, 1, small_data))
    assert results[-1].diverged
    assert len(results) < 50
