"""Writes the comparison with the published figures as Markdown and CSV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from statistics import median

from experiments.replicate_2020.comparison import AS_IN_2020, AS_INTENDED, MAJORITY, PARTS, Comparison, Figure
from experiments.replicate_2020.intervals import Interval
from experiments.replicate_2020.runs_file import FinishedRun
from mnist_mlp.disk.files import write_text_atomically
from mnist_mlp.report.csv_files import write_csv
from mnist_mlp.report.tables import Kind, shown

MARKDOWN_FILE = "table.md"
CSV_FILE = "table.csv"


def write_tables(comparison: Comparison, folder: Path) -> None:
    """Writes table.md and table.csv into the directory."""
    write_csv(comparison.table(), folder / CSV_FILE)
    write_text_atomically(folder / MARKDOWN_FILE, as_markdown(comparison))


def as_markdown(comparison: Comparison) -> str:
    """Returns the comparison as a page: conditions, summary, table, method."""
    return "\n\n".join(
        [
            "# The 2020 experiment, trained again",
            "Written by `python -m experiments.replicate_2020` from `runs.csv`. All columns are in `table.csv`.",
            conditions_of(comparison.runs),
            summary_of(comparison),
            main_table(comparison),
            _method(comparison),
            "Published figures outside. The last interval is computed from the spread of the preset's own seeds alone:",
            outside_table(comparison) + "\n",
        ]
    )


def conditions_of(runs: Sequence[FinishedRun]) -> str:
    """Returns the machine, versions, and training time as a list."""
    machines, versions = (sorted({getattr(run, name) for run in runs}) for name in ("machine", "versions"))
    hours = sum(run.seconds for run in runs) / 3600
    diverged = sum(run.status == "diverged" for run in runs)
    lines = [f"- Machine: {'; '.join(machines)}", f"- Versions: {'; '.join(versions)}"]
    sums = f"sum over {len(runs)} runs on one thread each, {diverged} of which diverged"
    lines.append(f"- Training time: {hours:.1f} hours ({sums})")
    return "\n".join(lines)


def summary_of(comparison: Comparison) -> str:
    """Returns how many published figures are inside our prediction intervals, for each variant."""
    titles = {
        AS_IN_2020: "As in 2020 (penalty added once per layer; dropout on in validation and test)",
        AS_INTENDED: "Control, as intended (penalty added once; dropout off in validation and test)",
    }
    lines = ["Published figures inside the 95% prediction interval for one of our runs:", ""]
    for variant, title in titles.items():
        parts = [f"{part} {_count_inside(comparison.figures(variant, part))}" for part in PARTS]
        lines.append(f"- {title}: {', '.join(parts)}")
    return "\n".join(lines)


def _count_inside(figures: Sequence[Figure]) -> str:
    known = [figure for figure in figures if figure.interval]
    if not known:
        return "unknown"
    inside = sum(figure.is_inside for figure in known)
    width = median(figure.interval.width for figure in known)
    return f"{inside} of {len(known)} (median width {width * 100:.2f} points)"


def main_table(comparison: Comparison) -> str:
    """Returns published figures, ours, and prediction intervals, with a row for each preset."""
    heading = ["preset"]
    for part in PARTS:
        heading += [f"published {part}", f"{part} as in 2020", "SD", "95% interval", "inside"]
    heading += [f"{part} as intended" for part in PARTS]
    heading.append("seeds")
    return _markdown(heading, [_row(comparison, number) for number in comparison.numbers])


def _row(comparison: Comparison, number: int) -> list[str]:
    percent = partial(shown, kind=Kind.PERCENT)
    cells = [str(number)]
    for part in PARTS:
        figure = comparison.figure(number, AS_IN_2020, part)
        interval = f"{percent(figure.low)} to {percent(figure.high)}" if figure.interval else percent(None)
        cells += [percent(figure.published), percent(figure.mean), _deviation(figure), interval]
        cells.append({True: "yes", False: "**no**", None: percent(None)}[figure.is_inside])
    intended = [comparison.figure(number, AS_INTENDED, part) for part in PARTS]
    cells += [percent(figure.mean) for figure in intended]
    seeds = [len(figure.ours) for figure in (comparison.figure(number, AS_IN_2020, "test"), intended[1])]
    return [*cells, str(seeds[0]) if len(set(seeds)) == 1 else f"{seeds[0]} and {seeds[1]}"]


def _method(comparison: Comparison) -> str:
    rows = [
        [
            part,
            "yes" if group.samples[0].has_dropout else "no",
            ", ".join(str(number) for number in sorted(sample.preset for sample in group.samples)),
            f"{group.deviation:.3f}",
            str(group.freedom),
        ]
        for part in PARTS
        for group in comparison.groups(AS_IN_2020, part)
    ]
    table = _markdown(("images", "dropout", "presets", "SD (logit)", "degrees of freedom"), rows)
    shares = " and ".join(f"{MAJORITY[part]:.2%} ({part})" for part in PARTS)
    return f"""\
SD: standard deviation over seeds, in percentage points. The 95% interval is a prediction interval for one run. It is
computed on the logit scale, from the preset's mean and a standard deviation that is pooled over similar presets: with
or without dropout, and with a similar mean accuracy in our own runs. Where all runs of a preset predict the most
frequent class for every image, their accuracy is exactly {shares}. It has no spread, and the interval is this value.
`experiments/replicate_2020/intervals.py` describes the method. The groups of "as in 2020":

{table}"""


def outside_table(comparison: Comparison) -> str:
    """Returns the published figures that are outside the intervals as in 2020, with a row for each."""
    heading = ("preset", "images", "published", "as in 2020", "SD", "95% interval", "with its own spread")
    rows = []
    for number in comparison.numbers:
        for part in PARTS:
            figure = comparison.figure(number, AS_IN_2020, part)
            if figure.interval and not figure.is_inside:
                cells = [shown(value, Kind.PERCENT) for value in (figure.published, figure.mean)]
                deviation, own = _deviation(figure), _range(figure.own, figure.published)
                rows.append([str(number), part, *cells, deviation, _range(figure.interval, figure.published), own])
    return _markdown(heading, rows)


def _deviation(figure: Figure) -> str:
    return "\N{EN DASH}" if figure.deviation is None else f"{figure.deviation * 100:.2f}"


def _range(interval: Interval | None, published: float) -> str:
    if not interval:
        return "\N{EN DASH}"
    inside = "inside" if interval.contains(published) else "outside"
    return f"{interval.low:.2%} to {interval.high:.2%} ({inside})"


def _markdown(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
