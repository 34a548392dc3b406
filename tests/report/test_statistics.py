"""Tests simultaneous comparisons against values computed by hand and against Dunnett's test."""

from __future__ import annotations

from math import exp, log, sqrt

import numpy as np
import pytest
from scipy.stats import dunnett, t, ttest_ind

from mnist_mlp.evaluation.seed_spread import SeedSpread
from mnist_mlp.report.statistics import (
    SIMULATIONS,
    Difference,
    Mean,
    changed_by,
    critical_value,
    simultaneous_differences,
)

SPREAD = SeedSpread(0.07, 12)
CHANCE = 0.005  # more than twice the standard error of any p-value from 50,000 simulations


def from_one_reference(*amounts: float, accuracy: float = 0.98, runs: int = 3) -> list[Difference]:
    """Compares means that are this much above a reference with it."""
    reference = Mean(accuracy, runs, SPREAD)
    return simultaneous_differences([(Mean(accuracy + amount, runs, SPREAD), reference) for amount in amounts])


def logit(accuracy: float) -> float:
    """Returns log(right / wrong) of 10,000 images. Half an image is added to both."""
    return log((accuracy * 10_000 + 0.5) / (10_000 - accuracy * 10_000 + 0.5))


def accuracy_at(odds: float) -> float:
    return (10_001 / (1 + exp(-odds)) - 0.5) / 10_000


def test_a_single_pair_gets_a_t_test_of_log_odds():
    pair = Mean(0.982, 2, SPREAD), Mean(0.98, 3, SPREAD)
    (difference,) = simultaneous_differences([pair])
    critical = critical_value(*pair, difference.level)
    error, shift = 0.07 * sqrt(1 / 2 + 1 / 3), log(9820.5 / 180.5) - log(9800.5 / 200.5)
    assert difference.amount == pytest.approx(0.002)
    assert difference.p == pytest.approx(2 * t.sf(shift / error, 12), abs=CHANCE)
    assert critical == pytest.approx(t.ppf(0.975, 12), rel=0.01)
    ends = [accuracy_at(logit(0.98) + shift + sign * critical * error) - 0.98 for sign in (-1, 1)]
    assert [difference.low, difference.high] == pytest.approx(ends)
    assert 0.002 - difference.low > 1.1 * (difference.high - 0.002)  # wider toward lower accuracies


def test_a_single_pair_agrees_with_scipys_t_test():
    samples = [[0.9801, 0.9815, 0.9822], [0.9795, 0.9802, 0.9786]]
    odds = [[logit(accuracy) for accuracy in sample] for sample in samples]
    expected = ttest_ind(*odds)
    pooled = SeedSpread(sqrt(np.mean([np.var(values, ddof=1) for values in odds])), 4)
    one, other = (accuracy_at(np.mean(values)) for values in odds)
    (difference,) = simultaneous_differences([(Mean(one, 3, pooled), Mean(other, 3, pooled))])
    assert difference.p == pytest.approx(expected.pvalue, abs=CHANCE)
    ends = [accuracy_at(logit(other) + end) - other for end in expected.confidence_interval(0.95)]
    assert [difference.low, difference.high] == pytest.approx(ends, abs=3e-5)


@pytest.mark.parametrize(("accuracy", "shift", "expected"), [(0.5, log(3), 0.25), (0.75, -log(3), -0.25), (0.9, 0, 0)])
def test_change_of_accuracy_by_log_odds(accuracy, shift, expected):
    assert changed_by(Mean(accuracy, 1, SPREAD), shift) == pytest.approx(expected, abs=5e-5)  # the added half image


def test_the_smallest_p_value_is_limited_by_the_number_of_simulations():
    (difference,) = from_one_reference(0.015)
    assert difference.p == 1 / (1 + SIMULATIONS)


def test_many_comparisons_with_one_reference_agree_with_dunnett():
    centers = [logit(0.98) + change for change in (0.0, 0.08, 0.12, -0.2, 0.31)]
    samples = [centers[0] + 0.08 * np.array([-1, 0, 1])]  # the standard deviation is 0.08, with two degrees of freedom
    samples += [center + 0.08 * np.array([-1, 1]) / sqrt(2) for center in centers[1:]]  # with one for each
    expected = dunnett(*samples[1:], control=samples[0], rng=np.random.default_rng(1))
    spread = SeedSpread(0.08, 6)
    means = [Mean(accuracy_at(sample.mean()), len(sample), spread) for sample in samples]
    found = simultaneous_differences([(mean, means[0]) for mean in means[1:]])
    assert [difference.p for difference in found] == pytest.approx(expected.pvalue, abs=CHANCE)
    assert [difference.p < 0.05 for difference in found] == [False, False, False, True]
    interval = expected.confidence_interval(0.95)
    limits = [[accuracy_at(centers[0] + end) - 0.98 for end in ends] for ends in (interval.low, interval.high)]
    assert [difference.low for difference in found] == pytest.approx(limits[0], abs=2e-4)
    assert [difference.high for difference in found] == pytest.approx(limits[1], abs=2e-4)


