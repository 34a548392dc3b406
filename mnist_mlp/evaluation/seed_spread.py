"""How much the accuracy of a preset varies with the seed alone.

The spread is measured on the scale of log odds, log(accuracy / error rate), where it is about the same for all networks
that have learned: a standard deviation of 0.07 to 0.08, which means that another seed changes the error rate by 7 to 8%
of itself. `experiments/error_rates.py` measures how well the tests and intervals that rely on this keep their promises.
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
    freedom: int

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


# Measured on the reference runs (for_report/reference): presets with several seeds. They count as much as 11 runs of
# one preset, so that a user's own repeated runs soon outweigh them.
PRIOR_FREEDOM = 10
LEARNED_PRIOR = SeedSpread(0.072, PRIOR_FREEDOM)
OTHER_PRIOR = SeedSpread(0.15, PRIOR_FREEDOM)


@dataclass(frozen=True)
class SpreadOverSeeds:
    """The spread of trained networks and that of all others.

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
        """Returns the spread of networks with about this accuracy."""
        return self.learned if accuracy >= LEARNED else self.others

    def interval(self, accuracies: Sequence[float]) -> tuple[float, float]:
        """Returns the 95% confidence interval for a preset's mean accuracy over all seeds. It is within 0 to 1.

        Args:
            accuracies: test accuracies of the preset's runs, one per seed.
        """
        center = log_odds(mean(accuracies))
        reach = self.near(mean(accuracies)).reach(len(accuracies))
        return share(center - reach), share(center + reach)


MEASURED_BEFORE = SpreadOverSeeds()
"""The spread that is known without any repeated runs: that of the reference runs."""


def _pooled(prior: SeedSpread, repeated: Sequence[Sequence[float]]) -> SeedSpread:
    pooled = prior
    for accuracies in repeated:
        pooled = pooled.combined(SeedSpread(sqrt(variance(map(log_odds, accuracies))), len(accuracies) - 1))
    return pooled


def log_odds(accuracy: float) -> float:
    """Returns log(accuracy / error rate). Half an image is added on both sides, so that 0 and 1 are finite."""
    right = accuracy * TESTED_IMAGES
    return log((right + 0.5) / (TESTED_IMAGES - right + 0.5))


def share(odds: float) -> float:
    """Returns the accuracy with these log odds; the inverse of `log_odds`."""
    right = (TESTED_IMAGES + 1) / (1 + exp(-odds)) - 0.5
    return min(max(right / TESTED_IMAGES, 0.0), 1.0)
