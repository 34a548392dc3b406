"""Tab-separated text tables with a header. Columns are found by name, and rows from older versions are kept."""

from __future__ import annotations

import codecs
import csv
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnist_mlp.disk.disk_errors import explained
from mnist_mlp.disk.files import write_bytes_atomically, write_text_atomically
from mnist_mlp.disk.locks import Lock
from mnist_mlp.errors import UsageError
from mnist_mlp.presets.preset import format_field

NO_DEFAULTS: Mapping[str, Any] = {}
ENCODING = "utf-8-sig"  # without the byte order mark that some editors put before the text


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: the column heading.
        value: returns the column's value from the objects that a row describes.
    """

    name: str
    value: Callable[..., Any]


class AppendedTable:
    """An append-only table. Several processes can append rows at the same time.

    An existing table with a different set or order of columns is rewritten with the current columns. It must
    not have unknown columns, and every missing column must have a default.

    Args:
        path: path of the file.
        columns: column names, in order.
        defaults: values of columns that older rows do not have, by column name.

    Raises:
        UsageError: the file has columns that cannot be converted, or cannot be read or written.
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
                _drop_incomplete_row(path)
                if _header(path) != self.columns:
                    _rewrite(path, self.columns, defaults)
            with path.open("ab"):
                pass
        except OSError as error:
            raise UsageError(f"{path} cannot be read or written {explained(error, path)}") from None

    def append(self, row: Mapping[str, Any]) -> None:
        """Appends a row. If the disk is full, no part of it is written.

        Args:
            row: a value for each column.

        Raises:
            OSError: the row cannot be written.
        """
        with self._lock:
            self._append(_line(_text(row[column]) for column in self.columns))

    def _append(self, line: str) -> None:
        with self.path.open("ab") as file:
            size = file.seek(0, os.SEEK_END)
            try:
                if size and not _ends_with_newline(self.path):  # an editor may have removed the final newline
                    line = "\n" + line
                file.write(line.encode(errors="surrogateescape"))
                file.flush()
            except OSError:
                os.truncate(self.path, size)
                raise


def read_table(path: Path, columns: Sequence[str], defaults: Mapping[str, Any] = NO_DEFAULTS) -> list[dict[str, str]]:
    """Returns the rows of a table as dicts of text by column name; [] if the file does not exist.

    Args:
        path: path of the file.
        columns: names of all columns; the file can have them in any order.
        defaults: values of columns that the file may not have, by column name.

    Raises:
        UsageError: a column is unknown, missing or duplicated, or the file cannot be read.
    """
    if not path.exists():
        return []
    try:
        header = _require_readable_header(path, columns, defaults)
    except OSError as error:
        raise UsageError(f"{path} cannot be read {explained(error, path)}") from None
    missing = {column: _text(defaults[column]) for column in columns if column not in header}
    with path.open(encoding=ENCODING, errors="replace", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        try:
            return [{**row, **missing} for row in rows]
        except csv.Error as error:
            raise UsageError(
                f"{path}, line {rows.line_num + 1}: invalid row ({error}); fix or rename the file"
            ) from None


def replace_table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Replaces a table atomically. The caller must hold `lock_of(path)`."""
    lines = [_line(columns), *(_line(_text(row[column]) for column in columns) for row in rows)]
    write_text_atomically(path, "".join(lines))


def lock_of(path: Path) -> Lock:
    """Returns the lock that every writer of the table must hold while writing."""
    return Lock(path.with_name(f".{path.name}.lock"))


def _require_readable_header(path: Path, columns: Sequence[str], defaults: Mapping[str, Any]) -> list[str]:
    """Returns the header of a table that this version can read.

    Raises:
        UsageError: a column is unknown, duplicated, or missing without a default, or the file is not UTF-8.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            raise UsageError(f"{path} is encoded as UTF-16; save it as UTF-8, or rename it")
    header = _header(path)
    unknown = [name for name in header if name not in columns]
    missing = [name for name in columns if name not in header and name not in defaults]
    duplicate = [name for name in dict.fromkeys(header) if header.count(name) > 1]
    problems = [
        f"{kind}: {', '.join(name[:40] for name in names[:5])}{', ...' if len(names) > 5 else ''}"
        for kind, names in (("unknown", unknown), ("missing", missing), ("duplicate", duplicate))
        if names
    ]
    if problems:
        raise UsageError(
            f"{path} has columns that do not match this version ({'; '.join(problems)}); "
            "rename the file to keep it, then try again"
        )
    return header


def _header(path: Path) -> list[str]:
    with path.open(encoding=ENCODING, errors="replace") as file:
        return file.readline().rstrip("\n").split("\t")


def _rewrite(path: Path, columns: Sequence[str], defaults: Mapping[str, Any]) -> None:
    """Rewrites the table atomically with these columns. Keeps all rows."""
    header = _header(path)
    missing = {column: _text(defaults[column]) for column in columns if column not in header}
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    lines = [_line(columns)]
    for line in filter(None, text.split("\n")[1:]):
        row = {**dict(zip(header, line.split("\t"), strict=False)), **missing}
        lines.append(_line(row.get(column, "") for column in columns))
    write_bytes_atomically(path, "".join(lines).encode("utf-8", errors="surrogateescape"))


def _drop_incomplete_row(path: Path) -> None:
    """Removes an incomplete last row, which a killed process or a full disk can leave behind."""
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
