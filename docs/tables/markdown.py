"""Formats the cells and tables of the documentation in Markdown."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mnist_mlp.report import wording
from mnist_mlp.report.tables import DataTable, shown

PROJECT = Path(__file__).resolve().parent.parent.parent
REFERENCE = PROJECT / "for_report" / "reference"


def read_rows(path: Path, delimiter: str = ",") -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file, delimiter=delimiter)


def accuracy_cell(row: dict[str, str]) -> str:
    if not row["test 95% low"]:
        return percent_cell(row["test accuracy"])
    low, high = (f"{float(row[name]):.2%}"[:-1] for name in ("test 95% low", "test 95% high"))
    return f"{float(row['test accuracy']):.2%} ({low} to {high})"


def percent_cell(value: str) -> str:
    return f"{float(value):.2%}" if value else "-"


def difference_cell(row: dict[str, str]) -> str:
    if not row["difference"]:
        return "-" if row.get("test 95% low", "-") else "training fails"
    middle, low, high = (points(row[f"difference{end}"]) for end in ("", " 95% low", " 95% high"))
    return f"{middle} ({low} to {high})"


def points(difference: str) -> str:
    return wording.points(float(difference))


def time_cell(text: str) -> str:
    seconds = float(text)
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:.1f} min"


def code_cell(text: str) -> str:
    return f"`{text}`" if text else ""


def markdown_of(table: DataTable) -> str:
    rows = [[shown(value, column.kind) for value, column in zip(row, table.columns, strict=True)] for row in table.rows]
    return markdown_table([column.heading for column in table.columns], rows)


def markdown_table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    escaped = [[cell.replace("|", r"\|") for cell in row] for row in rows]
    lines = [heading, ["---"] * len(heading), *escaped]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
