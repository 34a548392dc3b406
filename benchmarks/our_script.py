"""Our own turns: MNIST_train.py, of this version or of a baseline, timed by the epochs that its records contain.

Only the command line and `record.json` are used, so any two versions of the project can be compared. What is printed
does not count: an epoch has ended when its record is on disk.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.contender import TurnFailed, kill_with_children, last_line_of, megabytes_of, seconds_per_epoch
from benchmarks.contenders.protocol import WARM_UP_EPOCHS
from benchmarks.measurement import Turn
from benchmarks.network import Network
from mnist_mlp.commands import PROJECT

DATA = PROJECT / "MNIST_data"
SECONDS_BETWEEN_LOOKS = 0.02
THREADS_OF_OLD_RECORDS = 2  # versions that do not record the number of threads always used two


@dataclass
class WatchedRun:
    """What is known about a run.

    Attributes:
        epochs_at: for each recorded epoch, the seconds since the command.
        record: the latest content of record.json.
    """

    epochs_at: list[float] = field(default_factory=list)
    record: dict[str, Any] = field(default_factory=dict)


class Training:
    """A process of MNIST_train.py."""

    def __init__(self, project: Path, options: list[str], folder: Path) -> None:
        self._runs: dict[Path, WatchedRun] = {}
        self._runs_dir, self._errors = folder / "runs", folder / "stderr"
        self._seen: dict[Path, tuple[int, int]] = {}
        folders = ["--runs-dir", str(self._runs_dir), "--info-dir", str(folder), "--data-dir", str(DATA)]
        with self._errors.open("wb") as errors:
            self._started = time.perf_counter()
            self._process = subprocess.Popen(
                [sys.executable, "MNIST_train.py", *options, *folders],
                cwd=project,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )

    def watch(self, is_enough: Callable[[list[WatchedRun]], bool]) -> list[WatchedRun]:
        """Waits until the records contain enough. Returns the runs.

        Raises:
            TurnFailed: the process has ended before that.
        """
        while True:
            has_ended = self._process.poll() is not None  # asked first: nothing is recorded afterwards
            self._look()
            runs = list(self._runs.values())
            if is_enough(runs):
                return runs
            if has_ended:
                raise TurnFailed(last_line_of(self._errors, "training ended too early"))
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def wait(self) -> float:
        """Waits for the end of the process. Returns the seconds since the command.

        Raises:
            TurnFailed: the exit status is not 0, or nothing was recorded.
        """
        status = self._process.wait()
        seconds = time.perf_counter() - self._started
        self._look()
        if status or not self._runs:
            raise TurnFailed(last_line_of(self._errors, "nothing was recorded"))
        return seconds

    def megabytes(self) -> float:
        return megabytes_of(self._process.pid)

    def end(self) -> None:
        kill_with_children(self._process.pid)
        self._process.wait()

    def _look(self) -> None:
        """Reads the records that have changed."""
        for path in self._runs_dir.glob("*/record.json"):
            with contextlib.suppress(FileNotFoundError, ValueError):  # it is being replaced
                status = path.stat()
                version = (status.st_mtime_ns, status.st_ino)
                if version == self._seen.get(path):
                    continue
                record = json.loads(path.read_bytes())
                self._seen[path] = version
                run = self._runs.setdefault(path, WatchedRun())
                run.record = record
                new = len(record["epochs"]) - len(run.epochs_at)
                run.epochs_at += [time.perf_counter() - self._started] * new


@contextlib.contextmanager
def training(project: Path, options: list[str]) -> Iterator[Training]:
    """Starts MNIST_train.py with new directories for its results, and deletes both at the end."""
    with tempfile.TemporaryDirectory() as folder:
        started = Training(project, options, Path(folder))
        try:
            yield started
        finally:
            started.end()


@dataclass(frozen=True)
class Epochs:
    """Trains one preset with several seeds at the same time, and measures epochs after the warm-up.

    Attributes:
        options: of MNIST_train.py, which select the preset.
        processes: number of seeds. The script decides how it trains them; they must all train at the same time.
        epochs: number of measured epochs per seed.
    """

    name: str
    project: Path
    options: tuple[str, ...]
    processes: int
    epochs: int

    def take_turn(self) -> Turn:
        """Trains until every run has recorded its measured epochs, and then stops."""
        with training(self.project, self._options()) as started:
            runs = started.watch(self.are_measured)
            megabytes = started.megabytes()
        record = runs[0].record
        return Turn(
            seconds_per_epoch(self.epochs, self.seconds_of(runs)),
            record.get("threads", THREADS_OF_OLD_RECORDS),
            megabytes,
            record["epochs"][self._last - 1]["validation"]["accuracy"],
        )

    def are_measured(self, runs: list[WatchedRun]) -> bool:
        return len(self.seconds_of(runs)) == self.processes

    def seconds_of(self, runs: list[WatchedRun]) -> list[float]:
        """Returns the seconds that each run took for the measured epochs, if it has recorded them.

        They begin when all runs are warmed up, so that all cores are busy.
        """
        if len(runs) < self.processes or any(len(run.epochs_at) < WARM_UP_EPOCHS for run in runs):
            return []
        begin = max(run.epochs_at[WARM_UP_EPOCHS - 1] for run in runs)
        after = [[at for at in run.epochs_at if at >= begin] for run in runs]
        return [epochs[self.epochs] - epochs[0] for epochs in after if len(epochs) > self.epochs]

    @property
    def _last(self) -> int:
        return WARM_UP_EPOCHS + self.epochs

    def _options(self) -> list[str]:
        more = 10 * self._last  # no run may end, and free its core, before all are measured
        return [*self.options, "--repeats", str(self.processes), "--epochs", str(more)]


def single_run(network: Network, epochs: int) -> Epochs:
    """Returns the contender that trains a network once."""
    return Epochs("our single run", PROJECT, network.options, processes=1, epochs=epochs)


@dataclass(frozen=True)
class _Command:
    """A command whose time is measured, in the project directory of one version."""

    name: str
    project: Path
    options: tuple[str, ...]
    processes = 1


class FirstEpoch(_Command):
    """Measures the time from the command until an epoch is recorded."""

    def take_turn(self) -> Turn:
        with training(self.project, list(self.options)) as started:
            runs = started.watch(lambda runs: any(run.epochs_at for run in runs))
        return Turn(min(run.epochs_at[0] for run in runs if run.epochs_at))


class WholeCommand(_Command):
    """Measures the time from the command until the process has ended and all runs have finished."""

    def take_turn(self) -> Turn:
        with training(self.project, list(self.options)) as started:
            return Turn(started.wait())
