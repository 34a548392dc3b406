"""The table of docs/report.md: how often the report is wrong, and how often it finds a real difference."""

from __future__ import annotations

import itertools

from docs.tables.markdown import markdown_table, read_rows
from experiments.error_rates import POWER_TABLE, REAL


def error_rates() -> str:
    """Returns one row for each number of seeds and way to simulate: false findings, then the power for each effect."""
    rows, effects = [], []
    for (seeds, scatter), group in itertools.groupby(read_rows(POWER_TABLE), _seeds_and_scatter):
        by_effect = {row["effect in points"]: row for row in group}
        without = by_effect.pop("0")
        false = f"{without['any false finding']} (at most {without['its upper 95% limit']})"
        rows.append((seeds, scatter, false, *(row["found"] for row in by_effect.values())))
        effects = [f"finds {effect} {'point' if effect == '1' else 'points'}" for effect in by_effect]
    rows.sort(key=lambda row: int(row[0]))
    return markdown_table(("seeds of each preset", "runs scatter like", "any false finding", *effects), rows)


def _seeds_and_scatter(row: dict[str, str]) -> tuple[str, str]:
    is_real = row["residuals"] == REAL
    return row["seeds of each preset"], "real runs" if is_real else "a normal distribution, one for each preset"
