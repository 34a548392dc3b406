"""The tables of runs that a notebook gets: one dict per run. Does not import TensorFlow or pandas."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mnist_mlp.evaluation.score_tables import read_eval_log
from mnist_mlp.presets.declarations import HYPERPARAMETERS
from mnist_mlp.presets.preset import format_field
from mnist_mlp.runs.run_folder import RunFolder

Scores = Mapping[str, tuple[float, float]]  # test accuracy and loss by run name


class Table(list[dict[str, Any]]):
    """A table: one dict per row. `pandas.DataFrame(table)` makes a data frame of it, and a notebook displays it."""

    def _repr_html_(self) -> str:
        """Called by notebooks to display the table."""
        heading = [f"<th>{html.escape(name)}</th>" for name in (self[0] if self else ())]
        rows = [[f"<td>{html.escape(_shown(value))}</td>" for value in row.values()] for row in self]
        return f"<table>{''.join('<tr>' + ''.join(row) + '</tr>' for row in (heading, *rows))}</table>"


def table_of_runs(runs: Sequence[RunFolder], scores: Scores) -> Table:
    """Returns a table of runs: results, test scores, and all hyperparameters that differ from their default in a run.

    Values that do not exist are None, for example the validation accuracy of a run without a completed epoch, or the
    test accuracy of a run that was not evaluated.
    """
    changed = [
        name
        for name, declared in HYPERPARAMETERS.items()
        if any(getattr(run.record.preset, name) != declared.default for run in runs)
    ]
    return Table({**_results(run, scores), **_hyperparameters(run, changed)} for run in runs)


def read_test_scores(info_dir: Path) -> Scores:
    """Returns the scores in eval_log.txt. Rows without a valid number are left out.

    Raises:
        UsageError: the file has unexpected columns or cannot be read.
    """
    numbers = {
        row["run"]: (_number(row["test_accuracy"]), _number(row["test_loss"])) for row in read_eval_log(info_dir)
    }
    return {run: scores for run, scores in numbers.items() if not any(map(math.isnan, scores))}


def _results(run: RunFolder, scores: Scores) -> dict[str, Any]:
    record = run.record
    accuracy, loss = scores.get(run.name, (None, None))
    return {
        "run": run.name,
        "preset": record.preset_name.cell,
        "seed": record.seed,
        "status": str(record.status),
        "best_epoch": record.best_epoch or None,
        "validation_accuracy": record.best_validation_accuracy if record.best_epoch else None,
        "test_accuracy": accuracy,
        "test_loss": loss,
        "training_seconds": record.training_seconds,
        "threads": record.threads,
    }


def _hyperparameters(run: RunFolder, names: Sequence[str]) -> dict[str, Any]:
    values = {name: getattr(run.record.preset, name) for name in names}
    return {name: format_field(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _number(text: str | None) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        return math.nan


def _shown(value: Any) -> str:
    return "" if value is None else format_field(value)
