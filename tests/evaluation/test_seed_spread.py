"""Tests how much accuracy varies with the seed, against values computed by hand."""

from __future__ import annotations

from math import exp, log, sqrt

import numpy as np
import pytest
from scipy.stats import t

from mnist_mlp.evaluation.seed_spread import (
    LEARNED_PRIOR,
    MEASURED_BEFORE,
    OTHER_PRIOR,
    VARIANCE_FREEDOM,
    SeedSpread,
    SpreadOverSeeds,
    freedom_about_pooled,
    log_odds,
    share,
)
from mnist_mlp.presets.preset import Preset
from mnist_mlp.report.experiments import spread_over_seeds
from tests.report.reported import content_of, experiment, reported_run


def accuracies(*odds: float) -> list[float]:
    """Returns the accuracies with these log odds."""
    return [share(value) for value in odds]


def test_log_odds_add_half_an_image_on_both_sides():
    assert log_odds(0.98) == pytest.approx(log(9800.5 / 200.5))
    assert log_odds(1.0) == -log_odds(0.0) == pytest.approx(log(10_000.5 / 0.5))
    assert log_odds(0.5) == 0


def test_share_is_the_inverse_of_log_odds_and_stays_within_0_and_1():
    for accuracy in (0.0, 0.0001, 0.1135, 0.5, 0.98, 0.9999, 1.0):
        assert share(log_odds(accuracy)) == pytest.approx(accuracy, abs=1e-12)
    assert (share(-30), share(30)) == (0.0, 1.0)


@pytest.mark.parametrize("accuracy", [0.1135, 0.5, 0.98])
def test_deviation_of_an_accuracy_is_that_of_its_log_odds_times_the_slope(accuracy):
    slope = (share(log_odds(accuracy) + 1e-4) - share(log_odds(accuracy) - 1e-4)) / 2e-4
    assert SeedSpread(0.07, 10).at(accuracy) == pytest.approx(0.07 * slope)


def test_spread_is_pooled_over_presets_by_degrees_of_freedom():
    # Log odds of 4, 4.1, and 4.2 have the variance 0.01 (two degrees of freedom), those of 3.9 and 4.1 have 0.02 (one).
    spread = SpreadOverSeeds.of([accuracies(4, 4.1, 4.2), accuracies(3.9, 4.1), accuracies(5)])
    two, one = freedom_about_pooled(2), freedom_about_pooled(1)
    squares = LEARNED_PRIOR.freedom * LEARNED_PRIOR.deviation**2 + two * 0.01 + one * 0.02
    assert spread.learned.freedom == pytest.approx(LEARNED_PRIOR.freedom + two + one)
    assert spread.learned.deviation == pytest.approx(sqrt(squares / (LEARNED_PRIOR.freedom + two + one)))
    assert (spread.others, spread.presets) == (OTHER_PRIOR, 2)


def test_presets_with_one_seed_add_nothing():
    assert SpreadOverSeeds.of([[0.98], [0.1], []]) == SpreadOverSeeds.of([]) == MEASURED_BEFORE


def test_presets_that_are_as_bad_as_guessing_with_any_seed_add_nothing():
    assert SpreadOverSeeds.of([[0.1, 0.11], [0.98, 0.97, 0.19]]) == MEASURED_BEFORE
    assert SpreadOverSeeds.of([[0.3, 0.2]]).others.freedom > OTHER_PRIOR.freedom


def test_reference_runs_count_as_much_as_their_degrees_of_freedom():
    runs = [accuracies(4 - 0.3, 4, 4 + 0.3)] * 30  # their variance is 0.3 squared
    spread = SpreadOverSeeds.of(runs).learned
    added = 30 * freedom_about_pooled(2)
    squares = LEARNED_PRIOR.freedom * LEARNED_PRIOR.deviation**2 + added * 0.3**2
    assert spread.freedom == pytest.approx(LEARNED_PRIOR.freedom + added)
    assert spread.deviation == pytest.approx(sqrt(squares / spread.freedom))


@pytest.mark.parametrize("freedom", [1, 2, 4, 100])
def test_freedom_about_the_pooled_spread_is_that_of_a_chi_squared_distribution_as_scattered(freedom):
    random = np.random.default_rng(0)
    variances = (VARIANCE_FREEDOM - 2) / random.chisquare(VARIANCE_FREEDOM, 4_000_000)
    found = variances * random.chisquare(freedom, len(variances)) / freedom
    # A chi-squared distribution with f degrees of freedom, divided by f, has the variance 2 / f.
    assert freedom_about_pooled(freedom) == pytest.approx(2 / np.var(found), rel=0.05)


def test_presets_below_90_percent_have_a_spread_of_their_own():
    failed = [0.85, 0.94]  # the mean counts
    spread = SpreadOverSeeds.of([failed])
    assert (spread.learned, spread.others.freedom > OTHER_PRIOR.freedom, spread.presets) == (LEARNED_PRIOR, True, 1)
    assert SpreadOverSeeds.of([[0.89, 0.91]]).learned.freedom > LEARNED_PRIOR.freedom
    assert (spread.near(0.8999), spread.near(0.9)) == (spread.others, spread.learned)


