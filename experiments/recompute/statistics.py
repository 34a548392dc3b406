"""Spread over seeds, intervals, and simultaneous comparisons, with SciPy and statsmodels."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import statsmodels.api as sm
from scipy import stats

from experiments.recompute.archive import GUESSING, Preset

IMAGES = 10_000
PRIORS = {True: (0.072, 10), False: (0.15, 10)}  # standard deviation of the log odds, degrees of freedom
SIMULATIONS = 400_000
DEFAULTS = {"hidden_sizes": [300, 200, 200], "weight_init": "default", "batch_size": 100, "epochs": 100}
DEFAULTS |= {"optimizer": "adam", "learning_rate": 0.001, "weight_decay": 0.0, "dropout": 0.0}
DEFAULTS |= {"cumulative_weight_decay": False}


def log_odds(accuracies: Any) -> Any:
    right = np.asarray(accuracies) * IMAGES
    return np.log((right + 0.5) / (IMAGES - right + 0.5))


def from_log_odds(values: Any) -> Any:
    return ((IMAGES + 1) / (1 + np.exp(-np.asarray(values))) - 0.5) / IMAGES


def spreads(presets: Sequence[Preset]) -> dict[bool, tuple[float, float]]:
    """Returns the residual deviation of the log odds and its degrees of freedom, by whether a preset has learned."""
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
            fit = sm.OLS(odds, (groups[:, None] == np.arange(len(several))).astype(float)).fit()
            squares, freedom = fit.ssr, fit.df_resid
        total = freedom + prior_freedom
        found[has_learned] = (float(np.sqrt((squares + prior_freedom * prior**2) / total)), total)
    return found


def interval(preset: Preset, spread: Mapping[bool, tuple[float, float]]) -> tuple[float, float]:
    """Returns the 95% interval of the preset's mean test accuracy."""
    deviation, freedom = spread[preset.has_learned]
    error = deviation / np.sqrt(len(preset.runs))
    low, high = stats.t.interval(0.95, freedom, loc=log_odds(preset.mean), scale=error)
    return float(from_log_odds(low)), float(from_log_odds(high))


Pair = tuple[Preset, Preset]


def studied_pairs(presets: Sequence[Preset]) -> list[Pair]:
    """Returns all pairs (preset, reference) that differ in one hyperparameter. The reference has the default value."""
    pairs: list[Pair] = []
    for field in presets[0].values:
        ignored = {field, "optimizer_arguments"} if field == "optimizer" else {field}
        groups: dict[str, list[Preset]] = defaultdict(list)
        for preset in presets:
            rest = {name: value for name, value in preset.values.items() if name not in ignored}
            groups[json.dumps(rest, sort_keys=True)].append(preset)
        for group in groups.values():
            reference = min(group, key=lambda preset: (preset.values[field] != DEFAULTS.get(field), preset.numbers))
            pairs += [(preset, reference) for preset in group if preset is not reference]
    return pairs


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


def errors_of(pair: Pair, spread: Mapping[bool, tuple[float, float]]) -> np.ndarray:
    """Returns the standard errors of both means, in log odds."""
    return np.array([spread[preset.has_learned][0] / np.sqrt(len(preset.runs)) for preset in pair])


def compare(pairs: Sequence[Pair], spread: Mapping[bool, tuple[float, float]]) -> Iterator[tuple[float, ...]]:
    """Yields difference, lower limit, upper limit, and adjusted p-value of each pair.

    All differences are simulated together, from their covariance matrix and the pooled variances.
    """
    errors = np.array([errors_of(pair, spread) for pair in pairs])
    presets = list({id(preset): preset for pair in pairs for preset in pair}.values())
    design = np.zeros((len(pairs), len(presets)))
    for row, pair in enumerate(pairs):
        for column, sign in zip(pair, (1, -1), strict=True):
            design[row, [preset is column for preset in presets].index(True)] = sign * errors[row, 0 if sign > 0 else 1]
    random = np.random.default_rng(12345)
    noise = random.standard_normal((SIMULATIONS, len(presets))) @ design.T
    factors = {key: random.chisquare(freedom, SIMULATIONS) / freedom for key, (_, freedom) in spread.items()}
    freedoms, p_simulated = [], np.ones(SIMULATIONS)
    for row, pair in enumerate(pairs):
        squares = errors[row] ** 2
        kinds = [preset.has_learned for preset in pair]
        by_kind = {kind: sum(s for s, k in zip(squares, kinds, strict=True) if k == kind) for kind in set(kinds)}
        freedom = sum(squares) ** 2 / sum(square**2 / spread[kind][1] for kind, square in by_kind.items())
        scale = np.sqrt(sum(square * factors[kind] for kind, square in by_kind.items()))
        p_simulated = np.minimum(p_simulated, 2 * stats.t.sf(np.abs(noise[:, row] / scale), freedom))
        freedoms.append(freedom)
    p_simulated.sort()
    critical = np.quantile(p_simulated, 0.05)
    for (preset, reference), both, freedom in zip(pairs, errors, freedoms, strict=True):
        base, error = log_odds(reference.mean), float(np.hypot(*both))
        shift = log_odds(preset.mean) - base
        p = 2 * stats.t.sf(abs(shift) / error, freedom)
        half = stats.t.ppf(1 - critical / 2, freedom) * error
        low, high = (float(from_log_odds(base + shift + sign * half)) - reference.mean for sign in (-1, 1))
        adjusted = np.searchsorted(p_simulated, p, side="right") / SIMULATIONS
        yield preset.mean - reference.mean, low, high, float(min(adjusted, len(pairs) * p))
