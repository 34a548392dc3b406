"""Tables of presets with their change, accuracy, and difference from the preset they are based on."""

from __future__ import annotations

from collections.abc import Callable

from docs.tables.markdown import (
    REFERENCE,
    accuracy_cell,
    difference_cell,
    markdown_table,
    percent_cell,
    read_rows,
    time_cell,
)

README_ROWS = {
    54: "smallest and fastest: two epochs",
    31: "trained by default: 4 hidden layers, dropout, weight decay",
    65: "no augmentation: wide network, dropout, all 60,000 images",
    69: "deskewing and adversarial training",
    78: "augmentation and adversarial training",
    86: "stronger augmentation, L1 decay, 400 epochs",
}


def summary() -> str:
    """Returns the README's table: a few presets, lowest accuracy first."""
    changes = {int(row["preset"]): row for row in read_rows(REFERENCE / "changes.csv")}
    chosen = sorted(README_ROWS, key=lambda number: float(changes[number]["test accuracy"]))
    rows = [
        (str(number), README_ROWS[number], accuracy_cell(row), row["seeds"], time_cell(row["training time"]))
        for number, row in ((number, changes[number]) for number in chosen)
    ]
    return markdown_table(("preset", "description", "test accuracy (95% interval)", "seeds", "training time"), rows)


def changes_table(is_shown: Callable[[int], bool]) -> str:
    rows = [
        (
            row["preset"],
            row["change"],
            row["seeds"],
            percent_cell(row["validation accuracy"]),
            accuracy_cell(row),
            difference_cell(row),
        )
        for row in read_rows(REFERENCE / "changes.csv")
        if is_shown(int(row["preset"]))
    ]
    heading = ("preset", "change", "seeds", "validation", "test (95% interval)", "difference (95% interval)")
    return markdown_table(heading, rows)
