"""Prints a line for every run that ends, with the time that is left."""

from __future__ import annotations

import time
from collections.abc import Sequence

from experiments.replicate_2020.runs_file import FinishedRun
from experiments.replicate_2020.training import number_of, penalty_of
from mnist_mlp.console.tables import duration
from mnist_mlp.sweep.jobs import Job
from mnist_mlp.training.cost import expected_seconds


class Progress:
    """Counts the runs of a sweep.

    Args:
        jobs: all runs that will be trained.
    """

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._runs, self._ended = len(jobs), 0
        self._work, self._done = sum(map(_work_of, jobs)), 0.0
        self._started = time.monotonic()

    def finished(self, job: Job, run: FinishedRun) -> None:
        """Prints the accuracies of a run."""
        on, off = (
            "no valid epoch" if validation is None else f"validation {validation:.2%} test {test:.2%}"
            for validation, test in (
                (run.dropout_on_validation, run.dropout_on_test),
                (run.dropout_off_validation, run.dropout_off_test),
            )
        )
        if job.preset.dropout:
            self._print(job, f"dropout on: {on}, off: {off}, {duration(run.seconds)}, {run.status}")
        else:
            self._print(job, f"{off}, {duration(run.seconds)}, {run.status}")

    def failed(self, job: Job, reason: str) -> None:
        """Prints why a run failed."""
        self._print(job, f"failed: {reason}")

    def _print(self, job: Job, text: str) -> None:
        self._ended += 1
        self._done += _work_of(job)
        spent = time.monotonic() - self._started
        left = duration(spent / self._done * (self._work - self._done))
        name = f"preset {number_of(job)}, seed {job.seed}"
        if job.preset.weight_decay:
            name += f", {penalty_of(job.preset)} penalty"
        print(f"{name}: {text} ({self._ended} of {self._runs}, about {left} left)", flush=True)


def _work_of(job: Job) -> float:
    return expected_seconds(job.preset, job.data_set) * job.epochs_left
