"""Tables of typed values, shared by the workbook, the CSV files and the page."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import Any

from mnist_mlp.report.wording import points

Cell = str | int | float | None


class Kind(StrEnum):
    """Type of the values in a column. Each member's value is the CSS class of the cells."""

    TEXT = "text"
    COUNT = "count"
    NUMBER = "number"
    PERCENT = "percent"  # a share, 0 to 1, shown as a percentage
    POINTS = "points"  # a difference of two shares, shown in percentage points
    SECONDS = "seconds"


class Emphasis(Enum):
    """How the workbook colors a column."""

    NONE = auto()
    ACCURACY = auto()  # higher is darker
    DIFFERENCE = auto()  # two colors for positive and negative
    VERDICT = auto()


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        heading: text in the header row.
        kind: type of the values.
        getter: returns the value for a row's item, or None if it is unknown.
        emphasis: how the workbook colors the column.
    """

    heading: str
    kind: Kind
    getter: Callable[[Any], Cell]
    emphasis: Emphasis = Emphasis.NONE


@dataclass(frozen=True)
class DataTable:
    """A table. Unknown values are None, never NaN."""

    name: str
    columns: list[Column]
    rows: list[list[Cell]]

    @classmethod
    def of(cls, name: str, columns: Sequence[Column], items: Iterable[Any]) -> DataTable:
        """Returns a table with one row per item."""
        rows = [[_known(column.getter(item)) for column in columns] for item in items]
        return cls(name, list(columns), rows)

    def column(self, heading: str) -> list[Cell]:
        """Returns the values of the column with this heading."""
        index = self.index(heading)
        return [row[index] for row in self.rows]

    def index(self, heading: str) -> int:
        """Returns the index of the column with this heading."""
        return [column.heading for column in self.columns].index(heading)

    def selected(self, indices: Sequence[int]) -> DataTable:
        """Returns the table with only these columns, in this order."""
        rows = [[row[index] for index in indices] for row in self.rows]
        return DataTable(self.name, [self.columns[index] for index in indices], rows)

    def without_unknown_columns(self) -> DataTable:
        """Returns the table without columns in which every value is unknown."""
        return self.selected([at for at in range(len(self.columns)) if any(row[at] is not None for row in self.rows)])


def shown(value: Cell, kind: Kind) -> str:
    """Returns a value as text, such as "98.25%", "+0.31", or "94.7 s". Unknown values are shown as a dash."""
    if value is None:
        return "\N{EN DASH}"
    if isinstance(value, bool):
        return "on" if value else "off"
    match kind:
        case Kind.PERCENT:
            return f"{value:.2%}"
        case Kind.POINTS:
            return points(value)
        case Kind.SECONDS:
            return f"{value:.1f} s"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _known(value: Cell) -> Cell:
    return None if isinstance(value, float) and not math.isfinite(value) else value
