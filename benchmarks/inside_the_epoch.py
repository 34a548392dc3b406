"""Measures where the time in a compiled epoch of preset 31 goes by training variants without some of its parts.

.venv/bin/python -m benchmarks.inside_the_epoch
"""

from mnist_mlp.errors import install_error_hook

if __name__ == "__main__":
    install_error_hook()

import itertools
import statistics
import time

import numpy as np

from benchmarks.lower_bound import epoch_flops, matrix_product_flops_per_second
from benchmarks.network import Network
from benchmarks.our_script import single_run
from mnist_mlp.data.dataset import MNIST
from mnist_mlp.presets.preset import Preset

ROUNDS, EPOCHS_PER_TURN = 5, 4
PRESET = Network(31).preset
WITHOUT = {
    "our single run": Network(31),
    "without dropout": Network(31, {"dropout": 0.0}),
    "SGD instead of Adam": Network(31, {"optimizer": "sgd"}),
    "SGD, without dropout": Network(31, {"optimizer": "sgd", "dropout": 0.0}),
}
TRAINING_SHAPES = "NumPy, same matrix products"
LARGE_PRODUCTS = "NumPy, same number of operations in large products"


def seconds_of_products(preset: Preset, repeats: int = 50) -> float:
    """Returns the seconds that NumPy takes for the matrix products of an epoch's training steps."""
    random = np.random.default_rng(0)
    seconds = 0.0
    for layer, (units_in, units_out) in enumerate(itertools.pairwise(MNIST.layer_sizes(preset))):
        shapes = ((preset.batch_size, units_in), (units_in, units_out), (preset.batch_size, units_out))
        inputs, weights, gradients = (random.random(shape, dtype=np.float32) for shape in shapes)
        products = [(inputs, weights), (inputs.T, gradients), (gradients, weights.T)]
        for left, right in products if layer else products[:2]:  # the gradient with respect to the pixels is not needed
            left @ right
            started = time.perf_counter()
            for _ in range(repeats):
                left @ right
            seconds += (time.perf_counter() - started) / repeats
    return seconds * (MNIST.training_images // preset.batch_size)


def main() -> None:
    contenders = {name: single_run(network, EPOCHS_PER_TURN) for name, network in WITHOUT.items()}
    seconds: dict[str, list[float]] = {name: [] for name in (*WITHOUT, TRAINING_SHAPES, LARGE_PRODUCTS)}
    for _ in range(ROUNDS):
        for name, contender in contenders.items():
            seconds[name].append(contender.take_turn().seconds)
        seconds[TRAINING_SHAPES].append(seconds_of_products(PRESET))
        seconds[LARGE_PRODUCTS].append(epoch_flops(PRESET) / matrix_product_flops_per_second())
    print(
        f"Seconds per epoch of preset 31, median (minimum to maximum) of {ROUNDS} rounds:",
        "",
        "| variant | seconds |",
        "| --- | --- |",
        sep="\n",
    )
    for name, measured in seconds.items():
        print(f"| {name} | {statistics.median(measured):.3f} ({min(measured):.3f} to {max(measured):.3f}) |")


if __name__ == "__main__":
    main()
