"""Jobs, their events, and the engine interface. Does not import TensorFlow.

An engine takes a job from its source when it can start one, and yields events. The caller records the results, so a
job produces the same bits and the same files on every engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from mnist_mlp.data.dataset import MNIST, DataSet
from mnist_mlp.presets.preset import Preset
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.training.results import EpochResult, TrainingState

POLL_SECONDS = 0.1  # delay before an idle engine asks the source again after NOT_NOW


@dataclass(frozen=True, eq=False)
class Job:
    """A run to train. Jobs are compared by identity.

    Attributes:
        run: the existing run to resume; None creates a new one.
        resume_from: saved state of that run; None starts at the first epoch.
        data_set: the data set to train on; must be one of the engine's data sets.
        changed: names of the hyperparameters that the command line changed (see `RunRecord.changed`).
        threads: number of threads to train with; None lets the engine choose.
    """

    preset_number: int
    preset: Preset
    seed: int
    run: RunFolder | None = None
    resume_from: TrainingState | None = None
    data_set: DataSet = MNIST
    changed: tuple[str, ...] = ()
    threads: int | None = None

    @property
    def epochs_left(self) -> int:
        """Number of epochs that remain to be trained."""
        return self.preset.epochs - (self.resume_from.epoch if self.resume_from else 0)


class NotNow(Enum):
    """The type of NOT_NOW."""

    NOT_NOW = "not now"


NOT_NOW: Final = NotNow.NOT_NOW
"""A source yields this if it has no job yet but may have one after a later event."""

JobSource = Iterator[Job | NotNow]
"""Yields the next job on request; StopIteration means that there are no more."""


@dataclass(frozen=True)
class Started:
    """A job has started.

    Attributes:
        threads: the number of threads that it trains with.
    """

    job: Job
    threads: int


@dataclass(frozen=True)
class EpochDone:
    """A job has finished an epoch."""

    job: Job
    result: EpochResult


@dataclass(frozen=True)
class Retried:
    """A job has lost its machine or process and will be resumed elsewhere after its last completed epoch."""

    job: Job
    reason: str


@dataclass(frozen=True)
class Ended:
    """A job has ended. This is the last event of every job that started.

    Attributes:
        failure: why the job failed; "" if it did not fail.
        canceled: whether the job was canceled.
    """

    job: Job
    failure: str = ""
    canceled: bool = False


Event = Started | EpochDone | Retried | Ended


class Engine(Protocol):
    """Trains jobs, for example in this process, in worker processes or on Ray."""

    def run(self, source: JobSource) -> Iterator[Event]:
        """Trains the jobs from the source. Asks for a job whenever one can start, and again after every event."""

    def cancel(self, job: Job) -> None:
        """Cancels a running job: its next event is `Ended`. Does nothing if the job is not running."""

    def close(self) -> None:
        """Stops all jobs immediately."""


class JobFeed:
    """Takes jobs from a source and remembers when the source is exhausted.

    Attributes:
        is_exhausted: whether the source has no more jobs.
    """

    def __init__(self, source: JobSource) -> None:
        self._source = iter(source)
        self.is_exhausted = False

    def take(self) -> Job | None:
        """Returns the next job, or None if there is none yet or the source is exhausted."""
        if self.is_exhausted:
            return None
        try:
            job = next(self._source)
        except StopIteration:
            self.is_exhausted = True
            return None
        return None if job is NOT_NOW else job
