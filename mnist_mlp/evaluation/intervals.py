"""95% confidence intervals of accuracies. SciPy is imported only when needed, because importing it takes 0.4 s."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import mean, stdev

CONFIDENCE = 0.95


def share_interval(successes: int, trials: int) -> tuple[float, float]:
    """Returns the Wilson score interval of a proportion. It is also valid for proportions near 0 and 1.

    Source: E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference" (1927).
    """
    from scipy.stats import binomtest

    low, high = binomtest(successes, trials).proportion_ci(CONFIDENCE, method="wilson")
    return float(low), float(high)


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """Returns the Student's t interval of the population mean. Requires at least two values."""
    from scipy.stats import t

    center, error = mean(values), stdev(values) / sqrt(len(values))
    if not error:
        return center, center
    low, high = t.interval(CONFIDENCE, len(values) - 1, loc=center, scale=error)
    return float(low), float(high)
