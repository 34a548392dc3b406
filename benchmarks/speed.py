"""Compares training speed with Keras, PyTorch and JAX. Prints results.md and writes it and results.json to benchmarks/.

.venv/bin/python -m benchmarks.speed                            full benchmark
.venv/bin/python -m benchmarks.speed --rounds 1 --networks 10   one network, one round

The contenders take turns of a few epochs, so that changes in the machine's speed affect all of them equally. Each has
its own process, which is idle between its turns. All do the same work: the same network, 55,000 images in a new order
every epoch, dropout, L2 penalty, Adam, and validation on 5,000 images. Each uses all cores.
"""

from __future__ import annotations

from mnist_mlp.errors import install_error_hook

if __name__ == "__main__":
    install_error_hook()

import argparse
import importlib.metadata
import itertools
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.contenders.protocol import cores
from benchmarks.speed_tables import markdown
from mnist_mlp.commands import PROJECT
from mnist_mlp.console.command_line import ArgumentParser
from mnist_mlp.data.dataset import MNIST
from mnist_mlp.disk.strict_json import to_json
from mnist_mlp.presets.checks import not_allowed
from mnist_mlp.presets.preset import Preset

from hyperparameters import PRESETS

DATA = PROJECT / "MNIST_data"
NETWORKS = {
    "preset 31": PRESETS[31],
    "preset 10": PRESETS[10],
    "2000-1500-1000-500": PRESETS[31].but(hidden_sizes=(2000, 1500, 1000, 500)),
}
LARGE = 2_000_000  # weights; larger networks get one epoch per turn and at most three rounds
CONTENDERS = {
    "our sweep": ("ours", "sweep"),
    "our single run": ("ours", "single"),
    "Keras fit, arrays": ("keras_fit", "arrays"),
    "Keras fit, tf.data": ("keras_fit", "tf.data"),
    "Keras fit, steps_per_execution": ("keras_fit", "steps_per_execution"),
    "PyTorch, eager": ("pytorch", "eager"),
    "PyTorch, compiled": ("pytorch", "compiled"),
    "JAX, scan": ("jax_scan", "scan"),
}
LOWER_BOUND = "lower bound"


