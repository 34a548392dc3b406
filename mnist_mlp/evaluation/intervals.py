"""95% confidence intervals of accuracies.

SciPy is imported only when needed. scipy.stats has such intervals too, but importing it takes 0.4 s longer.
"""

from __future__ import annotations

from math import sqrt

CONFIDENCE = 0.95


def share_interval(successes: int, trials: int) -> tuple[float, float]:
    """Returns the Wilson score interval of a proportion. It is also valid for proportions near 0 and 1.

    Source: E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference" (1927).
    """
    from scipy.special import ndtri

    z, share = float(ndtri(0.5 + CONFIDENCE / 2)), successes / trials
    center = (2 * trials * share + z**2) / (2 * (trials + z**2))
    distance = z / (2 * (trials + z**2)) * sqrt(4 * trials * share * (1 - share) + z**2)
    return (center - distance if successes else 0.0), (center + distance if successes < trials else 1.0)
