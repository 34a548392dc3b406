"""Tests and confidence intervals for differences between accuracies, and the spread of accuracies over seeds."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import hypot, inf, isfinite, sqrt
from statistics import NormalDist, mean, stdev, variance

import numpy as np

from mnist_mlp.evaluation.intervals import share_interval

ALPHA = 0.05
# Safety factor for a spread over seeds that is estimated from a single run. For preset 10 (five seeds, all epochs) and
# presets 26 and 28 (four seeds, ten epochs), the measured standard deviation over seeds was 1.2, 1.8, and 0.7 times
# the estimate without this factor.
SINGLE_RUN_FACTOR = 2


class Method(StrEnum):
    """How a difference was tested. The values are the names shown in tables."""

    OVER_SEEDS = "t-test over seeds"
    MCNEMAR = "McNemar's test"
    TWO_PROPORTIONS = "two-proportion z-test"


@dataclass(frozen=True)
class Difference:
    """The difference between the test accuracies of two experiments.

    Attributes:
        amount: accuracy of the first minus accuracy of the second, -1 to 1.
        low, high: limits of the 95% confidence interval.
        p: two-sided p-value. The null hypothesis is that there is no difference.
        method: the test that was used.
        gained, lost: number of images that only the first, or only the second, classified correctly. 0 for tests
            other than McNemar's.
    """

    amount: float
    low: float
    high: float
    p: float
    method: Method
    gained: int = 0
    lost: int = 0

    @property
    def is_identical(self) -> bool:
        """Whether both networks classified exactly the same images correctly."""
        return self.method is Method.MCNEMAR and self.gained == self.lost == 0


def mcnemar(right: np.ndarray, reference_right: np.ndarray) -> Difference:
    """Compares two networks on the same images.

    Uses McNemar's exact test and the interval of D. G. Bonett and R. M. Price (2012).

    Args:
        right, reference_right: bool [images], whether each network classified the image correctly.
    """
    from scipy.stats import binomtest  # imported here because the import takes a second

    gained, lost = int((right & ~reference_right).sum()), int((~right & reference_right).sum())
    p = binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    n = len(right) + 2
    share_gained, share_lost = (gained + 1) / n, (lost + 1) / n
    middle = share_gained - share_lost
    half_width = _z() * sqrt((share_gained + share_lost - middle**2) / n)
    amount = (gained - lost) / len(right)
    return Difference(amount, middle - half_width, middle + half_width, float(p), Method.MCNEMAR, gained, lost)


def two_proportions(correct: int, reference_correct: int, images: int) -> Difference:
    """Compares the accuracies of two networks, each measured on the same number of images.

    Uses the pooled z-test and R. G. Newcombe's interval (1998), which combines two Wilson intervals. It is
    not known which images each network classified correctly, so the two samples are treated as independent. This makes
    the interval conservative.
    """
    share, reference = correct / images, reference_correct / images
    (low, high), (reference_low, reference_high) = (share_interval(k, images) for k in (correct, reference_correct))
    amount, pooled = share - reference, (share + reference) / 2
    deviation = sqrt(2 * pooled * (1 - pooled) / images)
    p = 2 * NormalDist().cdf(-abs(amount) / deviation) if deviation else 1.0
    return Difference(
        amount,
        amount - sqrt((share - low) ** 2 + (reference_high - reference) ** 2),
        amount + sqrt((high - share) ** 2 + (reference - reference_low) ** 2),
        p,
        Method.TWO_PROPORTIONS,
    )


def over_seeds(values: Sequence[float], reference: Sequence[float]) -> Difference | None:
    """Compares two means over seeds.

    Uses Welch's t-test, or Student's t-test if one side has a single seed. Returns None if there is no variance.
    """
    from scipy.stats import t, ttest_ind

    amount, sizes = mean(values) - mean(reference), (len(values), len(reference))
    if min(sizes) > 1:
        if not variance(values) + variance(reference):
            return None
        with warnings.catch_warnings():  # SciPy warns about lost precision if all values on one side are equal
            warnings.simplefilter("ignore", RuntimeWarning)
            result = ttest_ind(values, reference, equal_var=False)
        low, high = result.confidence_interval(1 - ALPHA)
        p = result.pvalue
    else:  # SciPy's test needs at least two values on each side
        error = stdev(max(values, reference, key=len)) * sqrt(sum(1 / size for size in sizes))
        if not error:
            return None
        freedom = sum(sizes) - 2
        low, high = t.interval(1 - ALPHA, freedom, loc=amount, scale=error)
        p = 2 * t.sf(abs(amount) / error, freedom)
    return Difference(amount, float(low), float(high), float(p), Method.OVER_SEEDS)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusts p-values for multiple comparisons by the method of S. Holm (1979). The order of the list is kept."""
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


@dataclass(frozen=True)
class SeedSpread:
    """How much an accuracy varies with the seed alone.

    Attributes:
        deviation: pooled standard deviation over seeds; infinite if no preset has two seeds.
        freedom: degrees of freedom of `deviation`; 0 if it is unknown.
        presets: number of presets that `deviation` is pooled over.
    """

    deviation: float
    freedom: int
    presets: int

    @property
    def reach(self) -> float:
        """Distance from the preset's mean within which 95% of runs lie; infinite if the spread is unknown."""
        from scipy.special import stdtrit

        return float(stdtrit(self.freedom, 1 - ALPHA / 2)) * self.deviation if self.freedom else inf

    @property
    def limit(self) -> float:
        """Difference that 95% of pairs of runs with different seeds do not exceed; infinite if unknown."""
        return hypot(self.reach, self.reach)


def seed_spread(repeated: Sequence[Sequence[float]]) -> SeedSpread:
    """Returns the spread over seeds, pooled over several presets.

    Args:
        repeated: for each preset, its accuracies over seeds. Presets with a single seed are ignored.
    """
    repeated = [values for values in repeated if len(values) > 1]
    freedom = sum(len(values) - 1 for values in repeated)
    if not freedom:
        return SeedSpread(inf, 0, 0)
    pooled = sum(variance(values) * (len(values) - 1) for values in repeated) / freedom
    return SeedSpread(sqrt(pooled), freedom, len(repeated))


def single_run_spread(validation: Sequence[float], correct_share: float, images: int) -> SeedSpread:
    """Estimates the spread over seeds of a preset from a single run.

    A network trained with another seed is better or worse overall, and it misclassifies different images. The first
    effect is estimated by the variance of the validation accuracy over the second half of the run's epochs, including
    any trend. For the second effect, images are assumed to be independent, as K. Jordan found for repeated runs (ICLR
    2024), and to have the same probability of being classified correctly, which gives the largest variance.

    Args:
        validation: validation accuracy after each epoch.
        correct_share: test accuracy of the run.
        images: number of test images.
    """
    late = [accuracy for accuracy in validation[len(validation) // 2 :] if isfinite(accuracy)]
    if len(late) < 2:
        return SeedSpread(inf, 0, 0)
    sampling_variance = correct_share * (1 - correct_share) / images
    return SeedSpread(SINGLE_RUN_FACTOR * sqrt(variance(late) + sampling_variance), len(late) - 1, 1)


def _z() -> float:
    return NormalDist().inv_cdf(1 - ALPHA / 2)
