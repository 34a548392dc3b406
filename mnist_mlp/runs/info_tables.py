"""The text tables of INFOS/: tab-separated, a header that matches every row, written and read in this one place."""

from __future__ import annotations

import csv
import os
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

from mnist_mlp.errors import UsageError
from mnist_mlp.files import write_bytes_atomically, write_text_atomically
from mnist_mlp.presets.preset import Preset, format_field
from mnist_mlp.runs.run_folder import RunFolder

TRAINING_LOG_COLUMNS = (
    "run preset seed epoch train_loss train_cross_entropy train_accuracy validation_loss validation_cross_entropy "
    "validation_accuracy l2_penalty learning_rate seconds"
).split()
OVERALL_COLUMNS = [
    *("preset", "seed", *Preset.field_names(), "weight_layers"),
    *("training_seconds", "best_epoch", "validation_accuracy", "status", "run"),
]
EVAL_COLUMNS = ["run", "preset", "seed", "test_accuracy", "test_loss"]
ENSEMBLE_COLUMNS = ["runs", "test_accuracy", "test_loss"]


class AppendedTable:
    """A table that only grows, a whole row at a time, also while other processes append to it.

    Args:
        path: of the file.
        columns: their names, in order.
        added: those that came in later versions, in that order, with what they are in rows of before: a table that
            ends before some of them is brought up to date.

    Raises:
        UsageError: the file exists with other columns, or cannot be read or written.
    """

    def __init__(self, path: Path, columns: Iterable[str], added: Mapping[str, Any] | None = None) -> None:
        self.path = path
        self.columns = list(columns)
        self._lock = _lock_of(path)
        try:
            with self._lock:
                if not path.exists() or path.stat().st_size == 0:
                    self._append(_line(self.columns))
                _bring_up_to_date(path, self.columns, added or {})
                require_columns(path, self.columns)
                _drop_torn_row(path, len(self.columns))
            with path.open("ab"):
                pass
        except OSError as error:
            raise UsageError(
                f"{path} cannot be read and written ({error.strerror or error}); mend or rename it"
            ) from None

    def append(self, row: Mapping[str, Any]) -> None:
        """Appends the row; where the disk is full, nothing of it stays.

        Args:
            row: a value for each column.
        """
        with self._lock:
            self._append(_line(_text(row[column]) for column in self.columns))

    def _append(self, line: str) -> None:
        with self.path.open("ab") as file:
            size = file.seek(0, os.SEEK_END)
            try:
                if size and not _ends_with_newline(self.path):  # an editor may have taken it away
                    line = "\n" + line
                file.write(line.encode())
                file.flush()
            except OSError:
                os.truncate(self.path, size)
                raise


class InfoLogs:
    """`training_log.txt`, a line an epoch, and `overral_info.txt` (the original's spelling), a row a finished run."""

    def __init__(self, info_dir: Path) -> None:
        self._training_log = AppendedTable(info_dir / "training_log.txt", TRAINING_LOG_COLUMNS)
        self._overall = AppendedTable(info_dir / "overral_info.txt", OVERALL_COLUMNS, added=Preset.further_fields())

    def append_epoch(self, run: RunFolder, epoch: dict[str, Any]) -> None:
        """Appends an epoch of the run's record."""
        self._training_log.append(
            {
                "run": run.name,
                "preset": run.record.preset_number,
                "seed": run.record.seed,
                **{f"train_{name}": value for name, value in epoch["train"].items()},
                **{f"validation_{name}": value for name, value in epoch["validation"].items()},
                "l2_penalty": epoch["validation"]["l2_penalty"],
                **{name: epoch[name] for name in ("epoch", "learning_rate", "seconds")},
            }
        )

    def epochs_of(self, run: RunFolder) -> set[int]:
        """Returns the epochs of the run that the training log has."""
        rows = read_table(self._training_log.path, TRAINING_LOG_COLUMNS)
        return {int(row["epoch"]) for row in rows if row["run"] == run.name}

    def append_run(self, run: RunFolder) -> None:
        """Appends the row of a run that has ended, once."""
        record = run.record
        if any(row["run"] == run.name for row in read_table(self._overall.path, OVERALL_COLUMNS)):
            return
        self._overall.append(
            {
                **{name: getattr(record.preset, name) for name in record.preset.field_names()},
                "preset": record.preset_number,
                "seed": record.seed,
                "weight_layers": record.preset.weight_layers,
                "training_seconds": record.training_seconds,
                "best_epoch": record.best_epoch,
                "validation_accuracy": record.best_validation_accuracy,
                "status": record.status,
                "run": run.name,
            }
        )


