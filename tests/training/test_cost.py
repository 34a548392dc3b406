"""Tests the estimates of time, arithmetic and memory."""

from __future__ import annotations

import pytest

from mnist_mlp.presets.preset import Preset
from mnist_mlp.training.cost import expected_memory, expected_seconds, flops_per_step, number_of_weights

SMALL, LARGE = Preset(hidden_sizes=(100,), batch_size=200), Preset(hidden_sizes=(1000, 500), batch_size=200)


@pytest.mark.parametrize(
    ("faster", "slower"),
    [
        (Preset(hidden_sizes=(100,)), Preset(hidden_sizes=(200,))),
        (Preset(hidden_sizes=(100,)), Preset(hidden_sizes=(100, 100))),
        (Preset(batch_size=200), Preset(batch_size=100)),
        (Preset(), Preset(adversarial=1.0)),
        (Preset(), Preset(upright_beside=True)),
    ],
)
def test_estimated_epoch_time_grows_with_work(faster, slower):
    assert 1.1 * expected_seconds(faster) < expected_seconds(slower)


def test_weights_and_flops_by_hand():
    assert number_of_weights(SMALL) == 784 * 100 + 100 * 10
    assert flops_per_step(SMALL) == 2 * 3 * 200 * 79_400  # a multiplication and an addition, in three products
    assert flops_per_step(SMALL.but(adversarial=1.0)) == 2 * flops_per_step(SMALL)


def test_memory_grows_with_weights_and_augmentation():
    assert expected_memory(LARGE) - expected_memory(SMALL) == 48 * (784_000 + 500_000 + 5_000 - 79_400)
    assert expected_memory(SMALL.but(rotation=5)) > 1.5 * expected_memory(SMALL)
