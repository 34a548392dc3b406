"""Spread over seeds, intervals, and simultaneous comparisons, with SciPy and statsmodels."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import statsmodels.api as sm
from scipy import stats

from experiments.recompute.archive import GUESSING, Preset

IMAGES = 10_000
PRIORS = {True: (0.066, 10), False: (0.16, 10)}  # standard deviation of the log odds, degrees of freedom
VARIANCE_FREEDOM = 8
SIMULATIONS = 400_000
DEFAULTS = {"hidden_sizes": [300, 200, 200], "weight_init": "default", "batch_size": 100, "epochs": 100}
DEFAULTS |= {"optimizer": "adam", "learning_rate": 0.001, "weight_decay": 0.0, "dropout": 0.0}
DEFAULTS |= {"cumulative_weight_decay": False}


def log_odds(accuracies: Any) -> Any:
    right = np.asarray(accuracies) * IMAGES
    return np.log((right + 0.5) / (IMAGES - right + 0.5))


def from_log_odds(values: Any) -> Any:
    return ((IMAGES + 1) / (1 + np.exp(-np.asarray(values))) - 0.5) / IMAGES


@dataclass(frozen=True)
class Spreads:
    """Standard deviation and degrees of freedom, pooled over presets that have learned and over the others.

    Attributes:
        variance_freedom: degrees of freedom of the distribution of variances over presets.
    """

    pooled: Mapping[bool, tuple[float, float]]
    variance_freedom: float


def spreads(presets: Sequence[Preset], variance_freedom: float = VARIANCE_FREEDOM) -> Spreads:
    """Returns the residual deviation of the log odds and its degrees of freedom, by whether a preset has learned.

    The variance of each preset is weighted by 2 / (its coefficient of variation)**2, which includes the scatter of the
    variances over presets.
    """
    found = {}
    for has_learned, (prior, prior_freedom) in PRIORS.items():
        several = [preset for preset in presets if len(preset.runs) > 1 and preset.has_learned == has_learned]
        several = [preset for preset in several if preset.accuracies.min() >= GUESSING]
        several.sort(key=lambda preset: -len(preset.runs))
        several = [one for at, one in enumerate(several) if not any(one.is_same_as(other) for other in several[:at])]
        squares, freedom = 0.0, 0.0
        if several:
            groups = np.concatenate([[at] * len(preset.runs) for at, preset in enumerate(several)])
            odds = log_odds(np.concatenate([preset.accuracies for preset in several]))
            own = np.array([len(preset.runs) - 1 for preset in several])
            kurtosis = stats.invgamma(variance_freedom / 2).moment(2) / stats.invgamma(variance_freedom / 2).mean() ** 2
            weights = 2 / (kurtosis * stats.chi2(own).moment(2) / own**2 - 1)
            fit = sm.OLS(odds, (groups[:, None] == np.arange(len(several))).astype(float)).fit()
            squares = np.bincount(groups, fit.resid**2) / own @ weights
            freedom = weights.sum()
        total = float(freedom + prior_freedom)
        found[has_learned] = (float(np.sqrt((squares + prior_freedom * prior**2) / total)), total)
    return Spreads(found, variance_freedom)


def moderated(preset: Preset, spread: Spreads) -> tuple[float, float]:
    """Returns the spread of one preset: the mean of its own variance and the typical one, by degrees of freedom.

    The typical variance is the scale of the scaled inverse chi-squared distribution whose mean is the pooled variance.
    """
    pooled, pooled_freedom = spread.pooled[preset.has_learned]
    scattered = spread.variance_freedom
    freedom = stats.hmean([scattered, pooled_freedom]) / 2
    typical = pooled**2 / stats.invgamma(scattered / 2, scale=scattered / 2).mean()
    own = len(preset.runs) - 1
    variances = [typical, log_odds(preset.accuracies).var(ddof=1)] if own else [typical]
    weights = [freedom, own][: len(variances)]
    return float(np.sqrt(np.average(variances, weights=weights))), freedom + own


def interval(preset: Preset, spread: Spreads) -> tuple[float, float]:
    """Returns the 95% interval of the preset's mean test accuracy."""
    deviation, freedom = moderated(preset, spread)
    error = deviation / np.sqrt(len(preset.runs))
    low, high = stats.t.interval(0.95, freedom, loc=log_odds(preset.mean), scale=error)
    return float(from_log_odds(low)), float(from_log_odds(high))