def write_eval_log(path: Path, rows: Iterable[Mapping[str, Any]], evaluated: Container[str] | None = None) -> None:
    """Replaces `eval_log.txt` in one step, also while other evaluations do so.

    Args:
        rows: the new ones.
        evaluated: runs whose old rows go, those of the others stay; None means that all go.

    Raises:
        UsageError: it has other columns, or cannot be read.
    """
    with _lock_of(path):
        kept = [] if evaluated is None else read_table(path, EVAL_COLUMNS)
        kept = [row for row in kept if row["run"] not in evaluated]
        _replace(path, EVAL_COLUMNS, sorted([*kept, *rows], key=lambda row: row["run"]))


def log_ensemble(path: Path, runs: Iterable[str], accuracy: float, loss: float) -> None:
    """Writes what the mean of these runs' probabilities scored into `ensemble_log.txt`, instead of their earlier row.

    Raises:
        UsageError: it has other columns, or cannot be read.
    """
    row = {"runs": " ".join(sorted(runs)), "test_accuracy": accuracy, "test_loss": loss}
    with _lock_of(path):
        others = [each for each in read_table(path, ENSEMBLE_COLUMNS) if each["runs"] != row["runs"]]
        _replace(path, ENSEMBLE_COLUMNS, [*others, row])


def _replace(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    lines = [_line(columns), *(_line(_text(row[column]) for column in columns) for row in rows)]
    write_text_atomically(path, "".join(lines))


def require_columns(path: Path, columns: Iterable[str]) -> None:
    """Checks that a table has these columns.

    Raises:
        UsageError: it has others.
        OSError: it cannot be read.
    """
    if _header(path) != list(columns):
        raise UsageError(f"{path} has other columns than this version writes; rename it to keep it, and start again")


def read_table(path: Path, columns: Iterable[str]) -> list[dict[str, str]]:
    """Returns the rows of a table, each value as text under its column's name; empty where there is no file.

    Raises:
        UsageError: it has other columns, or cannot be read.
    """
    if not path.exists():
        return []
    try:
        require_columns(path, columns)
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror or error}); mend or rename it") from None
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        try:
            return list(rows)
        except csv.Error as error:
            raise UsageError(f"{path}, line {rows.line_num + 1}, is no row ({error}); mend or rename it") from None


def _lock_of(path: Path) -> FileLock:
    return FileLock(path.with_name(f".{path.name}.lock"))


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.readline().rstrip("\n").split("\t")


def _bring_up_to_date(path: Path, columns: Sequence[str], added: Mapping[str, Any]) -> None:
    """Gives a table of an earlier version the columns that it lacks, in one step and without losing a row."""
    header, names = _header(path), list(added)
    for known in range(len(names)):
        missing = names[known:]
        if header == [column for column in columns if column not in missing]:
            break
    else:
        return
    _drop_torn_row(path, len(header))
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    rows = [_line(columns)]
    for line in filter(None, text.split("\n")[1:]):
        row = dict(zip(header, line.split("\t"), strict=False))
        rows.append(_line(row.get(column, _text(added[column]) if column in missing else "") for column in columns))
    write_bytes_atomically(path, "".join(rows).encode("utf-8", errors="surrogateescape"))


def _drop_torn_row(path: Path, columns: int) -> None:
    """Takes a last row away that a killed process or a full disk has left without its end."""
    content = path.read_bytes()
    whole, newline, last = content.rpartition(b"\n")
    if last and last.count(b"\t") + 1 < columns:
        os.truncate(path, len(whole) + len(newline))


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _line(values: Iterable[str]) -> str:
    return "\t".join(values) + "\n"


def _text(value: Any) -> str:
    return f"{value:.8g}" if isinstance(value, float) else format_field(value)
