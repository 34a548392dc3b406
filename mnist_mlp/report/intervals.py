"""95% confidence intervals for accuracies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from mnist_mlp.evaluation.intervals import share_interval
from mnist_mlp.evaluation.seed_spread import SpreadOverSeeds
from mnist_mlp.report.evidence import TESTED_IMAGES


class Basis(StrEnum):
    """What an interval generalizes to. The values are the words shown in the report."""

    SEEDS = "over seeds"  # the mean of the preset over all seeds, on the same test images
    IMAGES = "over test images"  # the same trained network, on other images


@dataclass(frozen=True)
class Interval:
    """A confidence interval for an accuracy, within 0 to 1."""

    low: float
    high: float
    basis: Basis


def interval_over_seeds(accuracies: Sequence[float], spread: SpreadOverSeeds) -> Interval | None:
    """Returns the interval for the mean test accuracy of a preset, or None if there are no runs.

    Args:
        accuracies: test accuracies of the preset's runs, one per seed.
        spread: how much accuracies vary with the seed, pooled over presets. It is known even for a single run.
    """
    return Interval(*spread.interval(accuracies), Basis.SEEDS) if accuracies else None


def interval_over_images(accuracy: float) -> Interval:
    """Returns the interval for the test accuracy of one trained network, or one ensemble."""
    return Interval(*share_interval(round(accuracy * TESTED_IMAGES), TESTED_IMAGES), Basis.IMAGES)