Pair = tuple[Preset, Preset]


def studied_pairs(presets: Sequence[Preset]) -> list[Pair]:
    """Returns all pairs (preset, reference) that differ in one hyperparameter."""
    pairs: list[Pair] = []
    for field in presets[0].values:
        ignored = {field, "optimizer_arguments"} if field == "optimizer" else {field}
        groups: dict[str, list[Preset]] = defaultdict(list)
        for preset in presets:
            rest = {name: value for name, value in preset.values.items() if name not in ignored}
            groups[json.dumps(rest, sort_keys=True)].append(preset)
        for group in groups.values():
            default = DEFAULTS.get(field)
            group.sort(key=lambda one: _order(one.values[field]))
            reference = min(group, key=lambda one: (one.has_failed, one.values[field] != default))
            pairs += [(preset, reference) for preset in group if preset is not reference]
    return pairs


def _order(value: Any) -> Any:
    return (len(value), value) if isinstance(value, list) else value


def ranked_pairs(presets: Sequence[Preset]) -> list[Pair]:
    """Returns the pairs (preset, best preset) of those with the number of seeds that a third of all presets have."""
    numbers = sorted((len(preset.runs) for preset in presets), reverse=True)
    seeds = numbers[(len(numbers) - 1) // 3]
    ranked = [preset for preset in presets if len(preset.runs) >= seeds]
    best = max(ranked, key=lambda preset: np.mean([max(run.validation) for run in preset.runs[:seeds]]))
    return [(preset, best) for preset in ranked if preset is not best]


def testable(pairs: Iterable[Pair]) -> list[Pair]:
    """Returns the different pairs whose networks have learned and are not identical."""
    different_pairs = {(one.numbers, other.numbers): (one, other) for one, other in pairs}.values()
    return [
        (one, other)
        for one, other in different_pairs
        if not (one.is_same_as(other) or one.has_failed or other.has_failed)
    ]


def compare(pairs: Sequence[Pair], spread: Spreads) -> Iterator[tuple[float, ...]]:
    """Yields difference, lower limit, upper limit, and adjusted p-value of each pair.

    All differences are simulated together: the mean of each preset has a t distribution.
    """
    presets = list({id(preset): preset for pair in pairs for preset in pair}.values())
    seeds = np.array([len(preset.runs) for preset in presets])
    deviations, freedoms = np.array([moderated(preset, spread) for preset in presets]).T
    squares = deviations**2 / seeds
    signs = np.array([[(preset is one) - (preset is other) for preset in presets] for one, other in pairs])
    totals = np.abs(signs) @ squares
    satterthwaite = totals**2 / (np.abs(signs) @ (squares**2 / freedoms))
    random = np.random.default_rng(12345)
    noise = random.standard_t(freedoms, (SIMULATIONS, len(presets))) * np.sqrt(squares)
    smallest = np.ones(SIMULATIONS)
    for sign, total, freedom in zip(signs, totals, satterthwaite, strict=True):
        smallest = np.minimum(smallest, 2 * stats.t.sf(np.abs(noise @ sign) / np.sqrt(total), freedom))
    smallest.sort()
    level = np.quantile(smallest, 0.05)
    for (preset, reference), total, freedom in zip(pairs, totals, satterthwaite, strict=True):
        base, error = log_odds(reference.mean), float(np.sqrt(total))
        shift = log_odds(preset.mean) - base
        p = 2 * stats.t.sf(abs(shift) / error, freedom)
        half = stats.t.ppf(1 - level / 2, freedom) * error
        low, high = (float(from_log_odds(base + shift + sign * half)) - reference.mean for sign in (-1, 1))
        adjusted = np.searchsorted(smallest, p, side="right") / SIMULATIONS
        yield preset.mean - reference.mean, low, high, float(adjusted)