def test_spread_of_a_preset_is_between_its_own_and_the_pooled_one():
    pooled = SpreadOverSeeds(SeedSpread(0.08, 24), SeedSpread(0.2, 8))
    prior = {24: VARIANCE_FREEDOM * 24 / (VARIANCE_FREEDOM + 24), 8: VARIANCE_FREEDOM * 8 / (VARIANCE_FREEDOM + 8)}
    single, three = pooled.of_preset([0.98]), pooled.of_preset(accuracies(4, 4.1, 4.2))  # variance 0.01
    assert (single.freedom, three.freedom) == pytest.approx((prior[24], prior[24] + 2))
    typical = (VARIANCE_FREEDOM - 2) / VARIANCE_FREEDOM  # of the pooled variance, which is the mean
    assert single.deviation**2 == pytest.approx(typical * 0.08**2)
    assert three.deviation**2 * three.freedom == pytest.approx(prior[24] * typical * 0.08**2 + 2 * 0.01)
    low = pooled.of_preset([0.5])
    assert (low.freedom, low.deviation**2) == pytest.approx((prior[8], typical * 0.2**2))


def test_many_seeds_decide_the_spread_of_a_preset():
    runs = accuracies(*[4 + 0.3, 4 - 0.3] * 500)
    assert MEASURED_BEFORE.of_preset(runs).deviation == pytest.approx(0.3, rel=0.01)


def test_planned_variance_of_a_single_run_is_the_pooled_one():
    spread = SpreadOverSeeds(SeedSpread(0.08, 24))
    planned = spread.planned([0.98], 5)
    assert (planned.deviation, planned.freedom) == pytest.approx((0.08, spread.of_preset([0.98]).freedom + 4))


def test_planned_variance_of_many_runs_is_their_own():
    runs = accuracies(*[4 + 0.3, 4 - 0.3] * 500)
    assert MEASURED_BEFORE.planned(runs, 1001).deviation == pytest.approx(0.3, rel=0.01)


def test_single_runs_of_presets_with_different_variances_have_a_t_distribution():
    pooled = SpreadOverSeeds(SeedSpread(0.08, 10**9))
    spread, random = pooled.of_preset([0.98]), np.random.default_rng(0)
    variances = 0.08**2 * (VARIANCE_FREEDOM - 2) / random.chisquare(VARIANCE_FREEDOM, 400_000)  # the mean is 0.08 ** 2
    noise = random.standard_normal(400_000) * np.sqrt(variances)
    assert np.std(noise) == pytest.approx(0.08, rel=0.02)
    assert np.mean(np.abs(noise) > spread.reach()) == pytest.approx(0.05, abs=0.002)


@pytest.mark.parametrize("runs", [[0.98], [0.978, 0.981, 0.981], [0.5, 0.7]])
def test_interval_is_a_t_interval_of_log_odds(runs):
    pooled = SpreadOverSeeds(SeedSpread(0.08, 7), SeedSpread(0.2, 3))
    spread, right = pooled.of_preset(runs), 10_000 * sum(runs) / len(runs)
    reach = t.ppf(0.975, spread.freedom) * spread.deviation / sqrt(len(runs))
    center = log((right + 0.5) / (10_000.5 - right))
    expected = [(10_001 / (1 + exp(-odds)) - 0.5) / 10_000 for odds in (center - reach, center + reach)]
    assert pooled.interval(runs) == pytest.approx(expected)


@pytest.mark.parametrize("accuracy", [0.0, 1.0])
def test_interval_of_an_extreme_accuracy_is_within_0_and_1(accuracy):
    low, high = MEASURED_BEFORE.interval([accuracy])
    assert 0 <= low < high <= 1
    assert accuracy in (low, high)


def test_presets_with_identical_networks_count_once():
    runs = [reported_run(7, Preset(), test_accuracy=0.98 + seed / 1000, seed=seed) for seed in (1, 2)]
    same = [reported_run(8, Preset(dropout=0.5), test_accuracy=0.98 + seed / 1000, seed=seed) for seed in (1, 2)]
    alone, both = content_of(*runs).spread, content_of(*runs, *same).spread
    assert (both, both.presets, both.learned.freedom) == (
        alone,
        1,
        LEARNED_PRIOR.freedom + freedom_about_pooled(1),
    )
    same[1].curves["train cross_entropy"] = same[1].curves["train cross_entropy"] + 1e-12
    assert content_of(*runs, *same).spread.presets == 2


def test_all_experiments_share_the_pooled_spread():
    runs = [reported_run(1, Preset(), test_accuracy=accuracy, seed=seed) for seed, accuracy in enumerate((0.97, 0.98))]
    content = content_of(*runs, reported_run(2, Preset(dropout=0.5), test_accuracy=0.98))
    assert [one.spread for one in content.experiments] == [content.spread] * 2
    assert content.spread == spread_over_seeds([experiment(1, 0.97, 0.98)]) != MEASURED_BEFORE
