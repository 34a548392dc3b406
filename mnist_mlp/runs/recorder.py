"""Records a training, epoch by epoch: run folder, saved states, TensorBoard events and the tables of INFOS/."""

from __future__ import annotations

import importlib.metadata
import math
import os
import platform
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mnist_mlp.data.dataset import MNIST, DataSet
from mnist_mlp.presets.preset import Preset
from mnist_mlp.runs.checkpoints import copy_best_checkpoint, save_checkpoint
from mnist_mlp.runs.events import Summaries
from mnist_mlp.runs.info_tables import InfoLogs
from mnist_mlp.runs.record import RunRecord, RunStatus
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.runs.states import save_state
from mnist_mlp.training.model import build_model
from mnist_mlp.training.results import EpochResult, Metrics, TrainingState

SHARE_OF_TIME_FOR_STATES = 0.05
PACKAGES = ("tensorflow", "keras", "numpy", "tensorboard")


def new_run(runs_dir: Path, preset_number: int, preset: Preset, seed: int, data_set: DataSet = MNIST) -> RunFolder:
    """Creates the folder of a run that is about to begin.

    Raises:
        OSError: it cannot be created.
    """
    record = RunRecord(
        preset_number=preset_number,
        preset=preset,
        seed=seed,
        versions={
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in PACKAGES},
        },
        machine={"system": platform.platform(), "processor": platform.machine(), "cores": os.cpu_count()},
        data_set=data_set.name,
        data_sha256=data_set.sha256_of_training_files(),
    )
    return RunFolder.create(runs_dir, int(time.time()), record)


class Recorder:
    """Keeps a run's folder, its events and the tables of INFOS/ up to date with its training.

    Epochs of the record that events or tables lack, because a process was killed in between, are written first.

    Attributes:
        run: the folder, held by this process; its record always has every epoch recorded so far.

    Raises:
        OSError: something cannot be written; also raised by the methods.
    """

    def __init__(self, run: RunFolder, info_logs: InfoLogs) -> None:
        self.run = run
        self._info_logs = info_logs
        record = run.record
        self._model = build_model(record.preset, record.seed, record.trained_on)  # only to write checkpoints with
        self._summaries = Summaries(run)
        self._summaries.write_graph(self._model)
        self._states = _StateSaver(run)
        self._logged = info_logs.epochs_of(run) if record.epochs else set()
        for epoch in record.epochs:
            self._log(epoch)

    def record_epoch(self, result: EpochResult) -> None:
        """Records the epoch."""
        record = self.run.record
        record.epochs.append(_as_dict(result))
        self._summaries.write_histograms(result.epoch, result.histograms)  # first, since the record lacks them
        if result.diverged:
            record.status = RunStatus.DIVERGED
        else:
            if self._is_best(result):
                save_checkpoint(self.run, self._model, result.state)  # first, so that no record names a missing file
            self._states.offer(result.state)
        self.run.save_record()
        self._log(record.epochs[-1])

    def end(self, status: RunStatus, reason: str = "") -> None:
        """Closes the run with this status; a run that diverged keeps its status."""
        self._summaries.close()
        record = self.run.record
        if record.status != RunStatus.DIVERGED:
            record.status, record.reason = status, reason
        self._states.save_pending()
        copy_best_checkpoint(self.run)
        if record.status in (RunStatus.FINISHED, RunStatus.DIVERGED):
            self._info_logs.append_run(self.run)
        record.finished = datetime.now(UTC).isoformat(timespec="seconds")  # last: it means that nothing is left to do
        self.run.save_record()
        self.run.release()

    def _is_best(self, result: EpochResult) -> bool:
        record = self.run.record
        return (
            record.preset.final_fit
            or not record.best_epoch
            or result.validation.accuracy > record.best_validation_accuracy
        )

    def _log(self, epoch: dict[str, Any]) -> None:
        if epoch["epoch"] not in self._logged:
            self._info_logs.append_epoch(self.run, epoch)
        self._summaries.write_epoch(epoch, self._best_accuracy_until(epoch["epoch"]))

    def _best_accuracy_until(self, epoch: int) -> float | None:
        """Returns the best validation accuracy so far; None in a final fit, which has seen the validation images."""
        record = self.run.record
        if record.preset.final_fit:
            return None
        validations = [past["validation"] for past in record.epochs[:epoch]]
        return max((figures["accuracy"] for figures in validations if math.isfinite(figures["loss"])), default=0.0)


class _StateSaver:
    """Saves states, but not all of them if epochs are short, so that saving takes a small share of the time."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self._pending: TrainingState | None = None
        self._last_save = time.monotonic()
        self._save_seconds = 0.0

    def offer(self, state: TrainingState) -> None:
        """Saves the state if the last save is long enough ago, else keeps it for `save_pending`."""
        self._pending = state
        if self._save_seconds <= SHARE_OF_TIME_FOR_STATES * (time.monotonic() - self._last_save):
            self.save_pending()

    def save_pending(self) -> None:
        """Saves the latest state unless it is saved already."""
        if self._pending is None:
            return
        started = time.monotonic()
        save_state(self._run, self._pending)
        self._pending = None
        self._last_save = time.monotonic()
        self._save_seconds = self._last_save - started


def _as_dict(result: EpochResult) -> dict[str, Any]:
    return {
        "epoch": result.epoch,
        "seconds": result.seconds,
        "learning_rate": result.learning_rate,
        "train": _with_loss(result.train),
        "validation": _with_loss(result.validation),
        "layers": {name: asdict(statistics) for name, statistics in result.layers.items()},
    }


def _with_loss(metrics: Metrics) -> dict[str, float]:
    return {"loss": metrics.loss, **asdict(metrics)}
