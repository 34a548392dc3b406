"""Tests axis scales."""

from __future__ import annotations

from itertools import pairwise

import pytest
from matplotlib.figure import Figure

from mnist_mlp.drawing.scales import accuracy_scale, limits_of_accuracy, log_scale


@pytest.fixture
def axes():
    return Figure().subplots()


@pytest.mark.parametrize("vertical", [True, False])
def test_halving_the_error_rate_is_the_same_distance_everywhere(axes, vertical):
    accuracy_scale(axes, 0.5, 0.999, vertical)
    points = [(0, share) if vertical else (share, 0) for share in (0.6, 0.8, 0.9, 0.95)]
    positions = axes.transData.transform(points)[:, int(vertical)]
    steps = [after - before for before, after in pairwise(positions)]
    assert steps == pytest.approx([steps[0]] * 3)
    assert steps[0] > 0


def test_limits_have_a_margin_that_is_a_factor_of_the_error_rate():
    assert limits_of_accuracy([0.9, 0.98], room=2) == pytest.approx((0.8, 0.99))
    assert limits_of_accuracy([0.1, 1.0], room=2) == pytest.approx((0.0, 0.9999))
    assert limits_of_accuracy([0.9, float("nan"), 0.98], room=2) == pytest.approx((0.8, 0.99))


@pytest.mark.parametrize("limits", [(1.0, 1.4), (0.01, 10), (1e-20, 1e5)])
def test_log_scale_has_four_to_eight_ticks_within_its_limits(axes, limits):
    axes.set_ylim(*limits)
    log_scale(axes)
    low, high = axes.get_ylim()
    ticks = axes.get_yticks()
    assert 4 <= len(ticks) <= 8
    assert all(low <= tick <= high for tick in ticks)


@pytest.mark.parametrize(("high", "labels"), [(3, ["1", "1.5", "2", "3"]), (1e6, ["1", "100", "10000", "$10^{6}$"])])
def test_log_scale_labels_ticks_with_numbers_or_powers_of_ten(axes, high, labels):
    axes.set_ylim(1, high)
    log_scale(axes)
    formatter = axes.yaxis.get_major_formatter()
    assert set(labels) <= {formatter(tick) for tick in axes.get_yticks()}


def test_log_scale_without_positive_values_uses_default_limits(axes):
    axes.set_ylim(-1, 0)
    log_scale(axes)
    assert axes.get_ylim() == (0.1, 1)
