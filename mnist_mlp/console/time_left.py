"""Estimates how long a sweep still takes."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import mean

from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.sweep.jobs import Job
from mnist_mlp.training.cost import expected_seconds
from mnist_mlp.training.results import EpochResult


class TimeLeft:
    """Estimates the time left from the epochs that have ended.

    The first epoch of a run includes compiling, so it says nothing about later ones. There is no estimate before a
    second epoch has ended.
    """

    def __init__(self, jobs: Iterable[Job]) -> None:
        self._work_left = 0.0  # in seconds on the machine for which `expected_seconds` was measured
        self._runs_to_start = 0
        self._running: set[str] = set()
        self._first_epochs: dict[str, float] = {}  # run name -> seconds
        self._first_work: dict[str, float] = {}
        self._seconds = self._work = 0.0  # of all epochs but the first ones
        for job in jobs:
            self.add(job)

    def add(self, job: Job) -> None:
        """Adds a job."""
        self._work_left += expected_seconds(job.preset, job.data_set) * job.epochs_left
        self._runs_to_start += 1

    def epoch_ended(self, run: RunFolder, result: EpochResult) -> None:
        """Takes into account that an epoch of a run has ended."""
        work = expected_seconds(run.record.preset, run.record.trained_on)
        self._work_left -= work
        if run.name in self._first_epochs:
            self._seconds += result.seconds
            self._work += work
        else:
            self._runs_to_start -= 1
            self._running.add(run.name)
            self._first_epochs[run.name], self._first_work[run.name] = result.seconds, work

    def run_ended(self, run: RunFolder) -> None:
        """Takes into account that a run has ended, perhaps before its last epoch."""
        record = run.record
        epochs_left = record.preset.epochs - len(record.epochs)
        self._work_left -= expected_seconds(record.preset, record.trained_on) * epochs_left
        if run.name not in self._first_epochs:  # it failed before its first epoch ended
            self._runs_to_start -= 1
        self._running.discard(run.name)

    def seconds(self) -> float | None:
        """Returns the time left in seconds, or None if it is not known yet."""
        if not self._work:
            return None
        per_work = self._seconds / self._work
        compiling = mean(
            max(0.0, seconds - per_work * self._first_work[name]) for name, seconds in self._first_epochs.items()
        )
        left = max(self._work_left, 0.0) * per_work + self._runs_to_start * compiling
        return left / max(1, len(self._running))
