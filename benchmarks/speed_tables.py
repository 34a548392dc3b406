"""The measurements of `benchmarks.speed` as Markdown tables."""

from __future__ import annotations

import statistics
from typing import Any

PARTS = {
    "start_up": "From the command to the first epoch's line, preset 31 alone:",
    "epoch": "In an epoch of preset 31 alone, the mean over its epochs:",
}


def markdown(results: dict[str, Any]) -> str:
    """Returns the results as tables; a ratio is the median over rounds of this row's seconds over our sweep's."""
    lines = ["# Speed", "", ", ".join(f"{name} {value}" for name, value in results["conditions"].items()), ""]
    if results["epochs"]:
        lines += _epochs(results["epochs"])
    for part, title in PARTS.items():
        if results[part]:
            lines += _steps(title, results[part])
    if results["growth"]:
        lines += [
            "",
            "Whole sweeps of one epoch per preset:",
            "",
            "| presets | workers | seconds |",
            "| --- | --- | --- |",
        ]
        lines += [
            f"| {row['presets']} | {row['workers'] or 'one per core'} | {row['seconds']:.1f} |"
            for row in results["growth"]
        ]
    return "\n".join(lines) + "\n"


def _epochs(rows: list[dict[str, Any]]) -> list[str]:
    ours: dict[str, list[float]] = {row["network"]: row["seconds"] for row in rows if row["how"] == "our sweep"}
    lines = [
        "Seconds per preset-epoch: median (minimum to maximum) of the rounds; then how many times our sweep's that is.",
        "",
        "| network | how | seconds | times our sweep | memory | validation |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        cells = [row["network"], row["how"]]
        if row["failure"] or not row["seconds"]:
            cells += [f"failed: {row['failure']}", "", "", ""]
        else:
            ratios = [a / b for a, b in zip(row["seconds"], ours[row["network"]], strict=False)]
            cells += [_spread(row["seconds"]), f"{statistics.median(ratios):.2f}" if ratios else ""]
            has_process = row["megabytes"] is not None
            cells += [f"{row['megabytes']:.0f} MB", f"{row['validation_accuracy']:.1%}"] if has_process else ["", ""]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _steps(title: str, measured: dict[str, list[float]]) -> list[str]:
    whole = statistics.median(next(iter(measured.values())))
    lines = ["", title, "", "| step | seconds | share |", "| --- | --- | --- |"]
    lines += [
        f"| {name} | {_spread(seconds, 3)} | {statistics.median(seconds) / whole:.1%} |"
        for name, seconds in measured.items()
    ]
    return lines


def _spread(seconds: list[float], digits: int = 2) -> str:
    median, least, most = (f"{of(seconds):.{digits}f}" for of in (statistics.median, min, max))
    return f"{median} ({least} to {most})"
