"""Tests the columns of the report's tables. All expected values of a row differ, so swapped columns are detected."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, log

import numpy as np
import pytest

from mnist_mlp.evaluation.seed_spread import MEASURED_BEFORE
from mnist_mlp.presets.declarations import HYPERPARAMETERS
from mnist_mlp.presets.preset import Preset, format_field
from mnist_mlp.report.evidence import Evidence, ReportedEnsemble
from mnist_mlp.report.experiments import find_experiments
from mnist_mlp.report.report_tables import presets_table, runs_table, studies_table, unvalidated_table
from mnist_mlp.report.tables import Cell, DataTable
from mnist_mlp.runs.record import RunStatus
from tests.report.helpers import preset_spread, seed_interval
from tests.report.reported import content_of, reported_run

TITLES = [declared.title for declared in HYPERPARAMETERS.values()]


def rows_of(table: DataTable) -> list[dict[str, Cell]]:
    """Returns the rows by heading; checks that headings are unique."""
    headings = [column.heading for column in table.columns]
    assert len(set(headings)) == len(headings)
    return [dict(zip(headings, row, strict=True)) for row in table.rows]


def assert_shows(row: dict[str, Cell], expected: Mapping[str, object], others: list[str]) -> None:
    """Checks the expected values of a row, which must all differ. All other headings must be in `others`."""
    assert len(set(expected.values())) == len(expected)
    assert sorted(row) == sorted([*expected, *others])
    for heading, value in expected.items():
        assert row[heading] == (pytest.approx(value, abs=1e-6) if isinstance(value, float) else value), heading


def test_runs_table_columns():
    preset = Preset(hidden_sizes=(40, 30, 20, 10, 8))
    run = reported_run(31, preset, (0.91, 0.93, 0.94, 0.92), test_accuracy=0.96, seed=1602)
    for index, epoch in enumerate(run.record.epochs):
        epoch["train"]["accuracy"] = 0.5 + index / 100
        epoch["seconds"] = 10.25 + index
    run.test_loss = 0.125
    run.record.status = RunStatus.DIVERGED
    (row,) = rows_of(runs_table([run]))
    expected = {
        "preset": 31,
        "number of layers": 6,
        "training time": 47.0,  # 10.25 + 11.25 + 12.25 + 13.25
        "best epoch": 3,
        "validation accuracy": 0.94,
        "run": "31_1602",
        "test accuracy": 0.96,
        "test 95% low (over test images)": 0.955979,  # Wilson score interval for 9,600 of 10,000
        "test 95% high (over test images)": 0.963667,
        "test loss": 0.125,
        "seed": 1602,
        "status": "diverged",
    }
    assert_shows(row, expected, TITLES)


def test_unscored_running_run_has_unknown_accuracies():
    run = reported_run(31, Preset())
    run.record.best_epoch, run.record.status = 0, RunStatus.RUNNING
    (row,) = rows_of(runs_table([run]))
    limits = ("test 95% low (over test images)", "test 95% high (over test images)")
    unknown = ("validation accuracy", "test accuracy", *limits, "test loss")
    assert [row[heading] for heading in unknown] == [None] * 5
    assert row["status"] == "running"


@pytest.mark.parametrize("name", HYPERPARAMETERS)
def test_each_hyperparameter_has_a_column(name):
    declared = HYPERPARAMETERS[name]
    presets = [Preset(), Preset(**{name: declared.example})]
    runs = [reported_run(1, preset) for preset in presets]
    experiments = [experiment for run in runs for experiment in find_experiments([run])]
    tables = [runs_table(runs)]
    if name != "final_fit":  # final fits are not in the presets table
        tables.append(presets_table(experiments))
    for table in tables:
        before, after = rows_of(table)
        changed = {heading for heading in TITLES if before[heading] != after[heading]}
        assert changed == {declared.title}
        values = [getattr(preset, name) for preset in presets]
        if not isinstance(values[0], int | float) or isinstance(values[0], bool):
            values = [format_field(value) for value in values]
        assert [before[declared.title], after[declared.title]] == values


def test_presets_table_columns():
    preset = Preset(hidden_sizes=(40, 30, 20, 10, 8, 6))
    accuracies = [(0.91, 0.95), (0.92, 0.955), (0.94, 0.965), (0.97, None)]  # on validation, on the test set
    runs = []
    for seed, (validation, test) in enumerate(accuracies):
        run = reported_run(9 if seed else 7, preset, (0.5, validation, 0.8), test, seed)
        for epoch in run.record.epochs:
            epoch["seconds"] = 10.0 * (seed + 1)
        runs.append(run)
    (row,) = rows_of(presets_table(find_experiments(runs)))
    low, high = seed_interval([0.95, 0.955, 0.965], repeated=[0.95, 0.955, 0.965])
    expected = {
        "preset": "7 (= 9)",
        "number of layers": 7,
        "seeds": 4,
        "validation accuracy": 0.935,
        "test accuracy": 2.87 / 3,
        "test 95% low (over seeds)": low,
        "test 95% high (over seeds)": high,
        "training time": 75.0,  # three epochs; the mean of 30, 60, 90, and 120
    }
    assert_shows(row, expected, TITLES)


def test_preset_with_one_seed_has_an_interval_over_seeds_too():
    (row,) = rows_of(presets_table(find_experiments([reported_run(1, Preset(), test_accuracy=0.96)])))
    limits = (row["test 95% low (over seeds)"], row["test 95% high (over seeds)"])
    assert limits == pytest.approx(seed_interval([0.96]))


def test_unscored_preset_has_no_interval():
    (row,) = rows_of(presets_table(find_experiments([reported_run(1, Preset())])))
    unknown = ("test accuracy", "test 95% low (over seeds)", "test 95% high (over seeds)")
    assert [row[heading] for heading in unknown] == [None] * 3


def test_studies_table_columns():
    sizes = {11: (300, 200, 200), 12: (40, 30, 20)}
    tests = {11: 0.98, 12: 0.9757}
    runs = [
        reported_run(
            number, Preset(hidden_sizes=size), (0.5, 0.94 + number / 1000, 0.94 + number / 1000), tests[number]
        )
        for number, size in sizes.items()
    ]
    content = content_of(*runs)
    rows = {row["preset"]: row for row in rows_of(studies_table(content.findings))}
    # The t-test of a single comparison; the simulated p-value and limits differ a little from these.
    odds, base = log(0.9757 / 0.0243), log(0.98 / 0.02)
    deviation, freedom = preset_spread([0.98])
    draws = np.random.default_rng(1).standard_t(freedom, (2, 10**6))
    noise = deviation * np.abs(draws[0] - draws[1])
    half_width, p = np.quantile(noise, 0.95), np.mean(noise > base - odds)
    low, high = (1 / (1 + exp(-odds - sign * half_width)) - 0.98 for sign in (-1, 1))
    expected = {
        "study": "width",
        "hyperparameter": "hidden_sizes",
        "value": "40-30-20",
        "preset": "12",
        "seeds": 1,
        "validation accuracy": 0.952,
        "test accuracy": 0.9757,
        "reference value": "300-200-200",
        "difference": -0.0043,
        "verdict": "inconclusive",
    }
    simulated = {"difference 95% low": low, "difference 95% high": high}
    assert_shows(rows["12"], expected, [*simulated, "p (adjusted)"])
    for heading, value in simulated.items():
        assert rows["12"][heading] == pytest.approx(value, abs=0.01 * (high - low)), heading
    assert rows["12"]["p (adjusted)"] == pytest.approx(p, abs=0.005)
    of_difference = ["reference value", "difference", *simulated, "p (adjusted)"]
    assert [rows["11"][heading] for heading in of_difference] == [None] * 5
    assert rows["11"]["verdict"] == "reference"


def test_failed_network_has_a_reference_but_no_interval_in_the_tables():
    runs = [
        reported_run(11, Preset(), test_accuracy=0.98),
        reported_run(12, Preset(dropout=0.5), (0.1, 0.15, 0.1), 0.14),
    ]
    content = content_of(*runs)
    _, row = rows_of(studies_table(content.findings))
    assert (row["verdict"], row["reference value"], row["test accuracy"]) == ("training fails", "0", 0.14)
    unknown = ("difference", "difference 95% low", "difference 95% high", "p (adjusted)")
    assert [row[heading] for heading in unknown] == [None] * 4
    _, row = rows_of(presets_table(content.experiments))
    limits = row["test 95% low (over seeds)"], row["test 95% high (over seeds)"]
    assert (row["test accuracy"], limits) == (0.14, (None, None))


def test_final_fits_and_ensembles_table_columns():
    fits = [
        reported_run(12, Preset(final_fit=True), test_accuracy=accuracy, seed=seed)
        for seed, accuracy in enumerate((0.95, 0.96, 0.98))
    ]
    run = reported_run(31, Preset(), test_accuracy=0.97)
    ensembles = [
        ReportedEnsemble((fits[0].name, run.name), 0.975),
        ReportedEnsemble(tuple(fit.name for fit in fits), 0.96),
    ]
    rows = rows_of(unvalidated_table(Evidence([*fits, run], ensembles=ensembles), MEASURED_BEFORE))
    low, high = seed_interval([0.95, 0.96, 0.98])
    expected = {
        "network": "final fit: preset 12",
        "runs": 3,
        "test accuracy": 2.89 / 3,
        "test 95% low": low,
        "test 95% high": high,
        "interval": "over seeds",
    }
    assert_shows(rows[0], expected, [])
    expected = {
        "network": "ensemble: 3 runs of preset 12",
        "runs": 3,
        "test accuracy": 0.96,
        "test 95% low": 0.955979,
        "test 95% high": 0.963667,
        "interval": "over test images",
    }
    assert_shows(rows[1], expected, [])
    assert rows[2]["network"] == "ensemble: 1 run of preset 12, 1 run of preset 31"
    assert (rows[2]["runs"], rows[2]["test accuracy"]) == (2, 0.975)
