"""The report's tables as typed values: the spreadsheet, the CSV files and the page all show these."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any, Literal

from mnist_mlp.evaluation.intervals import mean_interval, share_interval
from mnist_mlp.presets.preset import Preset, format_field
from mnist_mlp.report.evidence import TESTED_IMAGES, Evidence, ReportedRun
from mnist_mlp.report.findings import Finding
from mnist_mlp.report.studies import Experiment, label_of, name_of

Kind = Literal["text", "count", "number", "percent", "points", "seconds"]
Cell = str | int | float | None


@dataclass(frozen=True)
class Column:
    """A column: its heading, and what its values are. Shares are from 0 to 1; points are a difference of two shares."""

    heading: str
    kind: Kind


@dataclass(frozen=True)
class DataTable:
    """A table: `Table`, `Presets` or `Studies`; None where a value is not known, never NaN."""

    name: str
    columns: list[Column]
    rows: list[list[Cell]]

    def column(self, heading: str) -> list[Cell]:
        """Returns the values under a heading."""
        index = self.index(heading)
        return [row[index] for row in self.rows]

    def index(self, heading: str) -> int:
        return [column.heading for column in self.columns].index(heading)


_PRESET_COLUMNS: list[tuple[str, Kind, str]] = [
    ("batch size", "count", "batch_size"),
    ("activation", "text", "activation"),
    ("number of layers", "count", "weight_layers"),
    ("layer sizes", "text", "hidden_sizes"),
    ("epochs", "count", "epochs"),
    ("weight initialization", "text", "weight_init"),
    ("optimizer", "text", "optimizer"),
    ("learning rate", "number", "learning_rate"),
    ("weight decay", "number", "weight_decay"),
    ("dropout", "number", "dropout"),
]
_MORE_PRESET_COLUMNS: list[tuple[str, Kind, str]] = [
    (name_of(name), "number" if isinstance(getattr(Preset, name), float) else "text", name)
    for name in Preset.field_names()
    if name not in {field for _, _, field in _PRESET_COLUMNS}
]


def runs_table(runs: Sequence[ReportedRun]) -> DataTable:
    """Returns a row a run, oldest first."""
    columns = _columns(
        ("preset", "count"),
        *_typed(_PRESET_COLUMNS),
        *(("training time", "seconds"), ("best epoch", "count"), ("validation accuracy", "percent"), ("run", "text")),
        *(("test accuracy", "percent"), ("test low", "percent"), ("test high", "percent"), ("test loss", "number")),
        *(("seed", "count"), ("status", "text"), *_typed(_MORE_PRESET_COLUMNS)),
    )
    rows = []
    for run in runs:
        record, scored = run.record, run.test_accuracy is not None
        low, high = run.test_interval if scored else (None, None)
        has_best = record.best_epoch > 0 and not record.preset.final_fit
        row = [record.preset_number, *_values(run.preset, _PRESET_COLUMNS)]
        row += [record.training_seconds, record.best_epoch, run.validation_accuracy if has_best else None, run.name]
        row += [run.test_accuracy, low, high, run.test_loss]
        row += [record.seed, record.status, *_values(run.preset, _MORE_PRESET_COLUMNS)]
        rows.append(known(row))
    return DataTable("Table", columns, rows)


def presets_table(experiments: Sequence[Experiment]) -> DataTable:
    """Returns a row a preset as it was trained: means and 95% intervals over its seeds.

    With one seed, the test interval is the one that 10,000 images allow, and validation has none.
    """
    columns = _columns(
        ("preset", "text"),
        *_typed(_PRESET_COLUMNS),
        *_typed(_MORE_PRESET_COLUMNS),
        *(("seeds", "count"), ("validation accuracy", "percent"), ("validation low", "percent")),
        *(("validation high", "percent"), ("test accuracy", "percent"), ("test low", "percent")),
        *(("test high", "percent"), ("interval", "text"), ("training time", "seconds")),
    )
    rows = []
    for each in experiments:
        low, high = interval_over([run.validation_accuracy for run in each.seeds]) or (None, None)
        row = [each.label, *_values(each.preset, _PRESET_COLUMNS), *_values(each.preset, _MORE_PRESET_COLUMNS)]
        row += [len(each.seeds), each.mean_validation, low, high, each.mean_test, *interval_of_test(each)]
        row += [sum(run.record.training_seconds for run in each.seeds) / len(each.seeds)]
        rows.append(known(row))
    return DataTable("Presets", columns, rows)


def studies_table(findings: Sequence[Finding]) -> DataTable:
    """Returns a row a value of each study, compared with the study's reference on the test set."""
    columns = _columns(
        *(("study", "text"), ("changed", "text"), ("value", "text"), ("preset", "text"), ("seeds", "count")),
        *(("validation accuracy", "percent"), ("test accuracy", "percent"), ("against", "text")),
        *(("difference", "points"), ("difference low", "points"), ("difference high", "points")),
        *(("test", "text"), ("p", "number"), ("p by Holm", "number"), ("seed may do", "percent"), ("verdict", "text")),
    )
    rows = []
    for finding in findings:
        study = finding.study
        reference = study.value(study.reference)
        for each in finding.comparisons:
            row = [study.figure, study.field, study.value(each.arm), each.arm.label, len(each.arm.seeds)]
            row += [each.arm.mean_validation, each.arm.mean_test]
            if each.difference:
                of = each.difference
                row += [reference, of.amount, of.low, of.high, of.method, of.p, each.p_adjusted, each.seed_limit]
            else:
                row += [None] * 8
            rows.append(known([*row, each.verdict]))
    return DataTable("Studies", columns, rows)


