"""Tests simultaneous comparisons against values computed by hand and against Dunnett's test."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from scipy.stats import dunnett, t

from mnist_mlp.evaluation.seed_spread import SeedSpread
from mnist_mlp.report.statistics import Difference, Mean, simultaneous_differences

SPREAD = SeedSpread(0.07, 12)
CHANCE = 0.005  # more than twice the standard error of any p-value from 50,000 simulations


def from_one_reference(*amounts: float, accuracy: float = 0.98, runs: int = 3) -> list[Difference]:
    """Compares means that are this much above a reference with it."""
    reference = Mean(accuracy, runs, SPREAD)
    return simultaneous_differences([(Mean(accuracy + amount, runs, SPREAD), reference) for amount in amounts])


def test_a_single_pair_gets_a_t_test():
    (difference,) = simultaneous_differences([(Mean(0.982, 2, SPREAD), Mean(0.98, 3, SPREAD))])
    # Standard deviations of 0.07 * 0.982 * 0.018 and 0.07 * 0.98 * 0.02, divided by the roots of 2 and 3.
    error = sqrt((0.07 * 0.017676) ** 2 / 2 + (0.07 * 0.0196) ** 2 / 3)
    assert (difference.amount, difference.error) == pytest.approx((0.002, error), rel=0.01)
    assert difference.p == pytest.approx(2 * t.sf(0.002 / error, 12), abs=CHANCE)
    assert difference.half_width == pytest.approx(t.ppf(0.975, 12) * error, rel=0.02)
    assert (difference.low, difference.high) == pytest.approx(
        (0.002 - difference.half_width, 0.002 + difference.half_width)
    )


def test_very_small_p_values_are_those_of_the_t_test_times_the_number_of_comparisons():
    single, (clear, *_) = from_one_reference(0.01), from_one_reference(0.01, 0.001, -0.001)
    p = 2 * t.sf(0.01 / single[0].error, 12)
    assert 0 < p < 1e-6  # the simulations cannot tell such values apart
    assert (single[0].p, clear.p) == pytest.approx((p, 3 * p))


def test_many_comparisons_with_one_reference_agree_with_dunnett():
    # Near 50%, all accuracies have nearly the same standard deviation: 0.02 * 0.5 * 0.5 = 0.005.
    spread, accuracies = SeedSpread(0.02, 6), (0.5, 0.505, 0.507, 0.487, 0.518)
    samples = [0.5 + 0.005 * np.array([-1, 0, 1])]  # with this standard deviation, and two degrees of freedom
    samples += [accuracy + 0.005 * np.array([-1, 1]) / sqrt(2) for accuracy in accuracies[1:]]  # one for each
    expected = dunnett(*samples[1:], control=samples[0], rng=np.random.default_rng(1))
    means = [Mean(sample.mean(), len(sample), spread) for sample in samples]
    found = simultaneous_differences([(mean, means[0]) for mean in means[1:]])
    assert [difference.p for difference in found] == pytest.approx(expected.pvalue, abs=CHANCE)
    assert [difference.p < 0.05 for difference in found] == [False, False, False, True]
    interval = expected.confidence_interval(0.95)
    assert [difference.low for difference in found] == pytest.approx(interval.low, abs=3e-4)
    assert [difference.high for difference in found] == pytest.approx(interval.high, abs=3e-4)


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


def test_different_spreads_have_satterthwaites_degrees_of_freedom():
    one, other = Mean(0.95, 1, SeedSpread(0.07, 12)), Mean(0.85, 2, SeedSpread(0.05, 5))
    squares = (0.07 * 0.95 * 0.05) ** 2, (0.05 * 0.85 * 0.15) ** 2 / 2
    freedom = sum(squares) ** 2 / (squares[0] ** 2 / 12 + squares[1] ** 2 / 5)
    p = 2 * t.sf(0.1 / sqrt(sum(squares)), freedom)
    assert p < 1e-6  # so small that it is not simulated
    (difference,) = simultaneous_differences([(one, other)])
    assert difference.p == pytest.approx(p, rel=0.02)


def test_more_comparisons_widen_all_intervals_but_less_than_bonferroni():
    (alone,) = from_one_reference(0.002)
    first, *_ = from_one_reference(0.002, 0.001, 0.0, -0.001)
    assert (first.amount, first.error) == (alone.amount, alone.error)
    assert first.p > 1.5 * alone.p
    bonferroni = t.ppf(1 - 0.05 / 2 / 4, 12) * alone.error
    assert 1.1 * alone.half_width < first.half_width < 0.99 * bonferroni


def test_a_repeated_comparison_changes_nothing():
    pair = Mean(0.982, 3, SPREAD), Mean(0.98, 3, SPREAD)
    assert simultaneous_differences([pair, pair]) == simultaneous_differences([pair]) * 2


def test_swapped_sides_change_the_sign():
    one, other = Mean(0.983, 2, SPREAD), Mean(0.98, 3, SPREAD)
    (difference,), (swapped,) = simultaneous_differences([(one, other)]), simultaneous_differences([(other, one)])
    assert swapped.amount == -difference.amount
    assert (swapped.low, swapped.high) == pytest.approx((-difference.high, -difference.low), abs=1e-4)


def test_the_same_means_give_the_same_result():
    assert from_one_reference(0.002, 0.001, -0.003) == from_one_reference(0.002, 0.001, -0.003)


def test_no_pairs_give_no_differences():
    assert simultaneous_differences([]) == []


@pytest.mark.parametrize("accuracy", [0.0, 1.0])
def test_equal_extreme_accuracies_do_not_differ(accuracy):
    (difference,) = simultaneous_differences([(Mean(accuracy, 1, SPREAD), Mean(accuracy, 1, SPREAD))])
    assert (difference.amount, difference.p) == (0, 1)
    assert -0.001 < difference.low < 0 < difference.high < 0.001
