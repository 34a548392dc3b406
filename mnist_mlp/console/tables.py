"""The tables that the scripts end with, made to fit a terminal of 80 columns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from statistics import mean, stdev
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from mnist_mlp.evaluation.intervals import mean_interval
from mnist_mlp.presets.preset import Preset
from mnist_mlp.runs.run_folder import RunFolder, RunRecord

if TYPE_CHECKING:
    from mnist_mlp.evaluation.scoring import TestScore


def plain_table(headings: str, left: str = "") -> Table:
    """Returns an empty table without lines.

    Args:
        headings: of the columns, separated by "|".
        left: those whose text stands on the left; numbers stand on the right.
    """
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in headings.split("|"):
        justify = "left" if heading in left.split("|") else "right"
        # Where there is too little room, these go on in the next line rather than lose their ends.
        table.add_column(heading, justify=justify, no_wrap=heading not in ("hidden sizes", "run"), overflow="fold")
    return table


def results_table(runs: Sequence[RunFolder]) -> Table:
    """Returns how each run's training ended."""
    table = plain_table("preset|best epoch|validation|time|status|run", left="status|run")
    for run in runs:
        record = run.record
        best_epoch = f"{record.best_epoch} of {len(record.epochs)}" if record.best_epoch else "-"
        time = duration(record.training_seconds)
        table.add_row(str(record.preset_number), best_epoch, validation(record), time, record.status, escape(run.name))
    return _with_footnote(table, runs)


def scores_table(scored: Sequence[tuple[TestScore, RunFolder]], ensemble: TestScore | None = None) -> Table:
    """Returns the runs' scores on the test set, the best first, and below them that of all together."""
    table = plain_table("preset|test|95% interval|loss|validation|seed|run", left="run")

    def add(preset: str, result: TestScore, *more: str) -> None:
        low, high = result.interval
        interval = f"{low * 100:.2f} to {high * 100:.2f}"
        table.add_row(preset, f"{result.accuracy:.2%}", interval, f"{result.loss:.4f}", *more)

    for result, run in sorted(scored, key=lambda each: each[0].accuracy, reverse=True):
        record = run.record
        add(str(record.preset_number), result, validation(record), str(record.seed), escape(run.name))
    if ensemble:
        add("all", ensemble, "", "", f"ensemble of {len(scored)} runs")
    return _with_footnote(table, [run for _, run in scored])


def validation(record: RunRecord) -> str:
    """Returns the run's validation accuracy, that of a final fit with a mark."""
    if not record.best_epoch:
        return "-"
    return f"{record.best_validation_accuracy:.2%}" + ("*" if record.preset.final_fit else "")


def _with_footnote(table: Table, runs: Iterable[RunFolder]) -> Table:
    if any(validation(run.record).endswith("*") for run in runs):
        table.caption, table.caption_justify = "* a final fit: it has been trained on the validation images too", "left"
    return table


def repeats_table(measured: Iterable[tuple[RunRecord, float]], what: str) -> Table | None:
    """Returns, for each preset with more than one seed, mean and spread over its seeds; None where there is none.

    Args:
        measured: each run's record with its accuracy. A seed trained twice gives one network, so it counts once, by the
            last of its runs.
        what: the accuracy's name.
    """
    by_seed: dict[tuple[int, Preset], dict[int, float]] = defaultdict(dict)
    for record, accuracy in measured:
        by_seed[record.preset_number, record.preset][record.seed] = accuracy
    table = plain_table(f"preset|seeds|mean {what}|95% interval of the mean|standard deviation")
    repeated = {preset: list(values.values()) for preset, values in by_seed.items() if len(values) > 1}
    for (number, _), values in sorted(repeated.items(), key=lambda item: mean(item[1]), reverse=True):
        low, high = mean_interval(values)
        interval = f"{low * 100:.2f} to {high:.2%}"
        table.add_row(str(number), str(len(values)), f"{mean(values):.2%}", interval, f"{stdev(values):.2%}")
    return table if repeated else None


def duration(seconds: float) -> str:
    """Returns a time span as people say it: 42 s, 0:01:35."""
    return str(timedelta(seconds=round(seconds))) if seconds >= 60 else f"{seconds:.0f} s"
