"""Defines the tables in INFOS/: their columns, and where the values come from."""

from __future__ import annotations

from operator import attrgetter
from pathlib import Path
from typing import Any

from mnist_mlp.presets.declarations import HYPERPARAMETERS
from mnist_mlp.runs.record import THREADS_OF_OLD_RUNS
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.runs.text_table import AppendedTable, Column, read_table

# training_log.txt: each value comes from a run and one epoch of its record.
TRAINING_LOG = (
    Column("run", lambda run, epoch: run.name),
    Column("preset", lambda run, epoch: run.record.preset_name.cell),
    Column("seed", lambda run, epoch: run.record.seed),
    Column("epoch", lambda run, epoch: epoch["epoch"]),
    Column("train_loss", lambda run, epoch: epoch["train"]["loss"]),
    Column("train_cross_entropy", lambda run, epoch: epoch["train"]["cross_entropy"]),
    Column("train_accuracy", lambda run, epoch: epoch["train"]["accuracy"]),
    Column("validation_loss", lambda run, epoch: epoch["validation"]["loss"]),
    Column("validation_cross_entropy", lambda run, epoch: epoch["validation"]["cross_entropy"]),
    Column("validation_accuracy", lambda run, epoch: epoch["validation"]["accuracy"]),
    Column("l2_penalty", lambda run, epoch: epoch["validation"]["l2_penalty"]),
    Column("learning_rate", lambda run, epoch: epoch["learning_rate"]),
    Column("seconds", lambda run, epoch: epoch["seconds"]),
)

# overral_info.txt: each value comes from a run.
OVERALL = (
    Column("preset", lambda run: run.record.preset_name.cell),
    Column("seed", lambda run: run.record.seed),
    *(Column(name, attrgetter(f"record.preset.{name}")) for name in HYPERPARAMETERS),
    Column("weight_layers", lambda run: run.record.preset.weight_layers),
    Column("threads", lambda run: run.record.threads),
    Column("training_seconds", lambda run: run.record.training_seconds),
    Column("best_epoch", lambda run: run.record.best_epoch),
    Column("validation_accuracy", lambda run: run.record.best_validation_accuracy),
    Column("status", lambda run: run.record.status),
    Column("run", lambda run: run.name),
)

TRAINING_LOG_COLUMNS = [column.name for column in TRAINING_LOG]
OVERALL_COLUMNS = [column.name for column in OVERALL]

# Values for rows that are older than a column. Every table has the 2020 columns, so those need no default.
OVERALL_DEFAULTS = {name: declared.default for name, declared in HYPERPARAMETERS.items() if not declared.in_2020}
OVERALL_DEFAULTS["threads"] = THREADS_OF_OLD_RUNS


class InfoLogs:
    """Writes `training_log.txt` (a row per epoch) and `overral_info.txt` (sic; a row per finished or diverged run)."""

    def __init__(self, info_dir: Path) -> None:
        self._training_log = AppendedTable(info_dir / "training_log.txt", TRAINING_LOG_COLUMNS)
        self._overall = AppendedTable(info_dir / "overral_info.txt", OVERALL_COLUMNS, OVERALL_DEFAULTS)

    def append_epoch(self, run: RunFolder, epoch: dict[str, Any]) -> None:
        """Appends one epoch of the run's record to the training log."""
        self._training_log.append({column.name: column.value(run, epoch) for column in TRAINING_LOG})

    def epochs_of(self, run: RunFolder) -> set[int]:
        """Returns the numbers of the run's epochs that are in the training log."""
        rows = read_table(self._training_log.path, TRAINING_LOG_COLUMNS)
        return {int(row["epoch"]) for row in rows if row["run"] == run.name}

    def append_run(self, run: RunFolder) -> None:
        """Appends the row of a run that has ended, unless the table already has it."""
        rows = read_table(self._overall.path, OVERALL_COLUMNS, OVERALL_DEFAULTS)
        if all(row["run"] != run.name for row in rows):
            self._overall.append({column.name: column.value(run) for column in OVERALL})