def unvalidated_table(evidence: Evidence) -> DataTable:
    """Returns final fits, a row a preset, and ensembles: what has no validation accuracy to be compared by."""
    columns = _columns(
        *(("what", "text"), ("runs", "count"), ("test accuracy", "percent"), ("test low", "percent")),
        *(("test high", "percent"), ("interval", "text")),
    )
    final_fits: dict[Preset, dict[int, ReportedRun]] = defaultdict(dict)
    numbers: dict[Preset, set[int]] = defaultdict(set)
    for run in evidence.runs:
        numbers[run.preset].add(run.record.preset_number)
        if run.preset.final_fit and run.test_accuracy is not None:
            final_fits[run.preset][run.record.seed] = run
    rows = []
    for preset, by_seed in sorted(final_fits.items(), key=lambda item: min(numbers[item[0]])):
        label, runs = label_of(sorted(numbers[preset])), list(by_seed.values())
        accuracies = [run.test_accuracy for run in runs]
        over = interval_over(accuracies)
        interval = (*over, f"over {len(runs)} seeds") if over else (*runs[0].test_interval, "over test images")
        rows.append([f"final fit: preset {label}", len(runs), mean(accuracies), *interval])
    presets = {run.name: run.record.preset_number for run in evidence.runs}
    for each in sorted(evidence.ensembles, key=lambda ensemble: ensemble.test_accuracy):
        of_each = Counter(presets[name] for name in each.runs)
        members = ", ".join(f"{count} of preset {number}" for number, count in sorted(of_each.items()))
        interval = map(float, share_interval(round(each.test_accuracy * TESTED_IMAGES), TESTED_IMAGES))
        rows.append([f"ensemble: {members}", len(each.runs), each.test_accuracy, *interval, "over test images"])
    return DataTable("Unvalidated", columns, rows)


def interval_over(accuracies: Sequence[float]) -> tuple[float, float] | None:
    """Returns the 95% interval of a mean over seeds, as far as accuracies go (0 to 1); None for a single seed."""
    if len(accuracies) < 2:
        return None
    low, high = mean_interval(accuracies)
    return max(0.0, float(low)), min(1.0, float(high))


def interval_of_test(experiment: Experiment) -> tuple[float | None, float | None, str | None]:
    """Returns the 95% interval of an experiment's test accuracy, and over what it was taken."""
    scored = experiment.scored
    if not scored:
        return None, None, None
    over = interval_over([run.test_accuracy for run in scored])
    return (*over, f"over {len(scored)} seeds") if over else (*scored[0].test_interval, "over test images")


def shown(value: Cell, kind: Kind) -> str:
    """Returns a value as people read it: 98.25%, +0.31, 94.7 s; a dash where it is not known."""
    if value is None:
        return "\N{EN DASH}"
    if kind == "percent":
        return f"{value:.2%}"
    if kind == "points":
        return f"{value * 100:+.2f}".replace("-", "\N{MINUS SIGN}")
    if kind == "seconds":
        return f"{value:.1f} s"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _columns(*columns: tuple[str, Kind]) -> list[Column]:
    return [Column(heading, kind) for heading, kind in columns]


def _typed(columns: Sequence[tuple[str, Kind, str]]) -> list[tuple[str, Kind]]:
    return [(heading, kind) for heading, kind, _ in columns]


def _values(preset: Any, columns: Sequence[tuple[str, Kind, str]]) -> list[Cell]:
    values = [(getattr(preset, name), kind) for _, kind, name in columns]
    return [format_field(value) if kind == "text" else value for value, kind in values]


def known(row: Sequence[Cell]) -> list[Cell]:
    """Returns the values with None for every number that is none."""
    return [None if isinstance(value, float) and not math.isfinite(value) else value for value in row]
