"""Tests how much accuracy varies with the seed, against values computed by hand."""

from __future__ import annotations

from math import exp, log, sqrt

import pytest
from scipy.stats import t

from mnist_mlp.evaluation.seed_spread import (
    LEARNED_PRIOR,
    MEASURED_BEFORE,
    OTHER_PRIOR,
    PRIOR_FREEDOM,
    SeedSpread,
    SpreadOverSeeds,
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
    squares = PRIOR_FREEDOM * LEARNED_PRIOR.deviation**2 + 2 * 0.01 + 0.02
    assert spread.learned.freedom == PRIOR_FREEDOM + 3
    assert spread.learned.deviation == pytest.approx(sqrt(squares / (PRIOR_FREEDOM + 3)))
    assert (spread.others, spread.presets) == (OTHER_PRIOR, 2)


def test_presets_with_one_seed_add_nothing():
    assert SpreadOverSeeds.of([[0.98], [0.1], []]) == SpreadOverSeeds.of([]) == MEASURED_BEFORE


def test_presets_that_are_as_bad_as_guessing_with_any_seed_add_nothing():
    assert SpreadOverSeeds.of([[0.1, 0.11], [0.98, 0.97, 0.19]]) == MEASURED_BEFORE
    assert SpreadOverSeeds.of([[0.3, 0.2]]).others.freedom == PRIOR_FREEDOM + 1


def test_reference_runs_count_as_much_as_their_degrees_of_freedom():
    runs = [4 - 0.3, 4 + 0.3] * (PRIOR_FREEDOM // 2) + [4]  # one run more; their variance is 0.3 squared
    spread = SpreadOverSeeds.of([accuracies(*runs)]).learned
    assert spread.freedom == 2 * PRIOR_FREEDOM
    assert spread.deviation == pytest.approx(sqrt((LEARNED_PRIOR.deviation**2 + 0.3**2) / 2))


def test_presets_below_90_percent_have_a_spread_of_their_own():
    failed = [0.85, 0.94]  # the mean counts
    spread = SpreadOverSeeds.of([failed])
    assert (spread.learned, spread.others.freedom, spread.presets) == (LEARNED_PRIOR, PRIOR_FREEDOM + 1, 1)
    assert SpreadOverSeeds.of([[0.89, 0.91]]).learned.freedom == PRIOR_FREEDOM + 1
    assert (spread.near(0.8999), spread.near(0.9)) == (spread.others, spread.learned)


@pytest.mark.parametrize("runs", [[0.98], [0.978, 0.981, 0.981], [0.5, 0.7]])
def test_interval_is_a_t_interval_of_log_odds(runs):
    spread = SpreadOverSeeds(SeedSpread(0.08, 7), SeedSpread(0.2, 3))
    deviation, freedom = (0.08, 7) if min(runs) > 0.9 else (0.2, 3)
    right = 10_000 * sum(runs) / len(runs)
    center, reach = log((right + 0.5) / (10_000.5 - right)), t.ppf(0.975, freedom) * deviation / sqrt(len(runs))
    expected = [(10_001 / (1 + exp(-odds)) - 0.5) / 10_000 for odds in (center - reach, center + reach)]
    assert spread.interval(runs) == pytest.approx(expected)


@pytest.mark.parametrize("accuracy", [0.0, 1.0])
def test_interval_of_an_extreme_accuracy_is_within_0_and_1(accuracy):
    low, high = MEASURED_BEFORE.interval([accuracy])
    assert 0 <= low < high <= 1
    assert accuracy in (low, high)


def test_presets_with_identical_networks_count_once():
    runs = [reported_run(7, Preset(), test_accuracy=0.98 + seed / 1000, seed=seed) for seed in (1, 2)]
    same = [reported_run(8, Preset(dropout=0.5), test_accuracy=0.98 + seed / 1000, seed=seed) for seed in (1, 2)]
    alone, both = content_of(*runs).spread, content_of(*runs, *same).spread
    assert (both, both.presets, both.learned.freedom) == (alone, 1, PRIOR_FREEDOM + 1)
    same[1].curves["train cross_entropy"] = same[1].curves["train cross_entropy"] + 1e-12
    assert content_of(*runs, *same).spread.presets == 2


def test_all_experiments_share_the_pooled_spread():
    runs = [reported_run(1, Preset(), test_accuracy=accuracy, seed=seed) for seed, accuracy in enumerate((0.97, 0.98))]
    content = content_of(*runs, reported_run(2, Preset(dropout=0.5), test_accuracy=0.98))
    assert [one.spread for one in content.experiments] == [content.spread] * 2
    assert content.spread == spread_over_seeds([experiment(1, 0.97, 0.98)]) != MEASURED_BEFORE
