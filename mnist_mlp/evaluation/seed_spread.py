"""How much the accuracy of a preset varies with the seed alone.

The spread is measured on the scale of log odds, log(accuracy / error rate), where it is similar for all networks from
97.5%: the standard deviation is about 0.07, which means that another seed changes the error rate by about 7% of itself.
But some presets vary more than others, so each has a spread of its own, which is estimated from its runs and from those
of all other presets. `experiments/error_rates.py` measures how often the tests and intervals that use it are
wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt
from statistics import mean, variance

from mnist_mlp.data.dataset import MNIST

CONFIDENCE = 0.95
TESTED_IMAGES = MNIST.test_images
GUESSING = 0.2  # networks with a lower accuracy have failed: it is twice that of random guessing
LEARNED = 0.9  # test accuracy from which a network counts as trained; below, the spread is different


@dataclass(frozen=True)
class SeedSpread:
    """The standard deviation of the log odds over seeds, with its degrees of freedom."""

    deviation: float
    freedom: float

    def at(self, accuracy: float) -> float:
        """Returns the standard deviation of an accuracy over seeds, 0 to 1. It is never 0, like that of log odds."""
        right = accuracy * TESTED_IMAGES + 0.5
        wrong = TESTED_IMAGES + 1 - right
        return self.deviation * right * wrong / (TESTED_IMAGES * (TESTED_IMAGES + 1))  # times the slope of `share`

    def reach(self, runs: int = 1) -> float:
        """Returns half the width of the 95% interval for a mean over some runs, in log odds."""
        from scipy.special import stdtrit

        return float(stdtrit(self.freedom, (1 + CONFIDENCE) / 2)) * self.deviation / sqrt(runs)

    def combined(self, other: SeedSpread) -> SeedSpread:
        """Returns the spread pooled over both, weighted by degrees of freedom."""
        freedom = self.freedom + other.freedom
        squares = self.freedom * self.deviation**2 + other.freedom * other.deviation**2
        return SeedSpread(sqrt(squares / freedom), freedom)


# Measured by experiments/seed_spread.py, rounded. The first one is that of networks from 97.5%, because most runs are
# there. From 90% to 97.5%, 0.05 was measured, so intervals are rather too wide there. For trained networks, the degrees
# of freedom are fewer than those measured, so that a user's own repeated runs soon outweigh ours. For other networks,
# they are about what the seven such presets with several seeds are worth.
LEARNED_PRIOR = SeedSpread(0.066, 10)
OTHER_PRIOR = SeedSpread(0.16, 10)

# How similar presets are: their variances scatter like a scaled inverse chi-squared distribution with these degrees of
# freedom. Estimated by experiments/seed_spread.py: 8 for networks from 90%, 15 for those from 97.5%.
VARIANCE_FREEDOM = 8
TYPICAL = (VARIANCE_FREEDOM - 2) / VARIANCE_FREEDOM  # scale of this distribution, divided by its mean


@dataclass(frozen=True)
class SpreadOverSeeds:
    """The spread of trained networks and that of all others, pooled over presets.

    Attributes:
        presets: number of presets with several seeds that contribute, in addition to the reference runs.
    """

    learned: SeedSpread = LEARNED_PRIOR
    others: SeedSpread = OTHER_PRIOR
    presets: int = 0

    @classmethod
    def of(cls, repeated: Iterable[Sequence[float]]) -> SpreadOverSeeds:
        """Returns the spread of the reference runs, pooled with that of presets.

        Args:
            repeated: for each preset, its test accuracies over seeds. Those with a single seed are ignored, and those
                that are about as bad as guessing for any seed.
        """
        several = [accuracies for accuracies in repeated if len(accuracies) > 1 and min(accuracies) >= GUESSING]
        learned = [accuracies for accuracies in several if mean(accuracies) >= LEARNED]
        others = [accuracies for accuracies in several if mean(accuracies) < LEARNED]
        return cls(_pooled(LEARNED_PRIOR, learned), _pooled(OTHER_PRIOR, others), len(several))

    def near(self, accuracy: float) -> SeedSpread:
        """Returns the pooled spread of networks with about this accuracy."""
        return self.learned if accuracy >= LEARNED else self.others

    def of_preset(self, accuracies: Sequence[float]) -> SeedSpread:
        """Returns the spread of one preset, estimated from its own runs and from the pooled spread.

        This is the empirical Bayes estimate of G. K. Smyth ("Linear models and empirical Bayes methods for assessing
        differential expression in microarray experiments", 2004). The pooled spread counts as `VARIANCE_FREEDOM`
        degrees of freedom, or less if few runs are pooled.

        Args:
            accuracies: test accuracies of the preset's runs, one per seed.
        """
        pooled = self.near(mean(accuracies))
        freedom = 1 / (1 / VARIANCE_FREEDOM + 1 / pooled.freedom)
        squares = freedom * TYPICAL * pooled.deviation**2
        own = len(accuracies) - 1
        if own:
            squares += own * variance(map(log_odds, accuracies))
        return SeedSpread(sqrt(squares / (freedom + own)), freedom + own)

    def planned(self, accuracies: Sequence[float], seeds: int) -> SeedSpread:
        """Returns the spread that can be expected when a preset has this many seeds.

        What is known about its variance has a scaled inverse chi-squared distribution, whose mean is larger than its
        scale.
        """
        spread, freedom = self.of_preset(accuracies), VARIANCE_FREEDOM + len(accuracies) - 1
        return SeedSpread(spread.deviation * sqrt(freedom / (freedom - 2)), spread.freedom + seeds - len(accuracies))

    def interval(self, accuracies: Sequence[float]) -> tuple[float, float]:
        """Returns the 95% confidence interval for a preset's mean accuracy over all seeds. It is within 0 to 1.

        Args:
            accuracies: test accuracies of the preset's runs, one per seed.
        """
        center = log_odds(mean(accuracies))
        reach = self.of_preset(accuracies).reach(len(accuracies))
        return share(center - reach), share(center + reach)


MEASURED_BEFORE = SpreadOverSeeds()
"""The spread that is known without any repeated runs: that of the reference runs."""


def _pooled(prior: SeedSpread, repeated: Sequence[Sequence[float]]) -> SeedSpread:
    pooled = prior
    for accuracies in repeated:
        deviation = sqrt(variance(map(log_odds, accuracies)))
        pooled = pooled.combined(SeedSpread(deviation, freedom_about_pooled(len(accuracies) - 1)))
    return pooled


def freedom_about_pooled(freedom: int) -> float:
    """Returns how much the variance of one preset says about the pooled variance, in degrees of freedom.

    Since variances differ between presets, it is less than the degrees of freedom of the variance itself: 1.6 for 4.
    This is 2 / CV**2, where CV is the coefficient of variation of a variance that is drawn from the distribution over
    presets and then estimated.
    """
    scatter = (VARIANCE_FREEDOM - 2) / (VARIANCE_FREEDOM - 4)  # mean of the squared variances / square of their mean
    return 2 / ((1 + 2 / freedom) * scatter - 1)


def log_odds(accuracy: float) -> float:
    """Returns log(accuracy / error rate). Half an image is added on both sides, so that 0 and 1 are finite."""
    right = accuracy * TESTED_IMAGES
    return log((right + 0.5) / (TESTED_IMAGES - right + 0.5))


def share(odds: float) -> float:
    """Returns the accuracy with these log odds; the inverse of `log_odds`."""
    right = (TESTED_IMAGES + 1) / (1 + exp(-odds)) - 0.5
    return min(max(right / TESTED_IMAGES, 0.0), 1.0)
