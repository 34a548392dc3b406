"""Many jobs, a preset with a seed each, trained one after another into run folders."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mnist_mlp.data import load_training_data
from mnist_mlp.errors import WorkFailed, in_one_line
from mnist_mlp.info_logs import InfoLogs
from mnist_mlp.interruption import Interruption
from mnist_mlp.preset import Preset
from mnist_mlp.recording import Recorder
from mnist_mlp.run_folder import RunFolder
from mnist_mlp.training import EpochResult, train


@dataclass(frozen=True)
class Job:
    """One training to do."""

    preset_number: int
    preset: Preset
    seed: int


class Watcher(Protocol):
    """What is told how a sweep goes."""

    def run_started(self, job: Job, run: RunFolder) -> None: ...

    def epoch_ended(self, run: RunFolder, result: EpochResult) -> None: ...

    def run_ended(self, run: RunFolder) -> None: ...


def run_sweep(
    jobs: Iterable[Job], data_dir: Path, runs_dir: Path, info_dir: Path, watcher: Watcher, interruption: Interruption
) -> list[RunFolder]:
    """Trains every job and returns their runs; one that fails is recorded as failed and does not stop the others.

    Raises:
        KeyboardInterrupt: it was interrupted; the run under way is recorded as interrupted.
        WorkFailed: the training data cannot be had, or a run's folder cannot be made.
        UsageError: a table in info_dir cannot be appended to.
    """
    data = load_training_data(data_dir)
    info_logs = InfoLogs(info_dir)
    interruption.training_begins()
    runs = []
    for job in jobs:
        try:
            recorder = Recorder(runs_dir, info_logs, job.preset_number, job.preset, job.seed)
        except OSError as error:
            raise WorkFailed(f"no run can be written in {runs_dir} ({error.strerror or error})") from error
        runs.append(recorder.run)
        watcher.run_started(job, recorder.run)
        try:
            for result in train(job.preset, job.seed, data):
                recorder.record_epoch(result)
                watcher.epoch_ended(recorder.run, result)
                if interruption.requested:
                    raise KeyboardInterrupt(f"Interrupted; what was trained until then is in {recorder.run.path}")
            recorder.end("finished")
        except KeyboardInterrupt:
            recorder.end("interrupted")
            raise
        except Exception as error:
            with contextlib.suppress(
                OSError
            ):  # on a full disk not even this can be written, yet the others may end well
                recorder.end("failed", f"{type(error).__name__}: {in_one_line(error)}")
        watcher.run_ended(recorder.run)
    return runs
