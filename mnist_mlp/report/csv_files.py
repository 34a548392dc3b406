"""The tables as CSV files that no spreadsheet runs as formulas."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from mnist_mlp.files import write_text_atomically
from mnist_mlp.report.tables import Cell, DataTable

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_csv(table: DataTable, path: Path) -> None:
    """Writes the table in UTF-8, numbers in full, an unknown value empty.

    Text that a spreadsheet would run as a formula gets an apostrophe before it, which makes it text there.
    """
    content = io.StringIO(newline="")
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow(column.heading for column in table.columns)
    writer.writerows([_without_formula(value) for value in row] for row in table.rows)
    write_text_atomically(path, content.getvalue())


def _without_formula(value: Cell) -> Cell:
    return f"'{value}" if isinstance(value, str) and value.lstrip().startswith(FORMULA_STARTS) else value
