"""Tests p-values and intervals against values computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_mlp.report.statistics import holm, mcnemar, over_seeds, seed_spread, single_run_spread, two_proportions


def right(count: int, gained: int, lost: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns which images two networks classify correctly; `gained` by the first only, `lost` by the second only."""
    one, other = np.ones(count, bool), np.ones(count, bool)
    other[:gained] = False
    one[gained : gained + lost] = False
    return one, other


def test_mcnemar():
    result = mcnemar(*right(100, gained=1, lost=9))
    assert result.p == pytest.approx(2 * (1 + 10) / 2**10)  # two-sided binomial: 0 or 1 of 10, twice
    assert (result.amount, result.gained, result.lost) == (-0.08, 1, 9)
    # Bonett and Price: shares 2/102 and 10/102, deviation sqrt((12/102 - (8/102)^2) / 102)
    half_width = 1.959964 * ((12 / 102 - (8 / 102) ** 2) / 102) ** 0.5
    assert (result.low, result.high) == pytest.approx((-8 / 102 - half_width, -8 / 102 + half_width), abs=1e-6)


def test_mcnemar_is_identical_if_the_same_images_are_correct():
    result = mcnemar(*right(100, 0, 0))
    assert (result.p, result.amount, result.is_identical) == (1.0, 0.0, True)
    assert not mcnemar(*right(100, 1, 1)).is_identical


def test_two_proportions():
    result = two_proportions(56, 48, 80)
    assert result.amount == pytest.approx(0.1)
    (low, high), (other_low, other_high) = (0.592318, 0.789354), (0.490455, 0.700382)  # Wilson's intervals
    assert result.low == pytest.approx(0.1 - ((0.7 - low) ** 2 + (other_high - 0.6) ** 2) ** 0.5, abs=1e-5)
    assert result.high == pytest.approx(0.1 + ((high - 0.7) ** 2 + (0.6 - other_low) ** 2) ** 0.5, abs=1e-5)
    assert result.p == pytest.approx(0.184844, abs=1e-5)  # z = 0.1 / sqrt(2 * 0.65 * 0.35 / 80) = 1.325987


def test_welch_over_seeds():
    result = over_seeds([0.97, 0.98, 0.99], [0.95, 0.96, 0.97])
    # both standard deviations are 0.01: error 0.01 * sqrt(2/3), four degrees of freedom, t(0.975) = 2.776445
    error = 0.01 * (2 / 3) ** 0.5
    assert (result.low, result.high) == pytest.approx((0.02 - 2.776445 * error, 0.02 + 2.776445 * error), abs=1e-7)
    assert result.p == pytest.approx(0.070484, abs=1e-5)  # t = 2.449490


def test_over_seeds_with_equal_values_on_one_side_does_not_warn(recwarn):
    result = over_seeds([0.9812, 0.9812], [0.9790, 0.9801])
    assert result.amount == pytest.approx(0.00165)
    # One degree of freedom, because only one side varies: error 0.0011 / 2, t(0.975) = 12.7062.
    assert result.high == pytest.approx(0.00165 + 12.7062 * 0.00055, abs=1e-7)
    assert not recwarn.list


def test_welch_degrees_of_freedom_with_unequal_sizes_and_variances():
    values, reference = [0.95, 0.97, 0.99], [0.941, 0.942, 0.943, 0.944, 0.945]
    result = over_seeds(values, reference)
    # Variances 4e-4 and 2.5e-6: squared errors of the means 1.33333e-4 and 5e-7, in total 0.01156864 squared.
    # Degrees of freedom 1.338333e-4^2 / (1.33333e-4^2 / 2 + 5e-7^2 / 4) = 2.0150, where t(0.975) = 4.272078.
    half_width = 4.272078 * 0.01156864
    assert (result.amount, result.low, result.high) == pytest.approx(
        (0.027, 0.027 - half_width, 0.027 + half_width), abs=1e-6
    )
    assert result.p == pytest.approx(0.14382, abs=1e-5)  # t = 2.333896; six degrees of freedom would give 0.0583
    reverse = over_seeds(reference, values)
    assert (reverse.amount, reverse.low, reverse.high, reverse.p) == pytest.approx(
        (-result.amount, -result.high, -result.low, result.p)
    )


def test_comparison_of_one_seed_with_several_uses_their_deviation():
    result = over_seeds([0.99], [0.95, 0.96, 0.97])
    half_width = 4.302653 * 0.01 * (1 + 1 / 3) ** 0.5  # two degrees of freedom
    assert (result.amount, result.high) == pytest.approx((0.03, 0.03 + half_width), abs=1e-7)
    assert over_seeds([0.1135], [0.1135, 0.1135]) is None  # no variation, so no test


def test_holm_and_spread_over_seeds():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    spread = seed_spread([[0.97, 0.98, 0.99], [0.5], [0.95, 0.95, 0.95]])
    assert (spread.deviation, spread.freedom, spread.presets) == pytest.approx((0.01 / 2**0.5, 4, 2))
    assert spread.limit == pytest.approx(2.776445 * 0.01, abs=1e-7)


def test_spread_estimated_from_one_run():
    spread = single_run_spread([0.1, 0.9, 0.9, 0.98, 0.97, 0.99], 0.98, 10_000)
    # the last three have a standard deviation of 0.01; 0.98 * 0.02 / 10000 = 1.96e-6; two degrees of freedom
    assert spread.reach == pytest.approx(4.302653 * 2 * (0.0001 + 1.96e-6) ** 0.5, abs=1e-7)
    assert single_run_spread([0.9, 0.9], 0.9, 10_000).reach == float(
        "inf"
    )  # the second half is one epoch, which has no variance
