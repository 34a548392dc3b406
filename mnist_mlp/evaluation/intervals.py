"""95% intervals of measured accuracies. SciPy is imported when one is asked for: it takes 0.4 s."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import mean, stdev

CONFIDENCE = 0.95


def share_interval(successes: int, trials: int) -> tuple[float, float]:
    """Returns the interval of a share, by E. B. Wilson, Probable Inference (1927), which also holds near 0 and 1."""
    from scipy.stats import binomtest

    low, high = binomtest(successes, trials).proportion_ci(CONFIDENCE, method="wilson")
    return float(low), float(high)


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """Returns the interval of the mean that the values were drawn around, by Student's t; at least two values."""
    from scipy.stats import t

    center, error = mean(values), stdev(values) / sqrt(len(values))
    if not error:
        return center, center
    low, high = t.interval(CONFIDENCE, len(values) - 1, loc=center, scale=error)
    return float(low), float(high)
