"""95% intervals: how far a measured accuracy can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist, mean, stdev


def share_interval(successes: int, trials: int) -> tuple[float, float]:
    """Returns the interval of a share, by E. B. Wilson, Probable Inference (1927), which also holds near 0 and 1."""
    z = NormalDist().inv_cdf(0.975)
    n, p = trials, successes / trials
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half_width = z / (1 + z**2 / n) * sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return middle - half_width, middle + half_width


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """Returns the interval of the mean that the values were drawn around, by Student's t; at least two values."""
    from scipy.special import stdtrit  # only where there is something repeated: it takes a while to import

    half_width = stdtrit(len(values) - 1, 0.975) * stdev(values) / sqrt(len(values))
    return mean(values) - half_width, mean(values) + half_width
