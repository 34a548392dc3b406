"""The tables of the report: runs, presets, studies, and one for final fits and ensembles."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from mnist_mlp.evaluation.seed_spread import SpreadOverSeeds
from mnist_mlp.presets.changes import PresetName
from mnist_mlp.presets.declarations import HYPERPARAMETERS
from mnist_mlp.presets.hyperparameter import Hyperparameter
from mnist_mlp.presets.hyperparameter import Kind as ValueKind
from mnist_mlp.presets.preset import Preset, format_field
from mnist_mlp.report.comparisons import Comparison
from mnist_mlp.report.evidence import Evidence, ReportedEnsemble, ReportedRun
from mnist_mlp.report.experiments import Experiment, label_of
from mnist_mlp.report.findings import Finding
from mnist_mlp.report.intervals import Basis, Interval, interval_over_images, interval_over_seeds
from mnist_mlp.report.studies import Study
from mnist_mlp.report.tables import Cell, Column, DataTable, Emphasis, Kind
from mnist_mlp.report.verdicts import WORDINGS, Verdict
from mnist_mlp.report.wording import count

_KINDS = {ValueKind.COUNT: Kind.COUNT, ValueKind.NUMBER: Kind.NUMBER, ValueKind.TEXT: Kind.TEXT}


def _hyperparameter_columns(*, in_2020: bool) -> list[Column]:
    """Returns the columns for the hyperparameters that existed in 2020, or for all newer ones."""
    columns = [_column_of(declared) for declared in HYPERPARAMETERS.values() if declared.in_2020 == in_2020]
    if in_2020:
        columns.insert(1, Column("number of layers", Kind.COUNT, lambda item: item.preset.weight_layers))
    return columns


def _column_of(declared: Hyperparameter) -> Column:
    def value(item: Any) -> Cell:
        value = getattr(item.preset, declared.name)
        return format_field(value) if declared.kind is ValueKind.TEXT else value

    return Column(declared.title, _KINDS[declared.kind], value)


def _low_and_high(basis: str, interval: Callable[[Any], Interval | None]) -> tuple[Column, Column]:
    """Returns two columns with the limits of a 95% interval for the test accuracy."""
    return (
        Column(f"test 95% low{basis}", Kind.PERCENT, lambda item: found.low if (found := interval(item)) else None),
        Column(f"test 95% high{basis}", Kind.PERCENT, lambda item: found.high if (found := interval(item)) else None),
    )


def _test_interval(run: ReportedRun) -> Interval | None:
    return None if run.test_accuracy is None else interval_over_images(run.test_accuracy)


def _chosen_validation_accuracy(run: ReportedRun) -> float | None:
    has_chosen = run.record.best_epoch > 0 and not run.preset.final_fit
    return run.validation_accuracy if has_chosen else None


RUNS = [
    Column("preset", Kind.COUNT, lambda run: run.record.preset_name.cell),
    *_hyperparameter_columns(in_2020=True),
    Column("training time", Kind.SECONDS, lambda run: run.record.training_seconds),
    Column("best epoch", Kind.COUNT, lambda run: run.record.best_epoch),
    Column("validation accuracy", Kind.PERCENT, _chosen_validation_accuracy, Emphasis.ACCURACY),
    Column("run", Kind.TEXT, lambda run: run.name),
    Column("test accuracy", Kind.PERCENT, lambda run: run.test_accuracy, Emphasis.ACCURACY),
    *_low_and_high(f" ({Basis.IMAGES})", _test_interval),
    Column("test loss", Kind.NUMBER, lambda run: run.test_loss),
    Column("seed", Kind.COUNT, lambda run: run.record.seed),
    Column("status", Kind.TEXT, lambda run: str(run.record.status)),
    *_hyperparameter_columns(in_2020=False),
]


def runs_table(runs: Sequence[ReportedRun]) -> DataTable:
    """Returns the table of all runs, oldest first."""
    return DataTable.of("Table", RUNS, runs)


PRESETS = [
    Column("preset", Kind.TEXT, lambda experiment: experiment.label),
    *_hyperparameter_columns(in_2020=True),
    *_hyperparameter_columns(in_2020=False),
    Column("seeds", Kind.COUNT, lambda experiment: len(experiment.seeds)),
    Column("validation accuracy", Kind.PERCENT, lambda experiment: experiment.mean_validation, Emphasis.ACCURACY),
    Column("test accuracy", Kind.PERCENT, lambda experiment: experiment.mean_test, Emphasis.ACCURACY),
    *_low_and_high(f" ({Basis.SEEDS})", lambda experiment: experiment.interval),
    Column("training time", Kind.SECONDS, lambda experiment: experiment.mean_seconds),
]


def presets_table(experiments: Sequence[Experiment]) -> DataTable:
    """Returns the table of all presets, with means and 95% intervals over seeds."""
    return DataTable.of("Presets", PRESETS, experiments)


@dataclass(frozen=True)
class _StudyRow:
    """A value in a study and its comparison with the reference."""

    study: Study
    comparison: Comparison

    @property
    def reference(self) -> str | None:
        is_compared = self.comparison.difference or self.comparison.verdict is Verdict.FAILED
        return self.study.value(self.study.reference) if is_compared else None


def _of_difference(attribute: Callable[[Any], Cell]) -> Callable[[_StudyRow], Cell]:
    """Returns a getter for a value of the difference. The getter returns None if there is no difference."""
    return lambda row: attribute(row.comparison.difference) if row.comparison.difference else None


STUDIES = [
    Column("study", Kind.TEXT, lambda row: row.study.figure),
    Column("hyperparameter", Kind.TEXT, lambda row: row.study.field),
    Column("value", Kind.TEXT, lambda row: row.study.value(row.comparison.arm)),
    Column("preset", Kind.TEXT, lambda row: row.comparison.arm.label),
    Column("seeds", Kind.COUNT, lambda row: len(row.comparison.arm.seeds)),
    Column("validation accuracy", Kind.PERCENT, lambda row: row.comparison.arm.mean_validation, Emphasis.ACCURACY),
    Column("test accuracy", Kind.PERCENT, lambda row: row.comparison.arm.mean_test, Emphasis.ACCURACY),
    Column("reference value", Kind.TEXT, lambda row: row.reference),
    Column("difference", Kind.POINTS, _of_difference(lambda difference: difference.amount), Emphasis.DIFFERENCE),
    Column("difference 95% low", Kind.POINTS, _of_difference(lambda difference: difference.low)),
    Column("difference 95% high", Kind.POINTS, _of_difference(lambda difference: difference.high)),
    Column("p (adjusted)", Kind.NUMBER, _of_difference(lambda difference: difference.p)),
    Column("verdict", Kind.TEXT, lambda row: WORDINGS[row.comparison.verdict].text, Emphasis.VERDICT),
]


def studies_table(findings: Sequence[Finding]) -> DataTable:
    """Returns the table of all studies: one row per value, compared with the reference on the test set."""
    rows = [_StudyRow(finding.study, comparison) for finding in findings for comparison in finding.comparisons]
    return DataTable.of("Studies", STUDIES, rows)


@dataclass(frozen=True)
class _UnvalidatedRow:
    """A final fit or an ensemble."""

    description: str
    runs: int
    accuracy: float
    interval: Interval


UNVALIDATED = [
    Column("network", Kind.TEXT, lambda row: row.description),
    Column("runs", Kind.COUNT, lambda row: row.runs),
    Column("test accuracy", Kind.PERCENT, lambda row: row.accuracy, Emphasis.ACCURACY),
    *_low_and_high("", lambda row: row.interval),
    Column("interval", Kind.TEXT, lambda row: str(row.interval.basis)),
]


def unvalidated_table(evidence: Evidence, spread: SpreadOverSeeds) -> DataTable:
    """Returns the table of final fits (one row per preset) and ensembles, which have no validation accuracy.

    Args:
        spread: how much the test accuracy of a final fit varies with the seed.
    """
    ensembles = sorted(evidence.ensembles, key=lambda ensemble: ensemble.test_accuracy)
    numbers = {run.name: run.record.preset_name for run in evidence.runs}
    rows = [*_final_fits(evidence.runs, spread), *(_ensemble_row(ensemble, numbers) for ensemble in ensembles)]
    return DataTable.of("Unvalidated", UNVALIDATED, rows)


def _final_fits(runs: Sequence[ReportedRun], spread: SpreadOverSeeds) -> Iterator[_UnvalidatedRow]:
    by_preset: dict[Preset, dict[int, ReportedRun]] = defaultdict(dict)
    numbers: dict[Preset, set[PresetName]] = defaultdict(set)
    for run in runs:
        numbers[run.preset].add(run.record.preset_name)
        if run.preset.final_fit and run.test_accuracy is not None:
            by_preset[run.preset][run.record.seed] = run
    for preset, by_seed in sorted(by_preset.items(), key=lambda item: min(numbers[item[0]])):
        seeds = list(by_seed.values())
        accuracies = [run.test_accuracy for run in seeds]
        description = f"final fit: preset {label_of(sorted(numbers[preset]))}"
        yield _UnvalidatedRow(description, len(seeds), mean(accuracies), interval_over_seeds(accuracies, spread))


def _ensemble_row(ensemble: ReportedEnsemble, numbers: dict[str, PresetName]) -> _UnvalidatedRow:
    of_preset = Counter(numbers[name] for name in ensemble.runs)
    members = ", ".join(f"{count(runs, 'run')} of preset {number}" for number, runs in sorted(of_preset.items()))
    interval = interval_over_images(ensemble.test_accuracy)
    return _UnvalidatedRow(f"ensemble: {members}", len(ensemble.runs), ensemble.test_accuracy, interval)
