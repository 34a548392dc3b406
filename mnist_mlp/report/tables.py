"""Tables as typed values: the spreadsheet, the CSV files and the page all show these."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import Any

Cell = str | int | float | None


class Kind(StrEnum):
    """What a column's values are. The value of the member is the CSS class of its cells."""

    TEXT = "text"
    COUNT = "count"
    NUMBER = "number"
    PERCENT = "percent"  # of a share from 0 to 1
    POINTS = "points"  # of a difference of two shares
    SECONDS = "seconds"


class Emphasis(Enum):
    """How a spreadsheet colors a column."""

    NONE = auto()
    ACCURACY = auto()  # the higher, the darker
    DIFFERENCE = auto()  # gains and losses
    VERDICT = auto()


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        heading: its title.
        kind: what its values are.
        getter: makes its value from the item of a row; None where it is unknown.
        emphasis: how a spreadsheet colors it.
    """

    heading: str
    kind: Kind
    getter: Callable[[Any], Cell]
    emphasis: Emphasis = Emphasis.NONE


@dataclass(frozen=True)
class DataTable:
    """A table; None where a value is unknown, never NaN."""

    name: str
    columns: list[Column]
    rows: list[list[Cell]]

    @classmethod
    def of(cls, name: str, columns: Sequence[Column], items: Iterable[Any]) -> DataTable:
        """Returns a table with a row per item."""
        rows = [[_known(column.getter(item)) for column in columns] for item in items]
        return cls(name, list(columns), rows)

    def column(self, heading: str) -> list[Cell]:
        """Returns the values under a heading."""
        index = self.index(heading)
        return [row[index] for row in self.rows]

    def index(self, heading: str) -> int:
        """Returns the position of the column with a heading."""
        return [column.heading for column in self.columns].index(heading)

    def selected(self, indices: Sequence[int]) -> DataTable:
        """Returns the table with these columns, in this order."""
        rows = [[row[index] for index in indices] for row in self.rows]
        return DataTable(self.name, [self.columns[index] for index in indices], rows)

    def without_unknown_columns(self) -> DataTable:
        """Returns the table without the columns in which every value is unknown."""
        return self.selected([at for at in range(len(self.columns)) if any(row[at] is not None for row in self.rows)])


def shown(value: Cell, kind: Kind) -> str:
    """Returns a value as people read it: 98.25%, +0.31, 94.7 s; a dash where it is unknown."""
    if value is None:
        return "\N{EN DASH}"
    match kind:
        case Kind.PERCENT:
            return f"{value:.2%}"
        case Kind.POINTS:
            return f"{value * 100:+.2f}".replace("-", "\N{MINUS SIGN}")
        case Kind.SECONDS:
            return f"{value:.1f} s"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _known(value: Cell) -> Cell:
    return None if isinstance(value, float) and not math.isfinite(value) else value
