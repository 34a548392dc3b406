"""Writes the tables as CSV files, protected against formula injection."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from mnist_mlp.disk.files import write_text_atomically
from mnist_mlp.report.tables import Cell, DataTable

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_csv(table: DataTable, path: Path) -> None:
    """Writes a table as UTF-8 with full precision; unknown values are empty.

    Text that a spreadsheet would execute as a formula is prefixed with an apostrophe.
    """
    content = io.StringIO(newline="")
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow(column.heading for column in table.columns)
    writer.writerows([_without_formula(value) for value in row] for row in table.rows)
    write_text_atomically(path, content.getvalue())


def _without_formula(value: Cell) -> Cell:
    return f"'{value}" if isinstance(value, str) and value.lstrip().startswith(FORMULA_STARTS) else value
