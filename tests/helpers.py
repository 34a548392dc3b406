"""Helpers shared by test modules: small presets, made-up records and results, and script output."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import psutil

from mnist_mlp.presets.preset import Preset
from mnist_mlp.runs.info_tables import InfoLogs
from mnist_mlp.runs.record import RunRecord, RunStatus
from mnist_mlp.runs.run_folder import RunFolder, find_runs
from mnist_mlp.runs.states import save_state
from mnist_mlp.sweep.jobs import NOT_NOW, Engine, EpochDone, Event, Job, NotNow
from mnist_mlp.training.results import EpochResult, Metrics, TrainingState

PROJECT = Path(__file__).resolve().parent.parent

END_OF_PRESETS = '\nif __name__ == "__main__":'

Script = Callable[..., subprocess.CompletedProcess]


MadeOnce = Callable[[str, Callable[[Path], None]], Path]


DEFORMED = {"rotation": 7, "scaling": 0.1, "shear": 0.1, "shift": 1, "elastic": 0.7}


SMALL = Preset(hidden_sizes=(30, 20), batch_size=200, epochs=2, learning_rate=0.01, weight_init="he", bias_init="zeros")


EVERYTHING = SMALL.but(
    optimizer="sgd",  # not Adam: it turns the rounding noise in near-zero gradients into full-size steps
    learning_rate=0.1,
    normalization="batch",
    standardize=True,
    input_dropout=0.1,
    dropout=0.2,
    label_smoothing=0.1,
    weight_decay=0.01,
    decoupled_weight_decay=0.5,
    learning_rate_schedule="cosine",
    warmup=0.3,
    ema_decay=0.3,  # takes effect from the fourth step on
    adversarial=1.5,
    l1_decay=0.05,
    **DEFORMED,
)


def project_with(folder: Path, line: str) -> Path:
    """Copies the project to this directory and appends a line to its presets. Returns the path of the copy."""
    unwanted = {"runs", "INFOS", "tests", "benchmarks", "experiments"}

    def ignored(parent: str, names: list[str]) -> set[str]:
        hidden = {name for name in names if name.startswith(".") or name == "__pycache__"}
        return hidden | (unwanted if Path(parent) == PROJECT else set())

    project = Path(shutil.copytree(PROJECT, folder, ignore=ignored))
    (project / "hyperparameters.py").write_text(registry_with(line))
    return project


def registry_with(line: str) -> str:
    """Returns the text of hyperparameters.py with a line appended to its presets."""
    registry = (PROJECT / "hyperparameters.py").read_text()
    presets, end, script = registry.rpartition(END_OF_PRESETS)
    assert end
    return f"{presets}\n{line}\n{end}{script}"


def folders(folder: Path) -> list[str]:
    """Returns the options that make a script use runs/ and INFOS/ in this directory."""
    return ["--runs-dir", str(folder / "runs"), "--info-dir", str(folder / "INFOS")]


def only_line(process: subprocess.CompletedProcess) -> str:
    """Checks that standard error has exactly one line and returns it."""
    lines = process.stderr.strip().splitlines()
    assert len(lines) == 1, process.stderr
    return lines[0]


def runs_in(folder: Path) -> list[RunFolder]:
    return [RunFolder.open(path) for path in sorted((folder / "runs").iterdir())]


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def results(folder) -> dict[tuple[int, int], tuple]:
    """Returns the result of each run by (preset number, seed)."""
    runs = find_runs(folder / "runs").runs
    return {(run.record.preset_number, run.record.seed): result_of(run) for run in runs}


def result_of(run: RunFolder) -> tuple:
    """Returns the result of a run: the metrics of every epoch and the best weights."""
    metrics = [(epoch["train"], epoch["validation"]) for epoch in run.record.epochs]
    return metrics, zipfile.ZipFile(run.best_model).read("model.weights.h5")


def wait_for(process: subprocess.Popen, *texts: str, before: str | None = None) -> None:
    missing = set(texts)
    for line in process.stdout:
        assert not (before and before in line), missing
        missing -= {text for text in missing if text in line}
        if not missing:
            return
    raise AssertionError(f"process ended before printing {missing}: {process.stderr.read()}")


def mix(bits: np.ndarray) -> np.ndarray:
    """Returns the hash of each number, like `_mix` in `data/randomness.py`, but with NumPy."""
    bits = np.uint32(bits)
    bits = (bits ^ (bits >> np.uint32(16))) * np.uint32(0x7FEB352D)
    bits = (bits ^ (bits >> np.uint32(15))) * np.uint32(0x846CA68B)
    return bits ^ (bits >> np.uint32(16))


def bits_of(results) -> list[tuple]:
    return [
        (result.train, result.validation, *(weight.tobytes() for weight in result.state.weights)) for result in results
    ]


def epoch(number: int, accuracy: float, loss: float = 0.5) -> dict:
    """Returns the record of an epoch with this validation accuracy and loss."""
    validation = {"loss": loss, "cross_entropy": loss - 0.125, "l2_penalty": 0.125, "accuracy": accuracy}
    train = {"loss": loss + 1, "cross_entropy": loss + 0.875, "l2_penalty": 0.125, "accuracy": accuracy / 2}
    return {"epoch": number, "seconds": 1.5, "learning_rate": 0.001, "train": train, "validation": validation}


def a_record(**changes) -> RunRecord:
    fields = {"preset_number": 7, "preset": Preset(dropout=0.2), "seed": 1602, "status": RunStatus.FINISHED}
    best = {"best_epoch": 2, "best_checkpoint": "checkpoints/epoch_000002.keras"}
    return RunRecord(**{**fields, **best, "epochs": [epoch(1, 0.9), epoch(2, 0.95), epoch(3, 0.94)], **changes})


def numpy_key(*numbers: int) -> np.ndarray:
    """Returns the random key of these numbers (seed, epoch, step, layer index), computed with NumPy."""
    key = np.zeros(1, np.uint32)
    for number in numbers:
        key = mix(mix(key) ^ np.uint32(number))
    return key


def numpy_mask(seed: int, epoch: int, step: int, layer: int, shape: tuple[int, int], rate: float) -> np.ndarray:
    """Returns the dropout mask of a layer in a step, computed with NumPy."""
    key = numpy_key(seed, epoch, step, layer)
    bits = mix(mix(np.arange(shape[0] * shape[1], dtype=np.uint32)) ^ key)
    return ((bits >> np.uint32(8)) / 2.0**24 >= np.float32(rate)).reshape(shape) / np.float32(1 - rate)


TINY = Preset(hidden_sizes=(5,), epochs=8)


def made_up_result(epoch: int, accuracy: float, loss: float = 0.5) -> EpochResult:
    """Returns a result of TINY with this validation accuracy and loss. All weights are the epoch number."""
    weights = [np.full(shape, epoch, np.float32) for shape in ((784, 5), (5,), (5, 10), (10,))]
    train, validation = Metrics(loss + 1, 0.1, accuracy / 2), Metrics(loss - 0.1, 0.1, accuracy)
    return EpochResult(1.5, 0.001, train, validation, {}, {}, TrainingState(epoch, weights, optimizer_state=[]))


def save_initial_state(run: RunFolder) -> Path:
    """Saves a state of the run's last epoch with initial weights, because runs that are done keep none.

    Returns the directory of the state.
    """
    from mnist_mlp.training.model import build_model  # imports TensorFlow

    weights = build_model(run.record.preset, run.record.seed).get_weights()
    save_state(run, TrainingState(len(run.record.epochs), weights, optimizer_state=[]))
    return max(run.states.iterdir())


class LateSource:
    """A source of two jobs. The second is available only after `release`, for example after an epoch of the first.

    Attributes:
        refusals: number of times that it returned `NOT_NOW`.
    """

    def __init__(self, first: Job, second: Job) -> None:
        self._jobs = [second, first]
        self._is_released = False
        self.refusals = 0

    def __iter__(self) -> LateSource:
        return self

    def __next__(self) -> Job | NotNow:
        if not self._jobs:
            raise StopIteration
        if len(self._jobs) == 2 or self._is_released:
            return self._jobs.pop()
        self.refusals += 1
        return NOT_NOW

    def see(self, event: Event) -> None:
        if isinstance(event, EpochDone):
            self.release()

    def release(self) -> None:
        self._is_released = True


def events_of(
    engine: Engine, source: Sequence[Job] | LateSource, listener: Callable[[Event], None] = lambda event: None
) -> list[Event]:
    """Runs the jobs, calls the listener for every event and returns all events."""
    seen = []
    with contextlib.closing(engine):
        for event in engine.run(iter(source)):
            seen.append(event)
            assert len(seen) < 1000
            listener(event)
    return seen


def record_training(
    folder: Path,
    results: Sequence[EpochResult],
    preset: Preset = TINY,
    status: RunStatus = RunStatus.FINISHED,
    reason: str = "",
) -> RunFolder:
    """Records the results as a run of preset 7 with seed 1602. Returns the run as read back from disk."""
    from mnist_mlp.runs.recorder import Recorder, new_run  # imports TensorFlow

    recorder = Recorder(new_run(folder / "runs", 7, preset, 1602, 1), InfoLogs(folder))
    for result in results:
        recorder.record_epoch(result)
    recorder.end(status, reason)
    return RunFolder.open(recorder.run.path)


def run_without_training(folder: Path, seed: int = 3, **changes) -> RunFolder:
    """Records a small network with its initial weights as a finished run of one epoch."""
    from mnist_mlp.training.model import build_model  # imports TensorFlow

    preset = Preset(hidden_sizes=(8,), epochs=1).but(**changes)
    state = TrainingState(1, build_model(preset, seed).get_weights(), [])
    metrics = Metrics(1.0, 0.0, 0.5)
    return record_training(folder, [EpochResult(1.0, 0.1, metrics, metrics, {}, {}, state)], preset)


def start_sweep(folder: Path, *options: str) -> subprocess.Popen:
    """Starts MNIST_train.py with two workers and pipes for its output."""
    command = [sys.executable, "MNIST_train.py", *options, "--workers", "2", *folders(folder)]
    return subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def workers_of(process: subprocess.Popen) -> list[psutil.Process]:
    """Returns the two worker processes of a sweep."""
    children = psutil.Process(process.pid).children()
    workers = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    assert len(workers) == 2
    return workers


def on_terminal(*command: object, columns: int, **environment: str) -> tuple[int, str]:
    """Runs a script on a terminal. Returns its exit status and its output."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        [sys.executable, *map(str, command)],
        cwd=PROJECT,
        env={**inherited, "TERM": "xterm", **environment},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    output = b""
    while True:
        try:
            output += os.read(ours, 65536)
        except OSError:  # the process has ended
            break
    os.close(ours)
    return process.wait(timeout=60), output.decode(errors="replace")


def without_control_sequences(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)
