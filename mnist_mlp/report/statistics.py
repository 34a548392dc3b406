"""Compares mean accuracies: simultaneous tests and confidence intervals for all differences in a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, hypot
from statistics import mean

import numpy as np

from mnist_mlp.evaluation.seed_spread import SeedSpread, SpreadOverSeeds, log_odds, share

ALPHA = 0.05
SIMULATIONS = 50_000  # standard error of an adjusted p-value of 0.05: 0.001


@dataclass(frozen=True, eq=False)
class Mean:
    """The mean test accuracy of a preset over some runs with different seeds. Compared by identity.

    Attributes:
        accuracy: the mean, 0 to 1.
        runs: number of runs.
        spread: how much the log odds of a single run vary with the seed.
    """

    accuracy: float
    runs: int
    spread: SeedSpread

    @classmethod
    def of(cls, accuracies: Sequence[float], spread: SpreadOverSeeds) -> Mean:
        """Returns the mean over runs, with the spread of their preset.

        Args:
            accuracies: test accuracies of the preset's runs, one per seed.
            spread: the spread over seeds, pooled over presets.
        """
        return cls(mean(accuracies), len(accuracies), spread.of_preset(accuracies))

    @property
    def log_odds(self) -> float:
        """The log odds of the mean."""
        return log_odds(self.accuracy)

    @property
    def error(self) -> float:
        """Standard error, in log odds."""
        return self.spread.deviation / self.runs**0.5


@dataclass(frozen=True)
class Difference:
    """The difference between the mean accuracies of two presets, as one of all differences in a report.

    Attributes:
        amount: accuracy of the first minus accuracy of the second, -1 to 1.
        low, high: limits of its interval, if the second has the accuracy that was measured. With a probability of 95%,
            the intervals of all differences are right.
        p: two-sided p-value, adjusted: the probability that any difference of the report looks as clear as this one if
            no preset differs from another. It is below 0.05 exactly if the interval excludes 0. Since it is simulated,
            it is never below 1 / (1 + simulations).
        level: what the p-value must be below before it is adjusted, to be significant.
    """

    amount: float
    low: float
    high: float
    p: float
    level: float


def simultaneous_differences(
    pairs: Sequence[tuple[Mean, Mean]], simulations: int = SIMULATIONS, random: np.random.Generator | None = None
) -> list[Difference]:
    """Compares the first mean of each pair with the second one.

    Uses t statistics of the log odds. Means with the same `SeedSpread` object share its error. P-values are adjusted
    and intervals are widened by simulating all statistics together, without true differences, and taking the smallest
    p-value of each simulation (single-step min-p: P. H. Westfall and S. S. Young, "Resampling-Based Multiple Testing",
    1993; parametric as in T. Hothorn, F. Bretz, and P. Westfall, "Simultaneous Inference in General Parametric Models",
    2008). This takes into account that differences with the same reference are correlated, which Bonferroni's method
    does not.

    Args:
        pairs: the means to compare.
        simulations: number of simulations.
        random: generator of the random numbers. The default has a fixed seed, so the same runs give the same report.
    """
    from scipy.special import stdtr

    if not pairs:
        return []
    shifts = np.array([one.log_odds - other.log_odds for one, other in pairs])
    errors = np.array([hypot(one.error, other.error) for one, other in pairs])
    freedoms = np.array([_freedom(*pair) for pair in pairs])
    p = 2 * stdtr(freedoms, -np.abs(shifts) / np.maximum(errors, np.finfo(float).tiny))
    smallest = _smallest_p_by_chance(pairs, freedoms, simulations, random or np.random.default_rng(0))
    adjusted = (1 + np.searchsorted(smallest, p, side="right")) / (1 + simulations)
    level = float(smallest[ceil(ALPHA * (1 + simulations)) - 2])  # adjusted p-values of smaller ones are below ALPHA
    criticals = [critical_value(one, other, level) for one, other in pairs]
    return [
        Difference(
            one.accuracy - other.accuracy,
            low=changed_by(other, shift - critical * error),
            high=changed_by(other, shift + critical * error),
            p=float(value),
            level=level,
        )
        for (one, other), shift, error, critical, value in zip(pairs, shifts, errors, criticals, adjusted, strict=True)
    ]


def critical_value(one: Mean, other: Mean, level: float) -> float:
    """Returns what the t statistic of a difference must exceed for a p-value, not adjusted, below this level."""
    from scipy.special import stdtrit

    return -float(stdtrit(_freedom(one, other), level / 2))


def changed_by(mean: Mean, shift: float) -> float:
    """Returns how much an accuracy changes if its log odds change by `shift`."""
    return share(mean.log_odds + float(shift)) - share(mean.log_odds)


def _freedom(one: Mean, other: Mean) -> float:
    """Returns the degrees of freedom of a difference, by the method of F. E. Satterthwaite (1946)."""
    if one.spread is other.spread:
        return one.spread.freedom
    squares = one.error**2, other.error**2
    total = sum(square**2 / mean.spread.freedom for square, mean in zip(squares, (one, other), strict=True))
    return sum(squares) ** 2 / total if total else min(one.spread.freedom, other.spread.freedom)


def _smallest_p_by_chance(
    pairs: Sequence[tuple[Mean, Mean]], freedoms: np.ndarray, simulations: int, random: np.random.Generator
) -> np.ndarray:
    """Returns the smallest p-value of all pairs in simulations without true differences, float64 [simulations], sorted.

    The standard deviation of each preset is drawn from what is known about it: a scaled inverse chi distribution around
    the estimate. So the mean of its runs has a t distribution, as in the method of Behrens and Fisher.
    """
    from scipy.special import stdtr

    means = {mean: None for pair in pairs for mean in pair}
    spreads = {id(mean.spread): mean.spread for mean in means}
    factors = {
        key: np.sqrt(random.chisquare(spread.freedom, simulations) / spread.freedom) for key, spread in spreads.items()
    }
    noise = {mean: mean.error * random.standard_normal(simulations) / factors[id(mean.spread)] for mean in means}
    smallest = np.ones(simulations)
    for (one, other), freedom in zip(pairs, freedoms, strict=True):
        error = max(hypot(one.error, other.error), np.finfo(float).tiny)
        np.minimum(smallest, 2 * stdtr(freedom, -np.abs(noise[one] - noise[other]) / error), out=smallest)
    return np.sort(smallest)
