"""Whether a difference between two accuracies is significant."""

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
# The stand-in for a spread over seeds is multiplied by this: in preset 10 trained with five seeds in full, and in
# 26 and 28 with four seeds for ten epochs, the standard deviation over seeds was 1.2, 1.8 and 0.7 times the stand-in.
STAND_IN_FACTOR = 2


class Method(StrEnum):
    """How a difference was tested; the values are the names that tables show."""

    OVER_SEEDS = "over seeds"
    MCNEMAR = "McNemar"
    TWO_PROPORTIONS = "two proportions"


@dataclass(frozen=True)
class Difference:
    """How much more accurate one experiment is than another.

    Attributes:
        amount: of accuracy, -1 to 1.
        low, high: 95% interval.
        p: of the hypothesis that there is no difference, two-sided.
        method: of the test.
        gained, lost: images that only the one, only the other classified correctly; 0 with other methods than McNemar.
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
        """Whether two networks classified exactly the same images correctly."""
        return self.method is Method.MCNEMAR and self.gained == self.lost == 0


def mcnemar(right: np.ndarray, reference_right: np.ndarray) -> Difference:
    """Compares two networks on the same images: McNemar's exact test, D. G. Bonett and R. M. Price's interval (2012).

    Args:
        right, reference_right: bool [images], whether each network classified the image rightly.
    """
    from scipy.stats import binomtest  # imported here because it takes a second

    gained, lost = int((right & ~reference_right).sum()), int((~right & reference_right).sum())
    p = binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    n = len(right) + 2
    share_gained, share_lost = (gained + 1) / n, (lost + 1) / n
    middle = share_gained - share_lost
    half_width = _z() * sqrt((share_gained + share_lost - middle**2) / n)
    amount = (gained - lost) / len(right)
    return Difference(amount, middle - half_width, middle + half_width, float(p), Method.MCNEMAR, gained, lost)


def two_proportions(correct: int, reference_correct: int, images: int) -> Difference:
    """Compares two scores on as many images: the pooled z test, R. G. Newcombe's interval from two of Wilson's (1998).

    Which images were right is unknown, so they count as two independent samples: the interval is too wide if anything.
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
    """Compares means over seeds: Welch's t, Student's where one side has a single seed; None where nothing varies."""
    from scipy.stats import t, ttest_ind

    amount, sizes = mean(values) - mean(reference), (len(values), len(reference))
    if min(sizes) > 1:
        if not variance(values) + variance(reference):
            return None
        with warnings.catch_warnings():  # SciPy warns of lost precision where the values of one side are equal
            warnings.simplefilter("ignore", RuntimeWarning)
            result = ttest_ind(values, reference, equal_var=False)
        low, high = result.confidence_interval(1 - ALPHA)
        p = result.pvalue
    else:  # SciPy's own test needs two values on each side
        error = stdev(max(values, reference, key=len)) * sqrt(sum(1 / size for size in sizes))
        if not error:
            return None
        freedom = sum(sizes) - 2
        low, high = t.interval(1 - ALPHA, freedom, loc=amount, scale=error)
        p = 2 * t.sf(abs(amount) / error, freedom)
    return Difference(amount, float(low), float(high), float(p), Method.OVER_SEEDS)


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns the p-values adjusted for their number, by S. Holm (1979), in the order given."""
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


@dataclass(frozen=True)
class SeedSpread:
    """How much the seed alone moves an accuracy.

    Attributes:
        deviation: pooled standard deviation over seeds; infinite if no preset has two.
        freedom: degrees of freedom that it rests on.
        presets: how many presets it is pooled over.
    """

    deviation: float
    freedom: int
    presets: int

    @property
    def reach(self) -> float:
        """Distance from its preset's mean that 95 of 100 runs stay within; infinite where nothing is known."""
        from scipy.special import stdtrit

        return float(stdtrit(self.freedom, 1 - ALPHA / 2)) * self.deviation if self.freedom else inf

    @property
    def limit(self) -> float:
        """Difference that 95 of 100 pairs of runs stay below which differ in the seed only; infinite if unknown."""
        return hypot(self.reach, self.reach)


def seed_spread(repeated: Sequence[Sequence[float]]) -> SeedSpread:
    """Pools the spread over seeds of several presets.

    Args:
        repeated: a preset's accuracies over its seeds each.
    """
    repeated = [values for values in repeated if len(values) > 1]
    freedom = sum(len(values) - 1 for values in repeated)
    if not freedom:
        return SeedSpread(inf, 0, 0)
    pooled = sum(variance(values) * (len(values) - 1) for values in repeated) / freedom
    return SeedSpread(sqrt(pooled), freedom, len(repeated))


def stand_in_spread(validation: Sequence[float], correct_share: float, images: int) -> SeedSpread:
    """Returns a stand-in for the spread over seeds of a preset that was trained with a single one.

    Another seed makes the whole network better or worse, and misclassifies other images. The first effect is taken to
    be as large as the variation of the validation accuracy over the second half of the run's own epochs, including its
    trend. For the second, images are independent of each other, as K. Jordan found for repeated trainings (ICLR 2024),
    each with the same probability: the widest case.

    Args:
        validation: accuracy after each epoch.
        correct_share: the run's accuracy on the test images.
        images: their number.
    """
    late = [accuracy for accuracy in validation[len(validation) // 2 :] if isfinite(accuracy)]
    if len(late) < 2:
        return SeedSpread(inf, 0, 0)
    chance = correct_share * (1 - correct_share) / images
    return SeedSpread(STAND_IN_FACTOR * sqrt(variance(late) + chance), len(late) - 1, 1)


def _z() -> float:
    return NormalDist().inv_cdf(1 - ALPHA / 2)
