"""Training with another library, in all its arrangements of processes and threads."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.contender import TurnFailed, kill_with_children, last_line_of, megabytes_of, seconds_per_epoch
from benchmarks.contenders.protocol import SEED, Task, cores
from benchmarks.measurement import Turn
from mnist_mlp.commands import PROJECT
from mnist_mlp.presets.preset import Preset

DATA = PROJECT / "MNIST_data"
LIBRARIES = {  # name: module, variant
    "Keras fit, arrays": ("benchmarks.contenders.keras_fit", "arrays"),
    "Keras fit, tf.data": ("benchmarks.contenders.keras_fit", "tf.data"),
    "Keras fit, steps_per_execution": ("benchmarks.contenders.keras_fit", "steps_per_execution"),
    "PyTorch, eager": ("benchmarks.contenders.pytorch", "eager"),
    "PyTorch, compiled": ("benchmarks.contenders.pytorch", "compiled"),
    "JAX, scan": ("benchmarks.contenders.jax_scan", "scan"),
}


def arrangements() -> list[tuple[int, int]]:
    """Returns pairs (processes, threads of each): all threads in one process, and one process per core."""
    return sorted({(1, cores()), (cores(), 1)})


class Library:
    """Trains a preset with a library, in several processes at the same time if there are several cores to use.

    Args:
        name: one of LIBRARIES.
        processes: number of processes; each trains the preset with a seed of its own.
        threads: number of threads of each process.
        epochs: number of epochs per turn and process, after the warm-up.
    """

    def __init__(self, name: str, preset: Preset, processes: int, threads: int, epochs: int) -> None:
        self.name, self.processes = name, processes
        self._threads, self._epochs = threads, epochs
        self._module, variant = LIBRARIES[name]
        self._tasks = [Task(variant, preset, SEED + number, threads, DATA) for number in range(processes)]

    def take_turn(self) -> Turn:
        """Trains WARM_UP_EPOCHS, and then the measured epochs, which all processes start together."""
        with contextlib.ExitStack() as until_end:
            trainings = [until_end.enter_context(_started(self._module, task)) for task in self._tasks]
            for training in trainings:
                training.answer()  # it is ready
            for training in trainings:
                training.request(self._epochs)
            answers = [training.answer() for training in trainings]
            megabytes = sum(megabytes_of(training.pid) for training in trainings)
        seconds = seconds_per_epoch(self._epochs, [answer["seconds"] for answer in answers])
        return Turn(seconds, self._threads, megabytes, answers[0]["validation_accuracy"])


@contextlib.contextmanager
def _started(module: str, task: Task) -> Iterator[_Training]:
    with tempfile.TemporaryDirectory() as folder:
        training = _Training(module, task, Path(folder, "stderr"))
        try:
            yield training
        finally:
            training.end()


class _Training:
    """A process that speaks `contenders/protocol.py`."""

    def __init__(self, module: str, task: Task, errors: Path) -> None:
        self._errors = errors
        with errors.open("wb") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *task.arguments()],
                cwd=PROJECT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
            )
        self.pid = self._process.pid

    def request(self, epochs: int) -> None:
        self._process.stdin.write(f"{epochs}\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """Waits for the next answer.

        Raises:
            TurnFailed: the process has reported a failure or ended.
        """
        line = self._process.stdout.readline()
        if not line:
            raise TurnFailed(last_line_of(self._errors, "the process ended"))
        answer = json.loads(line)
        if "failure" in answer:
            raise TurnFailed(answer["failure"][:200])
        return answer

    def end(self) -> None:
        kill_with_children(self.pid)
        self._process.communicate()
