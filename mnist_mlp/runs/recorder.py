"""Records a run, epoch by epoch: run directory, saved states, TensorBoard events and the tables in INFOS/."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mnist_mlp.data.dataset import MNIST, DataSet
from mnist_mlp.presets.preset import Preset
from mnist_mlp.runs.checkpoints import copy_best_checkpoint, save_checkpoint
from mnist_mlp.runs.environment import current_machine, current_versions
from mnist_mlp.runs.events import Summaries
from mnist_mlp.runs.info_tables import InfoLogs
from mnist_mlp.runs.record import RunRecord, RunStatus
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.runs.states import delete_states, save_state
from mnist_mlp.training.model import build_model
from mnist_mlp.training.results import EpochResult, Metrics, TrainingState

SHARE_OF_TIME_FOR_STATES = 0.05  # maximum fraction of the time that is spent on saving states


def new_run(
    runs_dir: Path,
    preset_number: int,
    preset: Preset,
    seed: int,
    threads: int,
    data_set: DataSet = MNIST,
    changed: Sequence[str] = (),
) -> RunFolder:
    """Creates the directory of a new run and locks it.

    Args:
        changed: names of the hyperparameters that the command line changed (see `RunRecord.changed`).

    Raises:
        OSError: the directory cannot be created.
    """
    record = RunRecord(
        preset_number=preset_number,
        preset=preset,
        seed=seed,
        threads=threads,
        changed=list(changed),
        versions=current_versions(),
        machine=current_machine(),
        data_set=data_set.name,
        data_sha256=data_set.sha256_of_training_files(),
    )
    return RunFolder.create(runs_dir, int(time.time()), record)


class Recorder:
    """Writes a run's record, checkpoints, saved states, events and rows in INFOS/ while the run is training.

    If a process was killed between two writes, the record can have epochs that are missing from the events or tables.
    A new Recorder writes those first.

    Attributes:
        run: the run directory, locked by this process. Its record contains all epochs so far.

    Raises:
        OSError: a file cannot be written. The methods raise this too.
    """

    def __init__(self, run: RunFolder, info_logs: InfoLogs) -> None:
        self.run = run
        self._info_logs = info_logs
        record = run.record
        self._model = build_model(record.preset, record.seed, record.trained_on)  # only used to write checkpoints
        self._summaries = Summaries(run)
        self._summaries.write_graph(self._model)
        self._states = _StateSaver(run)
        self._logged = info_logs.epochs_of(run) if record.epochs else set()
        for epoch in record.epochs:
            self._log(epoch)

    def record_epoch(self, result: EpochResult) -> None:
        """Records the result of one epoch."""
        record = self.run.record
        record.epochs.append(_as_dict(result))
        # Histograms are written first because the record does not contain them.
        self._summaries.write_histograms(result.epoch, result.histograms)
        if result.diverged:
            record.status, record.reason = RunStatus.DIVERGED, _divergence(result)
        else:
            if self._is_best(result):
                save_checkpoint(self.run, self._model, result.state)  # before the record, which names the file
            self._states.offer(result.state)
        self.run.save_record()
        self._log(record.epochs[-1])

    def end(self, status: RunStatus, reason: str = "") -> None:
        """Ends the run with this status, unless it diverged: then its status stays `DIVERGED`.

        A run that is done keeps no saved states, because there is nothing to resume.
        """
        self._summaries.close()
        record = self.run.record
        if record.status != RunStatus.DIVERGED:
            record.status, record.reason = status, reason
        self._states.save_pending()
        copy_best_checkpoint(self.run)
        if record.status in (RunStatus.FINISHED, RunStatus.DIVERGED):
            self._info_logs.append_run(self.run)
        record.finished = datetime.now(UTC).isoformat(timespec="seconds")  # last, because it marks the run as complete
        self.run.save_record()
        if record.is_done:
            delete_states(self.run)
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
        """Returns the best validation accuracy so far; None in a final fit, which trains on the validation images."""
        record = self.run.record
        if record.preset.final_fit:
            return None
        validations = [past["validation"] for past in record.epochs[:epoch]]
        return max((metrics["accuracy"] for metrics in validations if math.isfinite(metrics["loss"])), default=0.0)


class _StateSaver:
    """Saves states. If epochs are short, it skips some to limit the time spent on saving."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self._pending: TrainingState | None = None
        self._last_save = time.monotonic()
        self._save_seconds = 0.0

    def offer(self, state: TrainingState) -> None:
        """Saves the state if the last save was long enough ago. Otherwise keeps it for `save_pending`."""
        self._pending = state
        if self._save_seconds <= SHARE_OF_TIME_FOR_STATES * (time.monotonic() - self._last_save):
            self.save_pending()

    def save_pending(self) -> None:
        """Saves the latest state unless it is already saved."""
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


def _divergence(result: EpochResult) -> str:
    """Returns how the run diverged. The record's file cannot express this in the loss itself."""
    losses = {"training": result.train.loss, "validation": result.validation.loss}
    name, loss = next((name, loss) for name, loss in losses.items() if not math.isfinite(loss))
    return f"the {name} loss is {'NaN' if math.isnan(loss) else 'infinite'} in epoch {result.epoch}"


def _with_loss(metrics: Metrics) -> dict[str, float]:
    return {"loss": metrics.loss, **asdict(metrics)}
