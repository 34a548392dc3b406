"""Jobs, what can happen to them, and what an engine is. Imports no TensorFlow.

An engine takes jobs from a source when it can start one, and yields events; all recording is done by its caller. So a
job gives the same bits and the same files wherever it runs.
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

POLL_SECONDS = 0.1  # how often an idle engine asks a source that has no job at the moment


@dataclass(frozen=True, eq=False)
class Job:
    """One training to do. Compared by identity.

    Attributes:
        run: to go on with; None creates a new one.
        resume_from: the state of that run.
        data_set: to train on; the engine must have been given it.
    """

    preset_number: int
    preset: Preset
    seed: int
    run: RunFolder | None = None
    resume_from: TrainingState | None = None
    data_set: DataSet = MNIST

    @property
    def epochs_left(self) -> int:
        """How many epochs are to be trained."""
        return self.preset.epochs - (self.resume_from.epoch if self.resume_from else 0)


class NotNow(Enum):
    """The type of NOT_NOW."""

    NOT_NOW = "not now"


NOT_NOW: Final = NotNow.NOT_NOW
"""The answer of a source that has no job at the moment, but may have one after a later event."""

JobSource = Iterator[Job | NotNow]
"""Gives the next job when asked; StopIteration means that there are no more."""


@dataclass(frozen=True)
class Started:
    """A job has begun."""

    job: Job


@dataclass(frozen=True)
class EpochDone:
    """A job has finished an epoch."""

    job: Job
    result: EpochResult


@dataclass(frozen=True)
class Retried:
    """A job has lost its machine or process and goes on elsewhere, after its last epoch."""

    job: Job
    reason: str


@dataclass(frozen=True)
class Ended:
    """A job is over, the last event of every job that began.

    Attributes:
        failure: why it failed; "" if it did not.
        canceled: whether it was canceled.
    """

    job: Job
    failure: str = ""
    canceled: bool = False


Event = Started | EpochDone | Retried | Ended


class Engine(Protocol):
    """Where trainings run."""

    def run(self, source: JobSource) -> Iterator[Event]:
        """Trains the jobs of the source; asks for one whenever one can start, and again after every event."""

    def cancel(self, job: Job) -> None:
        """Stops a job that is under way: the next event that it has is `Ended`. Does nothing for other jobs."""

    def close(self) -> None:
        """Stops everything at once."""


class JobFeed:
    """Takes jobs from a source and remembers when there are no more.

    Attributes:
        is_exhausted: whether the source said that there are no more.
    """

    def __init__(self, source: JobSource) -> None:
        self._source = iter(source)
        self.is_exhausted = False

    def take(self) -> Job | None:
        """Returns the next job; None if there is none at the moment or at all."""
        if self.is_exhausted:
            return None
        try:
            job = next(self._source)
        except StopIteration:
            self.is_exhausted = True
            return None
        return None if job is NOT_NOW else job
