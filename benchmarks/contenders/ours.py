"""Trains a preset and records everything, as MNIST_train.py does: in one run, or in one run per core in parallel."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import psutil

from benchmarks.contenders.protocol import SEED, cores, say
from mnist_mlp.presets.preset import Preset
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.sweep.jobs import Job
from mnist_mlp.sweep.local_engine import InThisProcess, WorkerProcesses
from mnist_mlp.sweep.sweep import run_sweep
from mnist_mlp.training.results import EpochResult

MANY_EPOCHS = 10_000  # the benchmark kills the process long before that


class Turns:
    """Lets a sweep train the epochs of a turn, then suspends it and its workers until the next turn."""

    requested = False  # the sweep is never interrupted

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._left = 2 * workers  # after two epochs per worker, everything is compiled
        self._turn_is_over = partial(say, ready=True)

    def training_begins(self) -> None: ...

    def interruptible(self, events: Iterable) -> Iterable:
        return events

    def run_started(self, job: Job, run: RunFolder) -> None: ...

    def run_ended(self, run: RunFolder) -> None:
        say(failure=f"the run ended: {run.record.status} {run.record.reason}")

    def epoch_ended(self, run: RunFolder, result: EpochResult) -> None:
        self._left -= 1
        if self._left:
            return
        for worker in psutil.Process().children():
            worker.suspend()
        self._turn_is_over()
        line = sys.stdin.readline()
        if not line:
            for worker in psutil.Process().children():
                worker.kill()
            os._exit(0)
        for worker in psutil.Process().children():
            worker.resume()
        self._left = int(line) * self._workers
        self._turn_is_over = partial(say, validation_accuracy=result.validation.accuracy)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("variant", choices=("single", "sweep"))
    parser.add_argument("preset", type=json.loads)
    parser.add_argument("data_dir", type=Path)
    arguments = parser.parse_args()
    preset = Preset.from_dict(arguments.preset).but(epochs=MANY_EPOCHS)
    workers = cores() if arguments.variant == "sweep" else 1
    jobs = [Job(1, preset, SEED + number) for number in range(workers)]
    engine = WorkerProcesses(workers, arguments.data_dir) if workers > 1 else InThisProcess(arguments.data_dir)
    turns = Turns(workers)
    with tempfile.TemporaryDirectory() as folder:
        run_sweep(jobs, engine, Path(folder, "runs"), Path(folder), turns, turns)


if __name__ == "__main__":
    main()