class Contender:
    """A process that trains a preset on request. If it failed, `failure` is the reason; otherwise it is empty."""

    def __init__(self, name: str, preset: Preset) -> None:
        module, variant = CONTENDERS[name]
        self.epochs_at_once = cores() if variant == "sweep" else 1
        self.accuracy = self.megabytes = 0.0
        self.failure = ""
        command = [sys.executable, "-m", f"benchmarks.contenders.{module}", variant]
        self._process = subprocess.Popen(
            [*command, json.dumps(preset.to_dict()), str(DATA)],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def take_turn(self, epochs: int) -> float:
        """Trains this many epochs and returns the seconds per epoch and preset."""
        started = time.perf_counter()
        self._process.stdin.write(f"{epochs}\n")
        self._process.stdin.flush()
        self._answer()
        seconds = (time.perf_counter() - started) / (epochs * self.epochs_at_once)
        tree = [psutil.Process(self._process.pid), *psutil.Process(self._process.pid).children(recursive=True)]
        self.megabytes = max(self.megabytes, sum(process.memory_info().rss for process in tree) / 1e6)
        return seconds

    def end(self) -> None:
        tree = [*psutil.Process(self._process.pid).children(recursive=True), self._process]
        for process in tree:
            process.kill()
        self._process.wait()

    def _answer(self) -> None:
        line = self._process.stdout.readline()
        try:
            answer = json.loads(line)
        except ValueError:
            answer = {"failure": (self._process.stderr.read().strip().splitlines() or ["process ended"])[-1][:200]}
        self.failure = answer.get("failure", "")
        self.accuracy = answer.get("validation_accuracy", self.accuracy)


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


def measure_epochs(network: str, rounds: int, log: Callable[[str], None]) -> list[dict]:
    """Returns one row per contender: seconds per epoch and preset in each round, memory and validation accuracy."""
    preset = NETWORKS[network]
    is_large = sum(a * b for a, b in itertools.pairwise(MNIST.layer_sizes(preset))) > LARGE
    rounds, epochs = (min(rounds, 3), 1) if is_large else (rounds, 4)
    contenders = {}
    for name in CONTENDERS:
        log(f"{network}: starting {name}")
        contenders[name] = Contender(name, preset)
    seconds: dict[str, list[float]] = {name: [] for name in (*CONTENDERS, LOWER_BOUND)}
    for number in range(rounds):
        for name, contender in contenders.items():
            if not contender.failure:
                seconds[name].append(contender.take_turn(epochs))
                log(f"{network}, round {number + 1} of {rounds}: {name} {seconds[name][-1]:.2f} s")
        seconds[LOWER_BOUND].append(epoch_flops(preset) / matrix_product_flops_per_second())
    for contender in contenders.values():
        contender.end()
    return [_row(network, name, measured, contenders.get(name)) for name, measured in seconds.items()]


def _row(network: str, name: str, seconds: list[float], contender: Contender | None) -> dict[str, Any]:
    return {
        "network": network,
        "how": name,
        "seconds": seconds,
        "megabytes": contender.megabytes if contender else None,
        "validation_accuracy": contender.accuracy if contender else None,
        "failure": contender.failure if contender else "",
    }


def train(*options: str) -> float:
    """Runs MNIST_train.py and returns its wall-clock time in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        command = [sys.executable, "MNIST_train.py", *options, "--runs-dir", f"{folder}/runs", "--info-dir", folder]
        if subprocess.run(command, cwd=PROJECT, stdout=subprocess.DEVNULL).returncode:
            raise SystemExit(f"MNIST_train.py {' '.join(options)} failed")
        return time.perf_counter() - started


def measure_where_time_goes(rounds: int, log: Callable[[str], None]) -> dict[str, dict[str, list[float]]]:
    """Returns the seconds per round of each step until the end of the first epoch, and of each step within an epoch."""
    parts: dict[str, dict[str, list[float]]] = {"start_up": {}, "epoch": {}}
    for number in range(rounds):
        log(f"where time goes, round {number + 1} of {rounds}")
        command = [sys.executable, "-m", "benchmarks.where_time_goes", str(time.time()), "30"]
        for part, steps in json.loads(subprocess.check_output(command, cwd=PROJECT)).items():
            for step, seconds in steps.items():
                parts[part].setdefault(step, []).append(seconds)
    return parts


def measure_growth(log: Callable[[str], None]) -> list[dict]:
    """Returns the total seconds of one-epoch sweeps, for increasing numbers of presets and of workers."""
    sweeps = [(f"1-{presets}", None) for presets in (1, 2, 4, 8, 16, 37)]
    sweeps += [("1-8", workers) for workers in (1, 2, 3, 4)]
    rows = []
    for presets, workers in sweeps:
        log(f"sweep: presets {presets}, workers {workers or 'one per core'}")
        total = train("--presets", presets, "--epochs", "1", *(("--workers", str(workers)) if workers else ()))
        rows.append({"presets": presets, "workers": workers, "seconds": total})
    return rows


def conditions() -> dict[str, str]:
    versions = {}
    for package in ("tensorflow", "keras", "numpy", "torch", "jax"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return {
        "date": time.strftime("%Y-%m-%d"),
        "processor": _processor(),
        "cores": str(cores()),
        "python": platform.python_version(),
        **versions,
    }


def _processor() -> str:
    cpu_info = Path("/proc/cpuinfo")
    if cpu_info.exists():
        for line in cpu_info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def parse_arguments() -> argparse.Namespace:
    parser = ArgumentParser("Compares training speed with Keras, PyTorch and JAX.")
    parser.add_whole_number("--rounds", 1, 1000, default=5, help="number of turns per contender")
    parser.add_argument(
        "--networks",
        default="31,10,large",
        metavar="LIST",
        help="comma-separated list of 31, 10 and large; empty for none (default: all)",
    )
    parser.add_argument("--only-epochs", action="store_true", help="skip the measurements of steps and of whole sweeps")
    parser.add_folder("--output-dir", "benchmarks", "directory for results.md and results.json")
    return parser.parse_args()


def networks_named(text: str) -> list[str]:
    """Returns the keys of NETWORKS for a list of short names, for example "31,large".

    Raises:
        UsageError: a name is unknown.
    """
    by_short_name = dict(zip(("31", "10", "large"), NETWORKS, strict=True))
    names = [name for name in text.split(",") if name]
    unknown = [name for name in names if name not in by_short_name]
    if unknown:
        raise not_allowed("--networks", unknown[0], "a comma-separated list of 31, 10 and large")
    return [by_short_name[name] for name in names]


def main() -> None:
    options = parse_arguments()
    chosen = networks_named(options.networks)

    def log(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    os.environ["PYTHONWARNINGS"] = "ignore"
    results: dict[str, Any] = {"conditions": conditions(), "epochs": [], "start_up": {}, "epoch": {}, "growth": []}

    def write() -> None:
        (options.output_dir / "results.json").write_text(to_json(results, indent=1) + "\n")
        (options.output_dir / "results.md").write_text(markdown(results))

    if not options.only_epochs:
        results |= measure_where_time_goes(options.rounds, log)
        results["growth"] = measure_growth(log)
        write()
    for network in chosen:
        results["epochs"] += measure_epochs(network, options.rounds, log)
        write()
    print(markdown(results))


if __name__ == "__main__":
    main()
