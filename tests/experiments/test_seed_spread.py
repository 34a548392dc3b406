"""Tests the measurement of the spread over seeds on simulated presets with a known spread, and its use as constants."""

from __future__ import annotations

import re

import numpy as np
import pandas
import pytest
import statsmodels.formula.api as smf
from statsmodels.stats.anova import anova_lm

from experiments.seed_spread import ACCURATE, Repeated, describe, repeated_presets, scatter_of_variances, seed_effects
from mnist_mlp.evaluation.seed_spread import LEARNED, LEARNED_PRIOR, OTHER_PRIOR, VARIANCE_FREEDOM


def presets(number: int, seeds: int, freedom: float, seed_effect: float = 0.0) -> list[Repeated]:
    """Returns presets whose variances scatter like a scaled inverse chi-squared distribution with mean 0.07 squared."""
    random = np.random.default_rng(3)
    found = []
    for index in range(number):
        deviation = 0.07 * ((freedom - 2) / random.chisquare(freedom)) ** 0.5
        values = 4 + index / 100 + random.normal(0, deviation, seeds)
        values[0] += seed_effect
        found.append(Repeated(str(index), {str(seed): float(value) for seed, value in enumerate(values)}))
    return found


def test_scatter_of_variances_is_recovered():
    freedom, low, high, p = scatter_of_variances(presets(1500, 5, 8))
    assert (low < 8 < high, p < 1e-6) == (True, True)
    assert freedom == pytest.approx(8, rel=0.2)


def test_equal_variances_have_no_upper_limit():
    _, low, high, p = scatter_of_variances(presets(100, 5, 1e9))
    assert (low > 10, high, p > 0.05) == (True, np.inf, True)


def test_effect_of_a_seed_agrees_with_analysis_of_variance():
    simulated = presets(12, 3, 1e9, seed_effect=0.05)
    points = [(one.name, seed, value) for one in simulated for seed, value in one.by_seed.items()]
    frame = pandas.DataFrame(points, columns=["preset", "seed", "value"])
    expected = anova_lm(smf.ols("value ~ C(preset) + C(seed)", frame).fit())
    effects, p = seed_effects(simulated)
    assert p == pytest.approx(expected.loc["C(seed)", "PR(>F)"])
    means = frame.groupby("seed")["value"].mean()
    assert effects == pytest.approx(dict(means - means.mean()))


def test_constants_of_the_report_are_compatible_with_what_was_measured():
    measured = repeated_presets()
    learned = [preset for preset in measured if preset.accuracy >= LEARNED]
    accurate = [preset for preset in learned if preset.accuracy >= ACCURATE]
    others = [preset for preset in measured if preset.accuracy < LEARNED]
    for prior, presets in ((LEARNED_PRIOR, accurate), (OTHER_PRIOR, others)):
        _, low, high = map(float, re.findall(r"[\d.]+", describe(presets)))
        assert low < prior.deviation < high
    _, low, high, _ = scatter_of_variances(learned)
    assert low < VARIANCE_FREEDOM < high
