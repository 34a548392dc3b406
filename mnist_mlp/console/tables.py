"""Tables printed by the scripts. They fit an 80-column terminal, and become lists on a narrower one."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import mean, stdev
from typing import Any, Literal

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Column as RichColumn
from rich.table import Table

from mnist_mlp.evaluation.scores import ScoredRun, TestScore
from mnist_mlp.evaluation.seed_spread import SpreadOverSeeds
from mnist_mlp.presets.changes import PresetName
from mnist_mlp.presets.declarations import HYPERPARAMETERS
from mnist_mlp.presets.preset import Preset, format_field
from mnist_mlp.presets.registry import Registry
from mnist_mlp.runs.record import RunRecord
from mnist_mlp.runs.run_folder import RunFolder

WIDTH_OF_ALL_COLUMNS = 150  # minimum terminal width for all columns of the preset table
NARROWEST_FOLD = 12  # characters; a column of folded text is at least as wide, unless all its texts are shorter
FINAL_FIT_MARK = "*"
FINAL_FIT_NOTE = f"{FINAL_FIT_MARK} final fit: the validation images were part of the training data"


@dataclass(frozen=True)
class Column:
    """A column of a printed table.

    Attributes:
        heading: column heading.
        text: returns the text of a cell, given the item of its row.
        justify: "right" for numbers, "left" for text.
        is_folded: whether long text wraps to the next line.
        style: a rich style.
    """

    heading: str
    text: Callable[[Any], str]
    justify: Literal["left", "right"] = "right"
    is_folded: bool = False
    style: str | None = None


def table_of(columns: Sequence[Column], items: Iterable[Any]) -> Table:
    """Returns a borderless table with one row per item. On a terminal that is too narrow, its rows become lists."""
    table = _FittingTable(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(
            column.heading, justify=column.justify, no_wrap=not column.is_folded, overflow="fold", style=column.style
        )
    for item in items:
        table.add_row(*(escape(column.text(item)) for column in columns))
    return table


class _FittingTable(Table):
    """A table that prints a list of headings and values for each row if the terminal is too narrow for its columns.

    Rich would cut off values, and numbers without their last digits are wrong.
    """

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        widths = [self._narrowest(column, console, options) for column in self.columns]
        if sum(widths) + 2 * (len(widths) - 1) <= options.max_width:
            yield from super().__rich_console__(console, options)
            return
        for row in zip(*(column.cells for column in self.columns), strict=True):
            values = Table.grid(padding=(0, 2, 0, 0))
            values.add_column(no_wrap=True)
            values.add_column(overflow="fold")
            for column, value in zip(self.columns, row, strict=True):
                values.add_row(column.header, value, style=column.style)
            yield values
            yield ""
        if self.caption:
            yield self.caption

    @staticmethod
    def _narrowest(column: RichColumn, console: Console, options: ConsoleOptions) -> int:
        wide = options.update(max_width=1000)
        width = max(Measurement.get(console, wide, text).maximum for text in (column.header, *column.cells))
        return width if column.no_wrap else min(width, NARROWEST_FOLD)


RESULTS = (
    Column("preset", lambda run: str(run.record.preset_name), is_folded=True),
    Column("best epoch", lambda run: _best_epoch(run.record)),
    Column("validation", lambda run: _validation(run.record)),
    Column("time", lambda run: duration(run.record.training_seconds)),
    Column("status", lambda run: run.record.status, justify="left"),
    Column("run", lambda run: run.name, justify="left", is_folded=True),
)


SEED = Column("seed", lambda run: str(run.record.seed))


def results_table(runs: Sequence[RunFolder]) -> Table:
    """Returns the table of training results, one row per run. It shows the seeds if there are several."""
    has_several_seeds = len({run.record.seed for run in runs}) > 1
    columns = (RESULTS[0], SEED, *RESULTS[1:]) if has_several_seeds else RESULTS
    return _with_note(table_of(columns, runs), runs)


def _best_epoch(record: RunRecord) -> str:
    return f"{record.best_epoch} of {len(record.epochs)}" if record.best_epoch else "-"


def _validation(record: RunRecord) -> str:
    if not record.best_epoch:
        return "-"
    return f"{record.best_validation_accuracy:.2%}" + (FINAL_FIT_MARK if record.preset.final_fit else "")


def _with_note(table: Table, runs: Iterable[RunFolder]) -> Table:
    if any(run.record.preset.final_fit and run.record.best_epoch for run in runs):
        table.caption, table.caption_justify = FINAL_FIT_NOTE, "left"
    return table


@dataclass(frozen=True)
class _ScoreRow:
    """A row of the score table."""

    preset: str
    score: TestScore
    validation: str
    seed: str
    run: str


SCORES = (
    Column("preset", lambda row: row.preset, is_folded=True),
    Column("test", lambda row: f"{row.score.accuracy:.2%}"),
    Column("95% interval\nover images", lambda row: _interval(*row.score.interval)),
    Column("loss", lambda row: f"{row.score.loss:.4f}"),
    Column("validation", lambda row: row.validation),
    Column("seed", lambda row: row.seed),
    Column("run", lambda row: row.run, justify="left", is_folded=True),
)


def scores_table(scored: Sequence[ScoredRun], ensemble: TestScore | None = None) -> Table:
    """Returns the table of test scores, best first, with the ensemble in the last row."""
    rows = [
        _ScoreRow(
            preset=str(scored_run.run.record.preset_name),
            score=scored_run.score,
            validation=_validation(scored_run.run.record),
            seed=str(scored_run.run.record.seed),
            run=scored_run.run.name,
        )
        for scored_run in sorted(scored, key=lambda item: item.score.accuracy, reverse=True)
    ]
    if ensemble:
        rows.append(_ScoreRow("all", ensemble, "", "", f"ensemble of {len(scored)} runs"))
    return _with_note(table_of(SCORES, rows), [scored_run.run for scored_run in scored])


def _interval(low: float, high: float) -> str:
    return f"{low * 100:.2f} to {high * 100:.2f}"


def repeats_table(measured: Iterable[tuple[RunRecord, float]], accuracy_name: str) -> Table | None:
    """Returns a table of the presets with several seeds, with their mean and spread, or None if there are none.

    The intervals are those of the report. The spread that they use was measured on test accuracies; that of validation
    accuracies is about the same.

    Args:
        measured: the record and accuracy of each run. If a seed was trained more than once, only its last run counts,
            because the same seed gives the same network.
        accuracy_name: name of the accuracy in the column heading, for example "test accuracy".
    """
    by_seed: dict[tuple[PresetName, Preset], dict[int, float]] = defaultdict(dict)
    for record, accuracy in measured:
        by_seed[record.preset_name, record.preset][record.seed] = accuracy
    repeated = [(number, list(values.values())) for (number, _), values in by_seed.items() if len(values) > 1]
    if not repeated:
        return None
    spread = SpreadOverSeeds.of(accuracies for _, accuracies in repeated)
    columns = (
        Column("preset", lambda row: str(row[0]), is_folded=True),
        Column("seeds", lambda row: str(len(row[1]))),
        Column(f"mean {accuracy_name}", lambda row: f"{mean(row[1]):.2%}"),
        Column("95% interval", lambda row: f"{_interval(*spread.interval(row[1]))}%"),
        Column("standard deviation", lambda row: f"{stdev(row[1]):.2%}"),
    )
    return table_of(columns, sorted(repeated, key=lambda row: mean(row[1]), reverse=True))


def duration(seconds: float) -> str:
    """Returns a duration as hours, minutes, and seconds: "0:01:35"."""
    return str(timedelta(seconds=round(seconds)))


PRESETS = (
    Column("preset", lambda item: str(item[0])),
    Column("hidden layers", lambda item: format_field(item[1].hidden_sizes), justify="left", is_folded=True),
    Column("activation", lambda item: item[1].activation, justify="left"),
    Column("init", lambda item: item[1].weight_init, justify="left"),
    Column("batch\nsize", lambda item: str(item[1].batch_size)),
    Column("epochs", lambda item: str(item[1].epochs)),
    Column("optimizer", lambda item: _optimizer(item[1]), justify="left"),
    Column("learning\nrate", lambda item: format_field(item[1].learning_rate)),
    Column("weight\ndecay", lambda item: format_field(item[1].weight_decay)),
    Column("dropout", lambda item: format_field(item[1].dropout)),
)
ON_80_COLUMNS = ("preset", "hidden layers", "batch\nsize", "learning\nrate", "weight\ndecay", "dropout")


def presets_tables(registry: Registry, width: int) -> list[str | Table]:
    """Returns the title, if any, and the preset table of every section of the registry.

    Args:
        width: terminal width in characters. Narrow terminals get fewer columns.
    """
    shown = PRESETS
    if width < WIDTH_OF_ALL_COLUMNS:
        shown = [column for column in PRESETS if column.heading in ON_80_COLUMNS]
    if width < 80:
        shown = PRESETS[:2]
    change = Column(
        "changed from", lambda item: registry.change_of(item[1]), justify="left", is_folded=True, style="cyan"
    )
    tables: list[str | Table] = []
    for section in registry.sections:
        if section.numbers:
            presets = [(number, registry[number]) for number in section.numbers]
            if section.title:
                tables.append(f"\n[bold]{escape(section.title)}[/bold]")
            tables.append(table_of([*shown, change], presets))
    return tables


def _optimizer(preset: Preset) -> str:
    arguments = format_field(preset.optimizer_arguments) if preset.optimizer_arguments else ""
    return f"{preset.optimizer} {arguments}".rstrip()


def hyperparameters_help() -> str:
    """Returns the name, default, allowed values and description of every hyperparameter as plain text."""
    indent = "    "
    lines = ["hyperparameters:"]
    for declared in HYPERPARAMETERS.values():
        lines.append(f"  {declared.name} (default: {format_field(declared.default)})")
        for text in (f"allowed: {declared.check.allowed}", declared.help):
            lines += textwrap.wrap(
                text, width=78, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
            )
    return "\n".join(lines)
