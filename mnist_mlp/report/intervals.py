"""95% intervals of the accuracies of experiments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mnist_mlp.evaluation.intervals import mean_interval
from mnist_mlp.report.evidence import ReportedRun
from mnist_mlp.report.studies import Experiment


@dataclass(frozen=True)
class Interval:
    """An interval of an accuracy.

    Attributes:
        low, high: its ends.
        seeds: number of seeds that it is taken over; with one, it is taken over test images.
    """

    low: float
    high: float
    seeds: int

    @property
    def is_over_seeds(self) -> bool:
        """Whether it is an interval of a mean over seeds."""
        return self.seeds > 1

    @property
    def basis(self) -> str:
        """What it is taken over, in words."""
        return f"over {self.seeds} seeds" if self.is_over_seeds else "over test images"


def interval_over_seeds(accuracies: Sequence[float]) -> Interval | None:
    """Returns the interval of a mean over seeds, within 0 to 1; None for a single seed."""
    if len(accuracies) < 2:
        return None
    low, high = mean_interval(accuracies)
    return Interval(max(0.0, float(low)), min(1.0, float(high)), len(accuracies))


def interval_of_runs(runs: Sequence[ReportedRun]) -> Interval | None:
    """Returns the interval of the test accuracy of scored runs of one preset; None without a run."""
    if not runs:
        return None
    return interval_over_seeds([run.test_accuracy for run in runs]) or Interval(*runs[0].test_interval, seeds=1)


def interval_of_test(experiment: Experiment) -> Interval | None:
    """Returns the interval of an experiment's test accuracy; None if it is not scored."""
    return interval_of_runs(experiment.scored)
