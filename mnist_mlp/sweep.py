"""Many jobs, a preset with a seed each, trained one after another into run folders."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mnist_mlp.data import load_training_data
from mnist_mlp.errors import in_one_line
from mnist_mlp.info_logs import InfoLogs
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


def run_sweep(jobs: Iterable[Job], data_dir: Path, runs_dir: Path, info_dir: Path, watcher: Watcher) -> list[RunFolder]:
    """Trains every job and returns their runs; one that fails is recorded as failed and does not stop the others.

    Raises:
        WorkFailed: the training data cannot be had.
        UsageError: a table in info_dir has other columns than ours.
    """
    data = load_training_data(data_dir)
    info_logs = InfoLogs(info_dir)
    runs = []
    for job in jobs:
        recorder = Recorder(runs_dir, info_logs, job.preset_number, job.preset, job.seed)
        runs.append(recorder.run)
        watcher.run_started(job, recorder.run)
        try:
            for result in train(job.preset, job.seed, data):
                recorder.record_epoch(result)
                watcher.epoch_ended(recorder.run, result)
        except KeyboardInterrupt:
            recorder.end("interrupted")
            raise
        except Exception as error:
            recorder.end("failed", f"{type(error).__name__}: {in_one_line(error)}")
        else:
            recorder.end("finished")
        watcher.run_ended(recorder.run)
    return runs
