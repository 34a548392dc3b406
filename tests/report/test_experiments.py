"""Tests presets with their runs: which runs count, and what they say together."""

from __future__ import annotations

import pytest

from mnist_mlp.evaluation.seed_spread import MEASURED_BEFORE
from mnist_mlp.presets.preset import Preset
from mnist_mlp.report.evidence import ReportedRun
from mnist_mlp.report.experiments import Experiment, find_experiments
from mnist_mlp.report.intervals import Basis, interval_over_images, interval_over_seeds
from mnist_mlp.runs.record import RunStatus
from tests.report.helpers import seed_interval
from tests.report.reported import reported_run


def only(*runs: ReportedRun) -> Experiment:
    (experiment,) = find_experiments(runs)
    return experiment


def run(seed: int, test: float | None = None, number: int = 1, **changes) -> ReportedRun:
    return reported_run(number, Preset(**changes), test_accuracy=test, seed=seed)


def test_of_several_runs_with_the_same_seed_the_newest_scored_one_counts():
    oldest, scored, newest = run(1, 0.9), run(1, 0.9), run(1)
    assert only(oldest, scored, newest).seeds == [scored]
    assert only(run(1), newest).seeds == [newest]
    assert only(newest, oldest, scored).accuracies == [0.9]


def test_seeds_are_sorted_and_means_are_over_the_scored_ones():
    experiment = only(run(7, 0.96), run(2), run(5, 0.98))
    assert [run.record.seed for run in experiment.seeds] == [2, 5, 7]
    assert (experiment.accuracies, experiment.mean_test) == ([0.98, 0.96], pytest.approx(0.97))
    assert (experiment.mean_validation, experiment.mean_seconds) == (0.9, 180)  # three epochs of a minute
    unscored = only(run(1))
    assert (unscored.scored, unscored.mean_test, unscored.interval) == ([], None, None)


@pytest.mark.parametrize("status", [RunStatus.RUNNING, RunStatus.FAILED, RunStatus.INTERRUPTED])
def test_runs_that_did_not_end_and_final_fits_do_not_count(status):
    unfinished, diverged = run(1, 0.98), run(2, 0.9)
    unfinished.record.status, diverged.record.status = status, RunStatus.DIVERGED
    assert only(unfinished, diverged).seeds == [diverged]
    without_epoch = run(1)
    without_epoch.record.best_epoch = 0
    assert find_experiments([without_epoch, run(1, 0.99, final_fit=True)]) == []


def test_equal_presets_with_different_numbers_are_one_experiment():
    same, other = run(1, number=9), run(2, number=4)
    changed = run(3, number=2)
    changed.record.changed = ["dropout"]
    experiments = find_experiments([same, other, run(1, number=3, dropout=0.5), changed])
    assert [experiment.label for experiment in experiments] == ["2 (dropout=0) (= 4, 9)", "3"]


@pytest.mark.parametrize(("validation", "has_failed"), [(0.1999, True), (0.2, False)])
def test_network_below_20_percent_has_failed(validation, has_failed):
    assert only(reported_run(1, Preset(), (0.1, validation, 0.1))).has_failed is has_failed


def test_preset_has_failed_if_any_seed_has():
    runs = [reported_run(1, Preset(), (0.1, value, 0.1), value, seed) for seed, value in enumerate((0.98, 0.1, 0.19))]
    experiment = only(*runs)
    assert (experiment.has_failed, experiment.failed) == (True, runs[1:])
    assert (experiment.failures_in_words, experiment.interval) == ("2 of 3 seeds", None)
    assert only(runs[0]).interval is not None
    assert only(runs[1]).failures_in_words == "1 of 1 seed"


def test_intervals_are_over_seeds_or_over_images():
    experiment = only(run(1, 0.975), run(2, 0.98))
    interval = experiment.interval
    expected = seed_interval([0.975, 0.98], repeated=[0.975, 0.98])
    assert ((interval.low, interval.high), interval.basis) == (pytest.approx(expected), Basis.SEEDS)
    assert interval_over_seeds([], MEASURED_BEFORE) is None
    images = interval_over_images(0.96)  # Wilson score interval for 9,600 of 10,000
    assert (images.low, images.high, images.basis) == (
        pytest.approx(0.955979, abs=1e-6),
        pytest.approx(0.963667, abs=1e-6),
        Basis.IMAGES,
    )
