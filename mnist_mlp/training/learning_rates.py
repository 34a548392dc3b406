"""The learning rate of each step. Does not import TensorFlow."""

from __future__ import annotations

import numpy as np

from mnist_mlp.presets.preset import Preset


def rates_of(preset: Preset, epoch: int, steps: int) -> np.ndarray:
    """Returns the learning rates of an epoch's steps: float64 [steps].

    Args:
        epoch: epoch number, starting at 1.
        steps: number of steps per epoch.
    """
    # Fraction of the whole run, at the middle of each step.
    progress = (np.arange(steps) + (epoch - 1) * steps + 0.5) / (preset.epochs * steps)
    warmup_factor = np.minimum(progress / preset.warmup, 1.0) if preset.warmup else np.ones(steps)
    decay_progress = np.clip((progress - preset.warmup) / (1.0 - preset.warmup), 0.0, 1.0)
    decay_factor = {
        "constant": np.ones(steps),
        "cosine": (1.0 + np.cos(np.pi * decay_progress)) / 2,
        "one_cycle": 1.0 - decay_progress,
    }[preset.learning_rate_schedule]
    return preset.learning_rate * warmup_factor * decay_factor
