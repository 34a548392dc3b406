"""Compares learning rates with Keras's schedules and with hand-computed values."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_mlp.libraries.quiet_tensorflow import keras
from mnist_mlp.presets.declarations import SCHEDULES
from mnist_mlp.presets.preset import Preset
from mnist_mlp.training.learning_rates import rates_of

STEPS = 4


def all_rates(preset: Preset) -> np.ndarray:
    return np.concatenate([rates_of(preset, epoch, STEPS) for epoch in range(1, preset.epochs + 1)])


def test_constant_schedule():
    assert all_rates(Preset(epochs=3, learning_rate=0.0003)).tolist() == [0.0003] * 12


def test_cosine_with_warmup_matches_keras():
    preset = Preset(epochs=5, learning_rate=0.002, learning_rate_schedule="cosine", warmup=0.2)
    schedule = keras.optimizers.schedules.CosineDecay(0.0, decay_steps=16, warmup_target=0.002, warmup_steps=4)
    expected = [float(schedule(step + 0.5)) for step in range(20)]  # the middle of each step
    np.testing.assert_allclose(all_rates(preset), expected, rtol=1e-4, atol=1e-9)


def test_one_cycle_rises_and_falls_linearly():
    preset = Preset(epochs=2, learning_rate=1.0, learning_rate_schedule="one_cycle", warmup=0.25)
    assert all_rates(preset) == pytest.approx([1 / 4, 3 / 4, 11 / 12, 9 / 12, 7 / 12, 5 / 12, 3 / 12, 1 / 12])


def test_warmup_ends_at_the_learning_rate():
    preset = Preset(epochs=2, learning_rate=0.8, warmup=0.5)
    assert all_rates(preset) == pytest.approx([0.1, 0.3, 0.5, 0.7, 0.8, 0.8, 0.8, 0.8])


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedule_stays_at_its_final_value_after_the_last_epoch(schedule):
    preset = Preset(epochs=2, learning_rate=1.0, learning_rate_schedule=schedule)
    after = rates_of(preset, 3, STEPS)
    assert after == pytest.approx([1.0 if schedule == "constant" else 0.0] * STEPS)
