"""Many jobs, a preset with a seed each -> run folders. Engines train; all recording happens here, in one process."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from mnist_mlp.commands import command
from mnist_mlp.errors import WorkFailed, kind_and_text
from mnist_mlp.runs.info_tables import InfoLogs
from mnist_mlp.runs.recorder import Recorder, new_run
from mnist_mlp.runs.run_folder import InvalidRun, RunFolder
from mnist_mlp.sweep.engines import Ended, Engine, EpochDone, Job, Retried, Started
from mnist_mlp.sweep.signals import NOTHING_TRAINED, Interruption, StoppedBySignal
from mnist_mlp.training.results import EpochResult


class Watcher(Protocol):
    """What is told how a sweep goes."""

    def run_started(self, job: Job, run: RunFolder) -> None: ...

    def epoch_ended(self, run: RunFolder, result: EpochResult) -> None: ...

    def run_retried(self, run: RunFolder, reason: str) -> None: ...

    def run_ended(self, run: RunFolder) -> None: ...


def run_sweep(
    jobs: Sequence[Job],
    engine: Engine,
    runs_dir: Path,
    info_dir: Path,
    watcher: Watcher,
    interruption: Interruption,
) -> list[RunFolder]:
    """Trains every job and returns their runs; one that fails is recorded as failed and does not stop the others.

    Raises:
        StoppedBySignal: it was interrupted; the runs under way are recorded as interrupted.
        WorkFailed: the training data cannot be had, or a run's folder cannot be made.
        UsageError: a table in info_dir cannot be appended to.
    """
    info_logs = InfoLogs(info_dir)
    interruption.training_begins()
    runs: dict[Job, RunFolder] = {}
    under_way: dict[Job, Recorder] = {}
    dropped: set[Job] = set()

    def end(job: Job, status: str, reason: str = "") -> None:
        recorder = under_way.pop(job, None)
        if recorder:  # None: it has ended before, since it could not be recorded
            try:
                recorder.end(status, reason)
            except OSError as error:
                _give_up(recorder.run, error)
            watcher.run_ended(recorder.run)

    with contextlib.closing(engine(jobs, dropped)) as events:
        try:
            for event in interruption.interruptible(events):
                job = event.job
                try:
                    match event:
                        case Started() if not interruption.requested:
                            runs[job] = job.run or _new_run(runs_dir, job)
                            watcher.run_started(job, runs[job])
                            under_way[job] = Recorder(runs[job], info_logs)
                        case EpochDone(result=result) if job in under_way:
                            under_way[job].record_epoch(result)
                            watcher.epoch_ended(under_way[job].run, result)
                        case Retried(reason=reason) if job in under_way:
                            watcher.run_retried(under_way[job].run, reason)
                        case Ended(failure=failure):
                            end(job, "failed" if failure else "finished", failure)
                except OSError as error:
                    under_way.pop(job, None)
                    dropped.add(job)  # what it would still learn, nobody could keep
                    _give_up(runs[job], error)
                    watcher.run_ended(runs[job])
                if interruption.requested:
                    end(job, "interrupted")
                    if not under_way:
                        raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise StoppedBySignal(
                f"Interrupted; what was trained until then is in {runs_dir}. "
                f"To go on: {command('MNIST_train.py', runs_dir=runs_dir, info_dir=info_dir)} --resume"
                if runs
                else NOTHING_TRAINED,
                interruption.signal_number,
            ) from None
        finally:
            for job in list(under_way):
                end(job, "interrupted")
    return list(runs.values())


def _give_up(run: RunFolder, error: OSError) -> None:
    """Marks a run as failed that cannot be recorded; on a full disk even that may not be written.

    What it had not recorded whole, it has not: a resume begins where its files end.
    """
    with contextlib.suppress(InvalidRun):
        run.record = RunFolder.open(run.path).record
    run.record.status, run.record.reason = "failed", kind_and_text(error)
    with contextlib.suppress(OSError):
        run.save_record()
    run.release()


def _new_run(runs_dir: Path, job: Job) -> RunFolder:
    try:
        return new_run(runs_dir, job.preset_number, job.preset, job.seed)
    except OSError as error:
        raise WorkFailed(f"no run can be written in {runs_dir} ({error.strerror or error})") from error
