"""95% confidence intervals for the accuracies of experiments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mnist_mlp.evaluation.intervals import mean_interval
from mnist_mlp.report.evidence import ReportedRun
from mnist_mlp.report.studies import Experiment


@dataclass(frozen=True)
class Interval:
    """A confidence interval for an accuracy.

    Attributes:
        low, high: limits of the interval.
        seeds: number of seeds that the interval is over. With a single seed, it is over test images instead.
    """

    low: float
    high: float
    seeds: int

    @property
    def is_over_seeds(self) -> bool:
        """Whether this is an interval for a mean over seeds."""
        return self.seeds > 1

    @property
    def basis(self) -> str:
        """What the interval is over, in words."""
        return f"over {self.seeds} seeds" if self.is_over_seeds else "over test images"


def interval_over_seeds(accuracies: Sequence[float]) -> Interval | None:
    """Returns the interval for a mean over seeds, clipped to the range from 0 to 1, or None for a single seed."""
    if len(accuracies) < 2:
        return None
    low, high = mean_interval(accuracies)
    return Interval(max(0.0, float(low)), min(1.0, float(high)), len(accuracies))


def interval_of_runs(runs: Sequence[ReportedRun]) -> Interval | None:
    """Returns the interval for the test accuracy of a preset's scored runs, or None if there are none."""
    if not runs:
        return None
    return interval_over_seeds([run.test_accuracy for run in runs]) or Interval(*runs[0].test_interval, seeds=1)


def interval_of_test(experiment: Experiment) -> Interval | None:
    """Returns the interval for an experiment's test accuracy, or None if the experiment is not scored."""
    return interval_of_runs(experiment.scored)
