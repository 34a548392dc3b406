"""Formats the measurements of `benchmarks.speed` as Markdown tables."""

from __future__ import annotations

import statistics
from typing import Any

PARTS = {
    "start_up": "From the command to the end of the first epoch (preset 31):",
    "epoch": "Within an epoch (preset 31, mean over all epochs except the first):",
}


def markdown(results: dict[str, Any]) -> str:
    """Returns the content of results.md."""
    lines = ["# Speed", "", *(f"- {name}: {value}" for name, value in results["conditions"].items())]
    if results["epochs"]:
        lines += ["", "Seconds per epoch and preset, median (minimum to maximum) of the rounds:", ""]
        lines += [epochs_table(results["epochs"])]
    for part, title in PARTS.items():
        if results[part]:
            lines += _steps(title, results[part])
    if results["growth"]:
        lines += [
            "",
            "Complete sweeps with one epoch per preset:",
            "",
            "| presets | workers | seconds |",
            "| --- | --- | --- |",
        ]
        lines += [
            f"| {row['presets']} | {row['workers'] or 'one per core'} | {row['seconds']:.1f} |"
            for row in results["growth"]
        ]
    return "\n".join(lines) + "\n"


def epochs_table(rows: list[dict[str, Any]]) -> str:
    """Returns the table of seconds per epoch. The ratio to our sweep is the median of the ratios of all rounds."""
    ours: dict[str, list[float]] = {row["network"]: row["seconds"] for row in rows if row["how"] == "our sweep"}
    lines = [
        "| network | implementation | seconds | ratio to our sweep | memory | validation accuracy |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        cells = [row["network"], row["how"]]
        if row["failure"] or not row["seconds"]:
            cells += [f"failed: {row['failure']}", "", "", ""]
        else:
            ratios = [a / b for a, b in zip(row["seconds"], ours[row["network"]], strict=False)]
            cells += [_spread(row["seconds"]), f"{statistics.median(ratios):.2f}" if ratios else ""]
            megabytes, accuracy = row["megabytes"], row["validation_accuracy"]
            cells += ["" if megabytes is None else f"{megabytes:.0f} MB"]
            cells += ["" if accuracy is None else f"{accuracy:.1%}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _steps(title: str, measured: dict[str, list[float]]) -> list[str]:
    total = statistics.median(next(iter(measured.values())))
    lines = ["", title, "", "| step | seconds | share |", "| --- | --- | --- |"]
    lines += [
        f"| {name} | {_spread(seconds, 3)} | {statistics.median(seconds) / total:.1%} |"
        for name, seconds in measured.items()
    ]
    return lines


def _spread(seconds: list[float], digits: int = 2) -> str:
    median, low, high = (f"{of(seconds):.{digits}f}" for of in (statistics.median, min, max))
    return f"{median} ({low} to {high})"
