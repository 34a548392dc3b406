"""The learning rate of every step. Imports no TensorFlow."""

from __future__ import annotations

import numpy as np

from mnist_mlp.presets.preset import Preset


def rates_of(preset: Preset, epoch: int, steps: int) -> np.ndarray:
    """Returns the learning rates of an epoch's steps: float64 [steps].

    Args:
        epoch: counted from 1.
        steps: per epoch.
    """
    progress = (np.arange(steps) + (epoch - 1) * steps + 0.5) / (preset.epochs * steps)  # of the whole training
    rise = np.minimum(progress / preset.warmup, 1.0) if preset.warmup else np.ones(steps)
    after = np.clip((progress - preset.warmup) / (1.0 - preset.warmup), 0.0, 1.0)
    fall = {
        "constant": np.ones(steps),
        "cosine": (1.0 + np.cos(np.pi * after)) / 2,
        "one_cycle": 1.0 - after,
    }[preset.learning_rate_schedule]
    return preset.learning_rate * rise * fall
