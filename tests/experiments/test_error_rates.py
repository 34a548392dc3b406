"""Tests the simulation of reports: how runs scatter, and that wrong and missed findings are counted."""

from __future__ import annotations

from statistics import variance

import numpy as np
import pytest

from experiments import error_rates
from experiments.error_rates import Noise, compared_presets, coverage_row, power_row
from mnist_mlp.evaluation.seed_spread import SeedSpread, SpreadOverSeeds, log_odds

PAIRS = compared_presets()
RESIDUALS = np.random.default_rng(1).normal(0, 0.07, 200)
REAL, NORMAL = (Noise([RESIDUALS] * 3, is_normal) for is_normal in (False, True))
NUMBERS = {number for pair in PAIRS for number in pair}


def percent(cell: str) -> float:
    return float(cell.removesuffix("%"))


@pytest.mark.parametrize("noise", [REAL, NORMAL])
def test_variance_over_seeds_is_that_of_real_runs(noise):
    random = np.random.default_rng(2)
    variances = [variance(map(log_odds, noise.measured(0.98, 5, random))) for _ in range(3000)]
    assert np.mean(variances) == pytest.approx(RESIDUALS.var(), rel=0.06)


def test_noise_is_that_of_presets_with_a_similar_accuracy():
    noise = Noise([np.array([0.5]), np.array([0.1]), np.array([0.0])], False)
    shifts = [
        log_odds(noise.measured(accuracy, 1, np.random.default_rng(0))[0]) - log_odds(accuracy)
        for accuracy in (0.85, 0.95, 0.98)
    ]
    assert shifts == pytest.approx([0.5, 0.1, 0], abs=0.01)


def test_only_normal_noise_differs_between_presets():
    random = np.random.default_rng(3)
    scatter = [
        np.std([variance(map(log_odds, noise.measured(0.98, 100, random))) for _ in range(200)])
        for noise in (REAL, NORMAL)
    ]
    assert scatter[1] > 2 * scatter[0]


def test_large_effect_is_always_found():
    _, seeds, effect, found, *_ = power_row(PAIRS, REAL, 3, 0.05, 10)
    assert (seeds, effect, found) == ("3", "5", "100.0%")


def test_false_findings_are_counted_with_a_spread_that_is_too_small(monkeypatch):
    small = SeedSpread(0.005, 1000)
    monkeypatch.setattr(SpreadOverSeeds, "of_preset", lambda self, accuracies: small)
    assert percent(power_row(PAIRS, REAL, 3, 0.0, 10)[-2]) == 100
    truth = dict.fromkeys(NUMBERS, error_rates.TRUE_ACCURACY)
    assert percent(coverage_row("", PAIRS, REAL, dict.fromkeys(NUMBERS, 2), truth, 10)[-2]) == 100


def test_upper_limit_is_that_of_clopper_and_pearson():
    # Without errors in n reports, the limit solves (1 - limit)**n = 0.05.
    row = power_row(PAIRS, Noise([np.zeros(1)] * 3, False), 3, 0.0, 20)
    assert row[-2:] == ["0.0%", f"{1 - 0.05 ** (1 / 20):.1%}"]
