"""Runs a sweep: an engine trains the jobs, and this process writes all results to disk."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from mnist_mlp.commands import command
from mnist_mlp.disk.disk_errors import explained, remedy
from mnist_mlp.errors import WorkFailed, kind_and_text
from mnist_mlp.runs.info_tables import InfoLogs
from mnist_mlp.runs.record import InvalidRun, RunStatus
from mnist_mlp.runs.recorder import Recorder, new_run
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.sweep.jobs import Ended, Engine, EpochDone, Event, Job, JobSource, NotNow, Retried, Started
from mnist_mlp.sweep.signals import NOTHING_TRAINED, Interruption, StoppedBySignal
from mnist_mlp.training.results import EpochResult


class Watcher(Protocol):
    """Receives notifications about a sweep, for example to display its progress."""

    def run_started(self, job: Job, run: RunFolder) -> None: ...

    def epoch_ended(self, run: RunFolder, result: EpochResult) -> None: ...

    def run_retried(self, run: RunFolder, reason: str) -> None: ...

    def run_ended(self, run: RunFolder) -> None: ...


def run_sweep(
    jobs: Iterable[Job | NotNow],
    engine: Engine,
    runs_dir: Path,
    info_dir: Path,
    watcher: Watcher,
    interruption: Interruption,
) -> list[RunFolder]:
    """Trains all jobs and returns their runs. A failed run is recorded as failed and does not stop the others.

    Args:
        jobs: a list of jobs, or a source that chooses each job only when asked for it.

    Raises:
        StoppedBySignal: the sweep was interrupted; unfinished runs are recorded as interrupted.
        WorkFailed: the training data cannot be loaded, or a run directory cannot be created.
        UsageError: a table in info_dir cannot be appended to.
    """
    with contextlib.closing(engine):
        sweep = _Sweep(engine, runs_dir, InfoLogs(info_dir), watcher, interruption)
        interruption.training_begins()
        try:
            for event in interruption.interruptible(engine.run(sweep.jobs_until_stopped(iter(jobs)))):
                sweep.handle(event)
            sweep.raise_if_stopped_early()
        except KeyboardInterrupt:
            raise StoppedBySignal(_message(sweep.runs, runs_dir, info_dir), interruption.signal_number) from None
        finally:
            sweep.interrupt_all()
    return list(sweep.runs.values())


class _Sweep:
    """Records the results that an engine reports.

    Attributes:
        runs: the run of each job that has started.
    """

    def __init__(
        self, engine: Engine, runs_dir: Path, info_logs: InfoLogs, watcher: Watcher, interruption: Interruption
    ) -> None:
        self._engine = engine
        self._runs_dir = runs_dir
        self._info_logs = info_logs
        self._watcher = watcher
        self._interruption = interruption
        self._recorders: dict[Job, Recorder] = {}  # of jobs that are running
        self._was_stopped_early = False
        self.runs: dict[Job, RunFolder] = {}

    def jobs_until_stopped(self, source: JobSource) -> Iterator[Job | NotNow]:
        """Yields the jobs from the source until the sweep is interrupted."""
        for job in source:
            if self._interruption.requested:
                self._was_stopped_early = True
                return
            yield job

    def raise_if_stopped_early(self) -> None:
        """Raises KeyboardInterrupt if jobs were not started because of an interruption."""
        if self._was_stopped_early:
            raise KeyboardInterrupt

    def handle(self, event: Event) -> None:
        """Records the event.

        Raises:
            KeyboardInterrupt: an interruption was requested and no job is running anymore.
        """
        try:
            self._record(event)
        except OSError as error:
            self._cancel_unwritable(event.job, error)
        if self._interruption.requested:
            self._end(event.job, RunStatus.INTERRUPTED)
            if not self._recorders:
                raise KeyboardInterrupt

    def interrupt_all(self) -> None:
        """Ends all running jobs and records their runs as interrupted."""
        for job in list(self._recorders):
            self._end(job, RunStatus.INTERRUPTED)

    def _record(self, event: Event) -> None:
        job = event.job
        match event:
            case Started(threads=threads) if not self._interruption.requested:
                self._begin(job, threads)
            case EpochDone(result=result) if job in self._recorders:
                self._recorders[job].record_epoch(result)
                self._watcher.epoch_ended(self.runs[job], result)
            case Retried(reason=reason) if job in self._recorders:
                self._watcher.run_retried(self.runs[job], reason)
            case Ended(failure=failure, canceled=canceled):
                status = RunStatus.FAILED if failure else RunStatus.INTERRUPTED if canceled else RunStatus.FINISHED
                self._end(job, status, failure)

    def _begin(self, job: Job, threads: int) -> None:
        run = self.runs[job] = job.run or _new_run(self._runs_dir, job, threads)
        self._watcher.run_started(job, run)
        self._recorders[job] = Recorder(run, self._info_logs)

    def _end(self, job: Job, status: RunStatus, reason: str = "") -> None:
        """Ends the job's run, unless it has already ended."""
        recorder = self._recorders.pop(job, None)
        if not recorder:
            return
        try:
            recorder.end(status, reason)
        except OSError as error:
            _mark_failed(recorder.run, error)
        self._watcher.run_ended(recorder.run)

    def _cancel_unwritable(self, job: Job, error: OSError) -> None:
        """Cancels a job whose results cannot be written anymore."""
        self._recorders.pop(job, None)
        self._engine.cancel(job)
        _mark_failed(self.runs[job], error)
        self._watcher.run_ended(self.runs[job])


def _message(runs: dict[Job, RunFolder], runs_dir: Path, info_dir: Path) -> str:
    if not runs:
        return NOTHING_TRAINED
    resume = f"{command('MNIST_train.py', runs_dir=runs_dir, info_dir=info_dir)} --resume"
    return f"Interrupted. The results so far are in {runs_dir}. To resume: {resume}"


def _mark_failed(run: RunFolder, error: OSError) -> None:
    """Marks a run as failed because its results cannot be written. On a full disk, even this may be impossible.

    Reads the record from disk first: the one in memory may be ahead of the files that a resume would start from.
    """
    with contextlib.suppress(InvalidRun):
        run.record = RunFolder.open(run.path).record
    run.record.status = RunStatus.FAILED
    run.record.reason = f"{kind_and_text(error)}; {remedy(error, run.path)}, then resume it with --resume"
    with contextlib.suppress(OSError):
        run.save_record()
    run.release()


def _new_run(runs_dir: Path, job: Job, threads: int) -> RunFolder:
    try:
        return new_run(runs_dir, job.preset_number, job.preset, job.seed, threads, job.data_set, job.changed)
    except OSError as error:
        raise WorkFailed(f"cannot create a run directory in {runs_dir} {explained(error, runs_dir)}") from error
