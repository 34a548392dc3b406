"""Many jobs -> their run folders. An engine trains; everything is recorded here, in one process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from mnist_mlp.commands import command
from mnist_mlp.errors import WorkFailed, kind_and_text
from mnist_mlp.runs.info_tables import InfoLogs
from mnist_mlp.runs.record import InvalidRun, RunStatus
from mnist_mlp.runs.recorder import Recorder, new_run
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.sweep.jobs import Ended, Engine, EpochDone, Event, Job, JobSource, NotNow, Retried, Started
from mnist_mlp.sweep.signals import NOTHING_TRAINED, Interruption, StoppedBySignal
from mnist_mlp.training.results import EpochResult


class Watcher(Protocol):
    """Is called when something has happened in a sweep."""

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
    """Trains every job and returns their runs; one that fails is recorded as failed and does not stop the others.

    Args:
        jobs: a list, or a source that decides late which job comes next.

    Raises:
        StoppedBySignal: the sweep was interrupted; the runs under way are recorded as interrupted.
        WorkFailed: the training data cannot be loaded, or a run's folder cannot be created.
        UsageError: a table in info_dir cannot be appended to.
    """
    with contextlib.closing(engine):
        sweep = _Sweep(engine, runs_dir, InfoLogs(info_dir), watcher, interruption)
        interruption.training_begins()
        try:
            for event in interruption.interruptible(engine.run(sweep.jobs_until_stopped(iter(jobs)))):
                sweep.handle(event)
            sweep.stop_if_cut_short()
        except KeyboardInterrupt:
            raise StoppedBySignal(_message(sweep.runs, runs_dir, info_dir), interruption.signal_number) from None
        finally:
            sweep.interrupt_all()
    return list(sweep.runs.values())


class _Sweep:
    """Records what an engine reports.

    Attributes:
        runs: the run of every job that has begun.
    """

    def __init__(
        self, engine: Engine, runs_dir: Path, info_logs: InfoLogs, watcher: Watcher, interruption: Interruption
    ) -> None:
        self._engine = engine
        self._runs_dir = runs_dir
        self._info_logs = info_logs
        self._watcher = watcher
        self._interruption = interruption
        self._recorders: dict[Job, Recorder] = {}  # of the jobs under way
        self._was_cut_short = False
        self.runs: dict[Job, RunFolder] = {}

    def jobs_until_stopped(self, source: JobSource) -> Iterator[Job | NotNow]:
        """Yields the jobs of the source until the sweep is interrupted."""
        for job in source:
            if self._interruption.requested:
                self._was_cut_short = True
                return
            yield job

    def stop_if_cut_short(self) -> None:
        """Raises KeyboardInterrupt if an interruption has kept jobs from the engine."""
        if self._was_cut_short:
            raise KeyboardInterrupt

    def handle(self, event: Event) -> None:
        """Records the event.

        Raises:
            KeyboardInterrupt: an interruption was requested and no job is under way any more.
        """
        try:
            self._record(event)
        except OSError as error:
            self._abandon(event.job, error)
        if self._interruption.requested:
            self._end(event.job, RunStatus.INTERRUPTED)
            if not self._recorders:
                raise KeyboardInterrupt

    def interrupt_all(self) -> None:
        """Closes the runs under way as interrupted."""
        for job in list(self._recorders):
            self._end(job, RunStatus.INTERRUPTED)

    def _record(self, event: Event) -> None:
        job = event.job
        match event:
            case Started() if not self._interruption.requested:
                self._begin(job)
            case EpochDone(result=result) if job in self._recorders:
                self._recorders[job].record_epoch(result)
                self._watcher.epoch_ended(self.runs[job], result)
            case Retried(reason=reason) if job in self._recorders:
                self._watcher.run_retried(self.runs[job], reason)
            case Ended(failure=failure, canceled=canceled):
                status = RunStatus.FAILED if failure else RunStatus.INTERRUPTED if canceled else RunStatus.FINISHED
                self._end(job, status, failure)

    def _begin(self, job: Job) -> None:
        run = self.runs[job] = job.run or _new_run(self._runs_dir, job)
        self._watcher.run_started(job, run)
        self._recorders[job] = Recorder(run, self._info_logs)

    def _end(self, job: Job, status: RunStatus, reason: str = "") -> None:
        """Closes the job's run unless that has been done already."""
        recorder = self._recorders.pop(job, None)
        if not recorder:
            return
        try:
            recorder.end(status, reason)
        except OSError as error:
            _give_up(recorder.run, error)
        self._watcher.run_ended(recorder.run)

    def _abandon(self, job: Job, error: OSError) -> None:
        """Cancels a job that cannot be recorded any more."""
        self._recorders.pop(job, None)
        self._engine.cancel(job)
        _give_up(self.runs[job], error)
        self._watcher.run_ended(self.runs[job])


def _message(runs: dict[Job, RunFolder], runs_dir: Path, info_dir: Path) -> str:
    if not runs:
        return NOTHING_TRAINED
    resume = f"{command('MNIST_train.py', runs_dir=runs_dir, info_dir=info_dir)} --resume"
    return f"Interrupted; what was trained until then is in {runs_dir}. To go on: {resume}"


def _give_up(run: RunFolder, error: OSError) -> None:
    """Marks a run that cannot be recorded as failed; on a full disk even that may be impossible.

    The record is read again because the one in memory may be ahead of the files: a resume begins where these end.
    """
    with contextlib.suppress(InvalidRun):
        run.record = RunFolder.open(run.path).record
    run.record.status, run.record.reason = RunStatus.FAILED, kind_and_text(error)
    with contextlib.suppress(OSError):
        run.save_record()
    run.release()


def _new_run(runs_dir: Path, job: Job) -> RunFolder:
    try:
        return new_run(runs_dir, job.preset_number, job.preset, job.seed, job.data_set)
    except OSError as error:
        raise WorkFailed(f"no run can be written in {runs_dir} ({error.strerror or error})") from error
