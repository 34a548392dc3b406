"""Recomputes the numbers of the reference report from its archive, without the code of the report.

.venv/bin/python -m experiments.recompute

Reads only for_report/reference/records_2020.tar.xz and the MNIST labels. Uses NumPy, SciPy, and statsmodels; imports
nothing from mnist_mlp. The statistical model is the same, the computation is not. Compares the results with the
workbook, which has the same numbers as the page. Exit status 1 if one differs. Also prints which verdicts depend on how
similar the variances of presets are assumed to be. Takes about a minute. Needs requirements-dev.txt.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas
from statsmodels.stats.proportion import proportion_confint

from experiments.recompute.archive import PROJECT, Preset, Run, label, presets_of, read_runs
from experiments.recompute.statistics import (
    IMAGES,
    VARIANCE_FREEDOM,
    Spreads,
    compare,
    interval,
    ranked_pairs,
    spreads,
    studied_pairs,
    testable,
)

OTHER_FREEDOMS = (5, 20)
REFERENCE = PROJECT / "for_report" / "reference"


def wrong_cells(runs: Sequence[Run]) -> Iterator[str]:
    """Yields what differs between the recomputed values and the report's workbook."""
    presets = presets_of(runs)
    sheets = pandas.read_excel(REFERENCE / "my_result.xlsx", sheet_name=None, dtype={"preset": str, "value": str})
    spread = spreads(presets)
    by_label = {label(preset): preset for preset in presets}
    if set(sheets["Presets"]["preset"]) != set(by_label):
        yield f"presets: {sorted(set(sheets['Presets']['preset']) ^ set(by_label))}"
    for row in sheets["Presets"].to_dict("records"):
        preset = by_label[row["preset"]]
        low, high = interval(preset, spread)
        yield from different(
            row, {"seeds": len(preset.runs), "validation accuracy": preset.validation, "test accuracy": preset.mean}
        )
        if not preset.has_failed:
            yield from different(row, {"test 95% low (over seeds)": low, "test 95% high (over seeds)": high})
    by_name = {run.name: run for run in runs}
    for row in sheets["Table"].to_dict("records"):
        run = by_name[row["run"]]
        low, high = proportion_confint(round(run.accuracy * IMAGES), IMAGES, method="wilson")
        yield from different(
            row,
            {
                "test accuracy": run.accuracy,
                "validation accuracy": max(run.validation),
                "best epoch": int(np.argmax(run.validation)) + 1,
                "test 95% low (over test images)": low,
                "test 95% high (over test images)": high,
            },
        )
    yield from wrong_differences(sheets["Studies"].to_dict("records"), presets, spread)


def wrong_differences(rows: Sequence[dict[str, Any]], presets: Sequence[Preset], spread: Spreads) -> Iterator[str]:
    studied = {(label(one), label(other)) for one, other in testable(studied_pairs(presets))}
    pairs = testable([*studied_pairs(presets), *ranked_pairs(presets)])
    found = {
        (label(one), label(other)): values for (one, other), values in zip(pairs, compare(pairs, spread), strict=True)
    }
    references = {row["study"]: row["preset"] for row in rows if row["verdict"] == "reference"}
    shown = {(row["preset"], references[row["study"]]): row for row in rows if row["difference"] == row["difference"]}
    if set(shown) != studied:
        yield f"comparisons: {sorted(set(shown) ^ studied)}"
    for pair in set(shown) & studied:
        amount, low, high, p = found[pair]
        names = ("difference", "difference 95% low", "difference 95% high")
        yield from different(shown[pair], dict(zip(names, (amount, low, high), strict=True)), 0.02 * (high - low))
        yield from different(shown[pair], {"p (adjusted)": p}, 0.005 + 0.05 * p)
        slack = 0.02 * (high - low)  # a limit that is this close to a boundary may be on either side of it
        verdicts = {verdict_of(low - change, high + change) for change in (-slack, 0, slack)}
        if shown[pair]["verdict"] not in verdicts:
            yield f"{pair}: {shown[pair]['verdict']}, but {verdict_of(low, high)} when recomputed"


def verdict_of(low: float, high: float) -> str:
    if low > 0 or high < 0:
        return "significant"
    return "less than 0.5 points" if low > -0.005 and high < 0.005 else "inconclusive"


def changed_verdicts(presets: Sequence[Preset], variance_freedom: float) -> list[str]:
    """Returns the verdicts that would change if the variances of presets were more or less similar."""
    pairs = testable([*studied_pairs(presets), *ranked_pairs(presets)])
    models = (spreads(presets, freedom) for freedom in (VARIANCE_FREEDOM, variance_freedom))
    before, after = ([verdict_of(*values[1:3]) for values in compare(pairs, spread)] for spread in models)
    return [
        f"{label(one)} and {label(other)}: {now} instead of {was}"
        for (one, other), was, now in zip(pairs, before, after, strict=True)
        if was != now
    ]


def different(row: Mapping[str, Any], expected: Mapping[str, float], tolerance: float = 1e-9) -> Iterator[str]:
    for name, value in expected.items():
        if not abs(row[name] - value) <= tolerance:
            yield f"preset {row['preset']}, {name}: {row[name]}, but {value} when recomputed"


def main() -> int:
    runs = read_runs(REFERENCE / "records_2020.tar.xz")
    presets = presets_of(runs)
    for has_learned, (deviation, freedom) in spreads(presets).pooled.items():
        networks = "trained networks" if has_learned else "other networks"
        print(f"Spread over seeds of {networks}: {deviation:.4f}, {freedom:.0f} degrees of freedom")
    wrong = list(wrong_cells(runs))
    print(*(wrong or ["All numbers are the same."]), sep="\n")
    for freedom in OTHER_FREEDOMS:
        changed = changed_verdicts(presets, freedom)
        print(
            f"With {freedom} degrees of freedom of the variances instead of {VARIANCE_FREEDOM}, these verdicts change:"
        )
        print(*(changed or ["none"]), sep="\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
