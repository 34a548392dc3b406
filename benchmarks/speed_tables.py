"""Formats the measurements of `benchmarks.speed` as Markdown tables."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence

from benchmarks.measurement import Measurement

OUR_SWEEP = "our sweep"
OURS, BASELINE = "this version", "baseline"
STEPS = {
    "start_up": "From the command to the end of the first epoch (preset 31):",
    "epoch": "Within an epoch (preset 31, mean over all epochs except the first):",
}


def markdown(conditions: Mapping[str, str], measurements: Sequence[Measurement]) -> str:
    """Returns the content of results.md."""
    epochs, commands, steps = (
        [m for m in measurements if m.table == table] for table in ("epochs", "commands", "steps")
    )
    lines = ["# Speed", "", *(f"- {name}: {value}" for name, value in conditions.items())]
    if epochs:
        title = "Seconds per epoch and preset, median (minimum to maximum) of the rounds:"
        better = better_arrangements(epochs)
        lines += ["", title, "", epochs_table(better)]
        if better != epochs:
            lines += ["", "The same for all arrangements of processes and threads:", "", epochs_table(epochs)]
    if commands:
        title = "Seconds, median (minimum to maximum) of the rounds; the ratio to the baseline is that of each round:"
        lines += ["", title, "", commands_table(commands)]
    for part, title in STEPS.items():
        if measured := [step for step in steps if step.row == part and step.seconds]:
            lines += ["", title, "", steps_table(measured)]
    return "\n".join(lines) + "\n"


def better_arrangements(measurements: Sequence[Measurement]) -> list[Measurement]:
    """Returns the fastest arrangement of processes and threads of each contender that has several."""

    def order(measurement: Measurement) -> tuple[bool, float]:
        seconds = measurement.seconds
        return bool(measurement.failure), statistics.median(seconds) if seconds else float("inf")

    contenders: dict[tuple[str, str], list[Measurement]] = {}
    for measurement in measurements:
        contenders.setdefault((measurement.row, measurement.how), []).append(measurement)
    return [min(alternatives, key=order) for alternatives in contenders.values()]


def epochs_table(measurements: Sequence[Measurement]) -> str:
    """Returns the table of seconds per epoch. The ratio to our sweep is that of each round."""
    ours = {m.row: m.seconds for m in measurements if m.how == OUR_SWEEP}
    heading = (
        "network",
        "implementation",
        "arrangement",
        "seconds",
        "ratio to our sweep",
        "memory",
        "validation accuracy",
    )
    rows = []
    for m in measurements:
        memory = "" if m.megabytes is None else f"{m.megabytes:.0f} MB"
        accuracy = "" if m.validation_accuracy is None else f"{m.validation_accuracy:.1%}"
        rows.append((m.row, m.how, _arrangement(m), _seconds(m), _ratio(m.seconds, ours.get(m.row)), memory, accuracy))
    return _table(heading, rows)


def commands_table(measurements: Sequence[Measurement]) -> str:
    """Returns the table of commands: this version and, if there is one, the baseline."""
    by_row: dict[str, dict[str, Measurement]] = {}
    for measurement in measurements:
        by_row.setdefault(measurement.row, {})[measurement.how] = measurement
    rows = []
    for row, versions in by_row.items():
        ours, baseline = versions.get(OURS), versions.get(BASELINE)
        ratio = _ratio(ours.seconds, baseline.seconds) if ours and baseline else ""
        rows.append((row, *(_seconds(version) if version else "" for version in (ours, baseline)), ratio))
    columns = 4 if any(BASELINE in versions for versions in by_row.values()) else 2
    return _table(("measured", OURS, BASELINE, "ratio")[:columns], [row[:columns] for row in rows])


def steps_table(measurements: Sequence[Measurement]) -> str:
    """Returns the table of steps. The first one is their sum."""
    total = statistics.median(measurements[0].seconds)
    rows = [(m.how, _spread(m.seconds, 3), f"{statistics.median(m.seconds) / total:.1%}") for m in measurements]
    return _table(("step", "seconds", "share"), rows)


def conditions_line(conditions: Mapping[str, str]) -> str:
    """Returns the conditions in one line, for a page that shows one table."""
    return "; ".join(f"{name}: {value}" for name, value in conditions.items()) + "."


def _arrangement(measurement: Measurement) -> str:
    """Returns the number of processes and the number of threads of each."""
    threads = measurement.threads
    if threads is None:
        return ""
    return f"{measurement.processes} x {threads} thread{'' if threads == 1 else 's'}"


def _seconds(measurement: Measurement) -> str:
    if measurement.failure:
        return f"failed: {measurement.failure}"
    return _spread(measurement.seconds) if measurement.seconds else ""


def _ratio(seconds: Sequence[float], others: Sequence[float] | None) -> str:
    """Returns the ratio to other seconds, of the rounds that both have."""
    ratios = [a / b for a, b in zip(seconds, others or (), strict=False)]
    return _spread(ratios) if ratios else ""


def _spread(seconds: Sequence[float], digits: int = 2) -> str:
    if len(seconds) == 1:
        return f"{seconds[0]:.{digits}f}"
    median, low, high = (f"{of(seconds):.{digits}f}" for of in (statistics.median, min, max))
    return f"{median} ({low} to {high})"


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
