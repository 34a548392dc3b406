"""The table of finished runs, with one row for each. A row is appended when a run ends, so nothing finished is lost."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from mnist_mlp.errors import UsageError


class Penalty(StrEnum):
    """The L2 penalty that a run was trained with."""

    CUMULATIVE = "cumulative"  # added once per layer, as in 2020
    INTENDED = "intended"
    NONE = "none"  # the preset has no weight decay


@dataclass(frozen=True)
class FinishedRun:
    """A row of the table.

    Attributes:
        epochs: number of epochs that the run was to be trained for.
        status: "finished", or "diverged" if the loss became NaN or infinite.
        dropout_on_epoch: the epoch with the highest validation accuracy with dropout left on; None if no epoch has a
            finite loss. The two accuracies are those of this epoch, with dropout on.
        dropout_off_epoch: the same with dropout off.
        train_cross_entropy, validation_cross_entropy: in nats, at the last epoch.
        l2_penalties, weight_norms: L2 penalty and norm of each weight matrix at the last epoch, from input to output.
        seconds: training time, on one thread.
        machine, versions: see `training.environment_texts`.
    """

    preset: int
    penalty: Penalty
    seed: int
    epochs: int
    status: str
    dropout_on_epoch: int | None
    dropout_on_validation: float | None
    dropout_on_test: float | None
    dropout_off_epoch: int | None
    dropout_off_validation: float | None
    dropout_off_test: float | None
    train_cross_entropy: float
    validation_cross_entropy: float
    l2_penalties: tuple[float, ...]
    weight_norms: tuple[float, ...]
    seconds: float
    machine: str
    versions: str

    @property
    def key(self) -> tuple[int, Penalty, int, int]:
        """Identifies what was trained."""
        return self.preset, self.penalty, self.seed, self.epochs


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(map(float, text.split()))


# Reads the text of a cell, by the type of its column.
_READERS: dict[str, Callable[[str], Any]] = {
    "int": int,
    "float": float,
    "str": str,
    "Penalty": Penalty,
    "int | None": lambda text: int(text) if text else None,
    "float | None": lambda text: float(text) if text else None,
    "tuple[float, ...]": _numbers,
}
_COLUMNS = {column.name: _READERS[str(column.type)] for column in fields(FinishedRun)}


class RunsFile:
    """A CSV file of finished runs, which is created if it is missing.

    Raises:
        UsageError: the file exists and has other columns, or a row of it is damaged.
        OSError: the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.exists():
            self._append(list(_COLUMNS))
        self._drop_torn_line()
        self.runs = self._read()

    def append(self, run: FinishedRun) -> None:
        """Adds a row, and waits until it is on the disk."""
        self._append([_cell(getattr(run, name)) for name in _COLUMNS])
        self.runs.append(run)

    def _append(self, cells: Sequence[str]) -> None:
        line = io.StringIO(newline="")
        csv.writer(line, lineterminator="\n").writerow(cells)
        with self._path.open("ab") as file:
            file.write(line.getvalue().encode())
            file.flush()
            os.fsync(file.fileno())

    def _drop_torn_line(self) -> None:
        """Removes a last line without an end, which a power failure or a full disk left behind."""
        content = self._path.read_bytes()
        complete = content.rfind(b"\n") + 1
        if complete < len(content):
            os.truncate(self._path, complete)
        if not complete:
            self._append(list(_COLUMNS))

    def _read(self) -> list[FinishedRun]:
        with self._path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            if rows.fieldnames != list(_COLUMNS):
                raise UsageError(f"{self._path} has other columns; move it to another directory")
            try:
                return [FinishedRun(**{name: read(row[name]) for name, read in _COLUMNS.items()}) for row in rows]
            except (TypeError, ValueError):
                raise UsageError(f"line {rows.line_num} of {self._path} is damaged; delete it") from None


def _cell(value: Any) -> str:
    """Returns a value as text, with full precision."""
    if isinstance(value, tuple):
        return " ".join(map(repr, value))
    return "" if value is None else str(value)
