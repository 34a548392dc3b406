"""Measures where the time in a compiled epoch of preset 31 goes, with one thread.

.venv/bin/python -m benchmarks.inside_the_epoch

TensorFlow's profiler records every operation of the compiled program. XLA's own dump of the program says what each of
them computes. NumPy's time for the same matrix products is printed beside it. Takes about a minute.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # NumPy reads this when it is imported

from mnist_mlp.errors import install_error_hook

if __name__ == "__main__":
    install_error_hook()

import itertools
import re
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.lower_bound import epoch_flops, matrix_product_flops_per_second
from benchmarks.network import Network
from mnist_mlp.commands import PROJECT
from mnist_mlp.data.dataset import MNIST
from mnist_mlp.data.loading import load_training_data
from mnist_mlp.presets.preset import Preset

ROUNDS = 5
PRESET = Network(31).preset
SEED = 1602

# The first pattern that matches an operation's name in TensorFlow decides. Steps are inside the loop ("while").
PARTS = {
    "matrix products of the steps": r"while/.*MatMul",
    "optimizer and weight decay": r"while/adam/",
    "bias, ReLU and dropout": r"while/mul_\d+$",
    "gradients of bias and ReLU": r"while/.*(BiasAddGrad|ReluGrad)",
    "images: gather, scale": r"while/(truediv|GatherV2)$",
    "loss and accuracy of the steps": r"while/",
    "validation": r"",
}
OTHER = "everything else: copies, loop"


class Epoch:
    """A compiled epoch whose operations can be timed.

    Args:
        dump: directory for XLA's dump.
    """

    def __init__(self, dump: Path) -> None:
        from mnist_mlp.libraries.tensorflow_state import use_threads

        use_threads(1)  # imports TensorFlow, after which XLA's flags are ours to set; XLA reads them when it is used
        os.environ["XLA_FLAGS"] = f"--xla_dump_to={dump} --xla_dump_hlo_as_text"
        from mnist_mlp.training.compile_key import CompileKey
        from mnist_mlp.training.compiled_epoch import compiled_epoch
        from mnist_mlp.training.model import build_model
        from mnist_mlp.training.training_step import step_inputs

        self._dump = dump
        self._program = compiled_epoch(CompileKey.of(PRESET), load_training_data(PROJECT / "MNIST_data"))
        self._inputs = step_inputs(PRESET, SEED)
        network = self._program.network
        network.set_state(network.initial_state(build_model(PRESET, SEED).get_weights()))
        self._number = 0
        self.train()
        self.train()  # twice, so that the first epoch, which compiles, is not measured

    def train(self) -> float:
        """Trains for an epoch. Returns the seconds."""
        from mnist_mlp.training.learning_rates import rates_of
        from mnist_mlp.training.loop import shuffle

        self._number += 1
        order = shuffle(MNIST.training_images, SEED, self._number)
        rates = rates_of(PRESET, self._number, self._program.steps)
        started = time.perf_counter()
        float(self._program.run(order, self._number, rates, self._inputs).unit_penalty)  # waits for the result
        return time.perf_counter() - started

    def operations(self) -> dict[str, str]:
        """Returns the TensorFlow name of each operation of the compiled program, by its name there."""
        (program,) = self._dump.glob("*_run_*cpu_after_optimizations.txt")
        found = re.finditer(r"^ +(?:ROOT )?%?([\w.-]+) = .*op_name=\"([^\"]*)\"", program.read_text(), re.MULTILINE)
        return {match[1]: match[2] for match in found}

    def profile(self) -> tuple[float, Counter[str]]:
        """Trains for an epoch. Returns its seconds, and those of each operation by its name in the compiled program."""
        from mnist_mlp.libraries.quiet_tensorflow import tf

        with tempfile.TemporaryDirectory() as folder:
            tf.profiler.experimental.start(folder)
            whole = self.train()
            tf.profiler.experimental.stop()
            (trace,) = Path(folder).rglob("*.xplane.pb")
            return whole, seconds_of_events(trace.read_bytes())


def seconds_of_events(trace: bytes) -> Counter[str]:
    """Returns the total seconds of each event in a trace of TensorFlow's profiler."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    seconds: Counter[str] = Counter()
    for plane in xplane_pb2.XSpace.FromString(trace).planes:
        for event in itertools.chain.from_iterable(line.events for line in plane.lines):
            seconds[plane.event_metadata[event.metadata_id].name] += event.duration_ps / 1e12
    return seconds


def seconds_of_parts(operations: dict[str, str], seconds: Counter[str]) -> dict[str, float]:
    """Returns the seconds of each of PARTS."""
    parts = dict.fromkeys(PARTS, 0.0)
    for name, operation in operations.items():
        part = next(part for part, pattern in PARTS.items() if re.search(pattern, operation))
        parts[part] += seconds[name] if not name.startswith("while") else 0.0  # the loop contains the others
    return parts


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


def measure() -> dict[str, list[float]]:
    """Returns the seconds of each round: of the epoch, its parts, and NumPy's products."""
    measured: dict[str, list[float]] = {}

    def add(name: str, seconds: float) -> None:
        measured.setdefault(name, []).append(seconds)

    with tempfile.TemporaryDirectory() as dump:
        epoch = Epoch(Path(dump))
        operations = epoch.operations()
        for _ in range(ROUNDS):
            whole, seconds_of_operations = epoch.profile()
            parts = seconds_of_parts(operations, seconds_of_operations)
            add("compiled epoch", whole)
            for part, seconds in parts.items():
                add(part, seconds)
            add(OTHER, whole - sum(parts.values()))
            add("NumPy: matrix products of the steps", seconds_of_products(PRESET))
            add("NumPy: as many operations in large products", epoch_flops(PRESET) / matrix_product_flops_per_second())
    return measured


def table(measured: dict[str, Any]) -> str:
    """Returns the medians as a Markdown table."""
    whole = statistics.median(measured["compiled epoch"])
    rows = [
        f"| {name} | {statistics.median(seconds):.3f} ({min(seconds):.3f} to {max(seconds):.3f}) "
        f"| {statistics.median(seconds) / whole:.0%} |"
        for name, seconds in measured.items()
    ]
    title = f"Seconds per epoch of preset 31, one thread, median (minimum to maximum) of {ROUNDS} rounds:"
    return "\n".join([title, "", "| part | seconds | share |", "| --- | --- | --- |", *rows])


if __name__ == "__main__":
    print(table(measure()))
