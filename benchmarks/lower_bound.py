"""The time that NumPy needs for the matrix products of an epoch, in the shapes that are fastest."""

from __future__ import annotations

import itertools
import time

import numpy as np

from benchmarks.contenders.protocol import cores
from benchmarks.measurement import Turn
from mnist_mlp.data.dataset import MNIST
from mnist_mlp.presets.preset import Preset


class LowerBound:
    """A contender that does nothing but multiply large matrices, with all cores."""

    name, processes = "lower bound", 1

    def __init__(self, preset: Preset) -> None:
        self._flops = epoch_flops(preset)

    def take_turn(self) -> Turn:
        return Turn(self._flops / matrix_product_flops_per_second(), cores())


def epoch_flops(preset: Preset) -> int:
    """Returns the number of floating-point operations of an epoch's matrix products, including validation."""
    products = [inputs * outputs for inputs, outputs in itertools.pairwise(MNIST.layer_sizes(preset))]
    forward, weight_gradients, input_gradients = sum(products), sum(products), sum(products[1:])
    trained = MNIST.training_images // preset.batch_size * preset.batch_size
    return 2 * (trained * (forward + weight_gradients + input_gradients) + MNIST.validation_images * forward)


def matrix_product_flops_per_second() -> float:
    """Returns the best of five measurements of NumPy's matrix product throughput on all cores."""
    left, right = np.random.default_rng(0).random((2, 2048, 2048), dtype=np.float32)
    seconds = []
    for _ in range(6):
        started = time.perf_counter()
        left @ right
        seconds.append(time.perf_counter() - started)
    return 2 * 2048**3 / min(seconds[1:])
