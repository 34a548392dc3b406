"""Writes a training into its run folder, its TensorBoard summaries and the INFOS tables, epoch by epoch."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from mnist_mlp.data import training_data_sha256
from mnist_mlp.info_logs import InfoLogs
from mnist_mlp.model import build_model
from mnist_mlp.preset import Preset
from mnist_mlp.results import EpochResult, Metrics
from mnist_mlp.run_folder import RunFolder, RunRecord
from mnist_mlp.summaries import Summaries

MOST_CHECKPOINTS = 3


class Recorder:
    """Makes a run folder and keeps it, its summaries and the INFOS tables up with a training.

    Attributes:
        run: the folder; its record always holds every epoch recorded so far.
    """

    def __init__(self, runs_dir: Path, info_logs: InfoLogs, preset_number: int, preset: Preset, seed: int) -> None:
        record = RunRecord(
            preset_number=preset_number,
            preset=preset,
            seed=seed,
            versions=_versions(),
            machine={"system": platform.platform(), "processor": platform.machine(), "cores": os.cpu_count()},
            data_sha256=training_data_sha256(),
        )
        self.run = RunFolder.create(runs_dir, int(time.time()), record)
        self._info_logs = info_logs
        self._model = build_model(preset, seed)  # only to write checkpoints with
        self._summaries = Summaries(self.run.summaries, self.run.name, preset_number, preset, seed)
        self._summaries.write_graph(self._model)

    def record_epoch(self, result: EpochResult) -> None:
        """Records the epoch; where it is the best, its checkpoint first, so that no record names a missing one."""
        record = self.run.record
        record.epochs.append(
            {
                "epoch": result.epoch,
                "seconds": result.seconds,
                "learning_rate": result.learning_rate,
                "train": _plain(result.train),
                "dev": _plain(result.dev),
            }
        )
        is_best = not record.best_epoch or result.dev.accuracy > record.best_validation_accuracy
        if is_best and not result.diverged:
            record.best_checkpoint = self._save_checkpoint(result)
            record.best_epoch = result.epoch
        if result.diverged:
            record.status = "diverged"
        self.run.save_record()
        self._info_logs.append_epoch(self.run)
        self._summaries.write_epoch(record.epochs[-1], record.best_validation_accuracy)

    def end(self, status: str, reason: str = "") -> None:
        """Closes the run with a status of `run_folder.STATUSES`; a run that diverged stays "diverged"."""
        self._summaries.close()
        record = self.run.record
        if record.status != "diverged":
            record.status, record.reason = status, reason
        record.finished = datetime.now(UTC).isoformat(timespec="seconds")
        self.run.save_record()
        if record.best_checkpoint:
            unfinished = self.run.checkpoints / f".{self.run.best_model.name}"
            shutil.copyfile(self.run.best_checkpoint, unfinished)
            os.replace(unfinished, self.run.best_model)
        if record.status in ("finished", "diverged"):
            self._info_logs.append_run(self.run)

    def _save_checkpoint(self, result: EpochResult) -> str:
        """Writes a whole checkpoint of standard Keras, drops the oldest beyond three, returns its path in the run."""
        self._model.set_weights(result.state.weights)
        path = self.run.checkpoints / f"epoch_{result.epoch:06d}.keras"
        unfinished = path.with_name(f".{path.name}")
        self._model.save(unfinished)
        os.replace(unfinished, path)
        for old in sorted(self.run.checkpoints.glob("epoch_*.keras"))[:-MOST_CHECKPOINTS]:
            old.unlink()
        return path.relative_to(self.run.path).as_posix()


def _plain(metrics: Metrics) -> dict[str, float]:
    return {"loss": metrics.loss, **asdict(metrics)}


def _versions() -> dict[str, str]:
    packages = ("tensorflow", "keras", "numpy", "tensorboard")
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in packages}}
