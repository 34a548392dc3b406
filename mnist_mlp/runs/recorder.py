"""Writes a training into its run folder, its TensorBoard summaries and the INFOS tables, epoch by epoch."""

from __future__ import annotations

import importlib.metadata
import math
import os
import platform
import shutil
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mnist_mlp.data.dataset import training_data_sha256
from mnist_mlp.files import sha256_of
from mnist_mlp.presets.preset import Preset
from mnist_mlp.runs.events import Summaries
from mnist_mlp.runs.info_tables import InfoLogs
from mnist_mlp.runs.run_folder import RunFolder, RunRecord
from mnist_mlp.runs.states import save_state
from mnist_mlp.training.model import build_model
from mnist_mlp.training.results import EpochResult, Metrics, TrainingState

MOST_CHECKPOINTS = 3
SHARE_OF_TIME_FOR_STATES = 0.05


def new_run(runs_dir: Path, preset_number: int, preset: Preset, seed: int) -> RunFolder:
    """Makes the folder of a run that is about to begin.

    Raises:
        OSError: it cannot be made.
    """
    record = RunRecord(
        preset_number=preset_number,
        preset=preset,
        seed=seed,
        versions=_versions(),
        machine={"system": platform.platform(), "processor": platform.machine(), "cores": os.cpu_count()},
        data_sha256=training_data_sha256(),
    )
    return RunFolder.create(runs_dir, int(time.time()), record)


class Recorder:
    """Keeps a run's folder, its summaries and the INFOS tables up with its training.

    Whatever one of them lacks of the epochs that the run's record has, because a process was killed in between, is
    written first.

    Attributes:
        run: the folder, held by this process; its record always holds every epoch recorded so far.
    """

    def __init__(self, run: RunFolder, info_logs: InfoLogs) -> None:
        self.run = run
        self._info_logs = info_logs
        record = run.record
        self._model = build_model(record.preset, record.seed)  # only to write checkpoints with
        self._summaries = Summaries(run.summaries, run.name, record.preset_number, record.preset, record.seed)
        self._summaries.write_graph(self._model)
        self._logged = info_logs.epochs_of(run) if record.epochs else set()
        self._unsaved: TrainingState | None = None
        self._last_save = time.monotonic()
        self._save_seconds = 0.0
        for epoch in record.epochs:
            self._log(epoch)

    def record_epoch(self, result: EpochResult) -> None:
        """Records the epoch; where it is to be kept, its checkpoint first, so that no record names a missing one."""
        record = self.run.record
        record.epochs.append(
            {
                "epoch": result.epoch,
                "seconds": result.seconds,
                "learning_rate": result.learning_rate,
                "train": _plain(result.train),
                "validation": _plain(result.validation),
                "layers": {name: asdict(statistics) for name, statistics in result.layers.items()},
            }
        )
        self._summaries.write_histograms(result.epoch, result.histograms)  # before the record, which lacks them
        is_better = not record.best_epoch or result.validation.accuracy > record.best_validation_accuracy
        if (is_better or record.preset.final_fit) and not result.diverged:
            self._save_checkpoint(result)
            record.best_epoch = result.epoch
        if result.diverged:
            record.status = "diverged"
        else:
            self._unsaved = result.state
            if self._save_seconds <= SHARE_OF_TIME_FOR_STATES * (time.monotonic() - self._last_save):
                self._save_state()
        self.run.save_record()
        self._log(record.epochs[-1])

    def end(self, status: str, reason: str = "") -> None:
        """Closes the run with a status of `run_folder.STATUSES`; a run that diverged stays "diverged"."""
        self._summaries.close()
        record = self.run.record
        if record.status != "diverged":
            record.status, record.reason = status, reason
        if self._unsaved:
            self._save_state()
        if record.best_checkpoint:
            unfinished = self.run.checkpoints / f".{self.run.best_model.name}"
            shutil.copyfile(self.run.best_checkpoint, unfinished)
            os.replace(unfinished, self.run.best_model)
        if record.status in ("finished", "diverged"):
            self._info_logs.append_run(self.run)
        record.finished = datetime.now(UTC).isoformat(timespec="seconds")  # last: it says that nothing is left to do
        self.run.save_record()
        self.run.release()

    def _log(self, epoch: dict[str, Any]) -> None:
        if epoch["epoch"] not in self._logged:
            self._info_logs.append_epoch(self.run, epoch)
        record = self.run.record
        until_then = record.epochs[: epoch["epoch"]]
        finite = (each["validation"]["accuracy"] for each in until_then if math.isfinite(each["validation"]["loss"]))
        self._summaries.write_epoch(epoch, None if record.preset.final_fit else max(finite, default=0.0))

    def _save_state(self) -> None:
        """Saves what a resume needs; so seldom, where epochs are short, that saving takes a small share of the time."""
        started = time.monotonic()
        save_state(self.run, self._unsaved)
        self._unsaved = None
        self._last_save = time.monotonic()
        self._save_seconds = self._last_save - started

    def _save_checkpoint(self, result: EpochResult) -> None:
        """Writes a whole checkpoint of standard Keras, names it in the record, drops the oldest beyond three."""
        self._model.set_weights(result.state.evaluated_weights)
        path = self.run.checkpoints / f"epoch_{result.epoch:06d}.keras"
        unfinished = path.with_name(f".{path.name}")
        self._model.save(unfinished)
        self.run.record.best_checkpoint = path.relative_to(self.run.path).as_posix()
        self.run.record.best_checkpoint_sha256 = sha256_of(unfinished.read_bytes())
        os.replace(unfinished, path)
        for old in sorted(self.run.checkpoints.glob("epoch_*.keras"))[:-MOST_CHECKPOINTS]:
            old.unlink()


def _plain(metrics: Metrics) -> dict[str, float]:
    return {"loss": metrics.loss, **asdict(metrics)}


def _versions() -> dict[str, str]:
    packages = ("tensorflow", "keras", "numpy", "tensorboard")
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in packages}}
