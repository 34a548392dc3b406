"""Estimates what training costs: time, arithmetic and memory. Does not import TensorFlow."""

from __future__ import annotations

import itertools

from mnist_mlp.data.dataset import MNIST, DataSet
from mnist_mlp.presets.preset import Preset

SECONDS_PER_WEIGHT_AND_IMAGE = 4.2e-11
SECONDS_PER_WEIGHT_AND_STEP = 2.9e-9

# Measured on Linux (x86-64) with TensorFlow 2.21, without the 440 MB of program code that all processes share: 460 MB
# after an epoch of preset 54, and about 90 MB more while XLA compiles.
MEMORY_OF_PROCESS = 550 << 20
MEMORY_FOR_AUGMENTATION = 400 << 20  # pixels with their neighbors: preset 78 needs that much more than preset 65
BYTES_PER_WEIGHT = 48  # weight, gradient, optimizer state, copies: 784-1500-1000-500-10 needs 150 MB for 3.2M

# A thread gets at least this many floating-point operations of each step. A rule of thumb: not measured on many cores.
FLOPS_PER_THREAD = 1e8


def expected_seconds(preset: Preset, data_set: DataSet = MNIST) -> float:
    """Estimates the seconds per epoch on one core of the machine where the constants were measured.

    Only the ratios between presets are meaningful on other machines. Each weight costs time per image (multiplication)
    and per step (update). Adversarial training doubles the number of images.
    """
    images = data_set.training_images * (2 if preset.adversarial else 1)
    steps = data_set.training_images // preset.batch_size
    weights = number_of_weights(preset, data_set)
    return weights * (SECONDS_PER_WEIGHT_AND_IMAGE * images + SECONDS_PER_WEIGHT_AND_STEP * steps)


def flops_per_step(preset: Preset, data_set: DataSet = MNIST) -> float:
    """Returns the floating-point operations of a step's matrix products: forward, and two products backward."""
    images = preset.batch_size * (2 if preset.adversarial else 1)
    return 6.0 * images * number_of_weights(preset, data_set)


def number_of_weights(preset: Preset, data_set: DataSet = MNIST) -> int:
    """Returns the number of elements of all weight matrices."""
    return sum(inputs * outputs for inputs, outputs in itertools.pairwise(data_set.layer_sizes(preset)))


def expected_memory(preset: Preset, data_set: DataSet = MNIST) -> int:
    """Estimates the memory in bytes that a worker process needs for itself to train a preset."""
    augmentation = MEMORY_FOR_AUGMENTATION if any(preset.deformations) else 0
    return MEMORY_OF_PROCESS + augmentation + BYTES_PER_WEIGHT * number_of_weights(preset, data_set)