def test_interval_excludes_0_exactly_if_p_is_below_005():
    found = from_one_reference(*np.linspace(-0.006, 0.006, 120))
    is_significant = [difference.p < 0.05 for difference in found]
    assert is_significant == [difference.low > 0 or difference.high < 0 for difference in found]
    low, high = 0.002, 0.003  # p is above and below 0.05
    while high - low > 1e-9:  # simulated p-values are 100 times further apart
        middle = (low + high) / 2
        (difference,) = from_one_reference(middle)
        assert (difference.p < 0.05) == (difference.low > 0)
        low, high = (low, middle) if difference.p < 0.05 else (middle, high)
    assert 0.002 < low < high < 0.003


def test_critical_value_has_satterthwaites_degrees_of_freedom():
    one, other = Mean(0.95, 1, SeedSpread(0.07, 12)), Mean(0.85, 2, SeedSpread(0.05, 5))
    squares = 0.07**2, 0.05**2 / 2
    freedom = sum(squares) ** 2 / (squares[0] ** 2 / 12 + squares[1] ** 2 / 5)
    assert critical_value(one, other, 0.01) == pytest.approx(t.ppf(0.995, freedom))
    assert critical_value(one, Mean(0.85, 2, one.spread), 0.01) == pytest.approx(t.ppf(0.995, 12))  # a common spread


def test_different_spreads_are_combined_as_by_behrens_and_fisher():
    means = Mean(0.98, 1, SeedSpread(0.07, 5)), Mean(0.98, 2, SeedSpread(0.05, 12))
    (difference,) = simultaneous_differences([means])
    random = np.random.default_rng(1)
    noise = 0.07 * random.standard_t(5, 10**6) - 0.05 / sqrt(2) * random.standard_t(12, 10**6)
    reach = logit(0.98 + difference.high) - logit(0.98)
    assert reach == pytest.approx(np.quantile(np.abs(noise), 0.95), rel=0.01)


def test_more_comparisons_widen_all_intervals_but_less_than_bonferroni():
    (alone,) = from_one_reference(0.002)
    first, *others = from_one_reference(0.002, 0.001, 0.0, -0.001)
    assert (first.amount, first.p > 1.5 * alone.p) == (alone.amount, True)
    assert (first.low < alone.low, first.high > alone.high) == (True, True)
    assert 0.05 / 4 < 0.97 * first.level < 0.8 * alone.level
    assert {other.level for other in others} == {first.level}


def test_a_repeated_comparison_changes_nothing():
    pair = Mean(0.982, 3, SPREAD), Mean(0.98, 3, SPREAD)
    assert simultaneous_differences([pair, pair]) == simultaneous_differences([pair]) * 2


def test_swapped_sides_change_the_sign():
    one, other = Mean(0.983, 2, SPREAD), Mean(0.98, 3, SPREAD)
    (difference,), (swapped,) = simultaneous_differences([(one, other)]), simultaneous_differences([(other, one)])
    assert (swapped.amount, swapped.p) == (-difference.amount, pytest.approx(difference.p, abs=CHANCE))
    shift, reach = logit(0.983) - logit(0.98), t.ppf(1 - swapped.level / 2, 12) * 0.07 * sqrt(1 / 2 + 1 / 3)
    ends = [accuracy_at(logit(0.983) - shift + sign * reach) - 0.983 for sign in (-1, 1)]  # from the other accuracy
    assert (swapped.low, swapped.high) == pytest.approx(ends)


def test_the_same_means_give_the_same_result():
    assert from_one_reference(0.002, 0.001, -0.003) == from_one_reference(0.002, 0.001, -0.003)


def test_no_pairs_give_no_differences():
    assert simultaneous_differences([]) == []


@pytest.mark.parametrize("accuracy", [0.0, 1.0])
def test_equal_extreme_accuracies_do_not_differ(accuracy):
    (difference,) = simultaneous_differences([(Mean(accuracy, 1, SPREAD), Mean(accuracy, 1, SPREAD))])
    assert (difference.amount, difference.p) == (0, 1)
    assert -0.001 < difference.low <= 0 <= difference.high < 0.001
    assert 0 <= accuracy + difference.low < accuracy + difference.high <= 1
