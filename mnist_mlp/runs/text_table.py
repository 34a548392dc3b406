"""Tab-separated text tables whose header matches every row. Columns are found by name; any version's rows are kept."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from mnist_mlp.errors import UsageError
from mnist_mlp.files import write_bytes_atomically, write_text_atomically
from mnist_mlp.presets.preset import format_field

NO_DEFAULTS: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: its heading.
        value: returns the column's value from whatever a row of this table is made from.
    """

    name: str
    value: Callable[..., Any]


class AppendedTable:
    """A table that only grows, a whole row at a time, also while other processes append to it.

    A table with other columns, or in another order, is rewritten with the present ones if no column is unknown and
    each missing one has a default.

    Args:
        path: of the file.
        columns: their names, in order.
        defaults: by column, what rows of a version without that column get.

    Raises:
        UsageError: the file exists with columns that cannot be converted, or cannot be read or written.
    """

    def __init__(self, path: Path, columns: Sequence[str], defaults: Mapping[str, Any] = NO_DEFAULTS) -> None:
        self.path = path
        self.columns = list(columns)
        self._lock = lock_of(path)
        try:
            with self._lock:
                if not path.exists() or path.stat().st_size == 0:
                    self._append(_line(self.columns))
                _require_readable_header(path, self.columns, defaults)
                _drop_torn_row(path)
                if _header(path) != self.columns:
                    _rewrite(path, self.columns, defaults)
            with path.open("ab"):
                pass
        except OSError as error:
            raise UsageError(
                f"{path} cannot be read and written ({error.strerror or error}); fix or rename it"
            ) from None

    def append(self, row: Mapping[str, Any]) -> None:
        """Appends the row; if the disk is full, nothing of it is written.

        Args:
            row: a value for each column.
        """
        with self._lock:
            self._append(_line(_text(row[column]) for column in self.columns))

    def _append(self, line: str) -> None:
        with self.path.open("ab") as file:
            size = file.seek(0, os.SEEK_END)
            try:
                if size and not _ends_with_newline(self.path):  # an editor may have removed it
                    line = "\n" + line
                file.write(line.encode())
                file.flush()
            except OSError:
                os.truncate(self.path, size)
                raise


def read_table(path: Path, columns: Sequence[str], defaults: Mapping[str, Any] = NO_DEFAULTS) -> list[dict[str, str]]:
    """Returns the rows of a table, each value as text under its column's name; [] if there is no file.

    Args:
        columns: names of the columns to return, which may stand in any order in the file.
        defaults: by column, the value to return if the file lacks the column.

    Raises:
        UsageError: a column is unknown or missing, or the file cannot be read.
    """
    if not path.exists():
        return []
    try:
        header = _require_readable_header(path, columns, defaults)
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror or error}); fix or rename it") from None
    missing = {column: _text(defaults[column]) for column in columns if column not in header}
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        try:
            return [{**row, **missing} for row in rows]
        except csv.Error as error:
            raise UsageError(
                f"{path}, line {rows.line_num + 1}, is not a valid row ({error}); fix or rename it"
            ) from None


def replace_table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Replaces a table in one step; the caller holds `lock_of(path)`."""
    lines = [_line(columns), *(_line(_text(row[column]) for column in columns) for row in rows)]
    write_text_atomically(path, "".join(lines))


def lock_of(path: Path) -> FileLock:
    """Returns the lock that every writer of the table holds while it writes."""
    return FileLock(path.with_name(f".{path.name}.lock"))


def _require_readable_header(path: Path, columns: Sequence[str], defaults: Mapping[str, Any]) -> list[str]:
    """Returns the header of a table that this version can read.

    Raises:
        UsageError: the table has unknown columns, lacks one that has no default, or has one twice.
        OSError: it cannot be read.
    """
    header = _header(path)
    unknown = [name for name in header if name not in columns]
    missing = [name for name in columns if name not in header and name not in defaults]
    twice = [name for name in dict.fromkeys(header) if header.count(name) > 1]
    found = [
        f"{kind}: {', '.join(name[:40] for name in names[:5])}{', ...' if len(names) > 5 else ''}"
        for kind, names in (("unknown", unknown), ("missing", missing), ("twice", twice))
        if names
    ]
    if found:
        raise UsageError(
            f"{path} has other columns than this version writes ({'; '.join(found)}); "
            "rename it to keep it, and start again"
        )
    return header


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.readline().rstrip("\n").split("\t")


def _rewrite(path: Path, columns: Sequence[str], defaults: Mapping[str, Any]) -> None:
    """Writes the table again with these columns, in one step; no row is lost."""
    header = _header(path)
    missing = {column: _text(defaults[column]) for column in columns if column not in header}
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    lines = [_line(columns)]
    for line in filter(None, text.split("\n")[1:]):
        row = {**dict(zip(header, line.split("\t"), strict=False)), **missing}
        lines.append(_line(row.get(column, "") for column in columns))
    write_bytes_atomically(path, "".join(lines).encode("utf-8", errors="surrogateescape"))


def _drop_torn_row(path: Path) -> None:
    """Removes a last row without its end, which a killed process or a full disk has left."""
    content = path.read_bytes()
    whole, newline, last = content.rpartition(b"\n")
    if last and last.count(b"\t") + 1 < len(_header(path)):
        os.truncate(path, len(whole) + len(newline))


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _line(values: Iterable[str]) -> str:
    return "\t".join(values) + "\n"


def _text(value: Any) -> str:
    return f"{value:.8g}" if isinstance(value, float) else format_field(value)
