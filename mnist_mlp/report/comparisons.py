"""Compares presets, and gives each difference a verdict."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import hypot, inf
from statistics import NormalDist

from mnist_mlp.evaluation.seed_spread import log_odds
from mnist_mlp.report.experiments import Experiment, are_identical
from mnist_mlp.report.statistics import ALPHA, Difference, Mean, critical_value, simultaneous_differences
from mnist_mlp.report.verdicts import Verdict

MARGIN = 0.005  # differences in test accuracy below this are small enough to ignore
MOST_SEEDS = 30  # a suggestion of more seeds would not be followed
POWER = 0.8  # probability with which the suggested number of seeds decides a comparison


@dataclass(frozen=True)
class Comparison:
    """A comparison of an experiment with a reference.

    Attributes:
        arm: the experiment.
        reference: the reference.
        verdict: the result of the comparison.
        difference: difference in test accuracy. None for the reference itself, for identical runs, or if either
            experiment is not scored or has failed: guessing has no spread over seeds.
    """

    arm: Experiment
    reference: Experiment
    verdict: Verdict
    difference: Difference | None = None

    @property
    def amount(self) -> float | None:
        """Test accuracy of the arm minus that of the reference, -1 to 1; None if either is unknown."""
        means = self.arm.mean_test, self.reference.mean_test
        return None if None in means else means[0] - means[1]

    @property
    def seeds_needed(self) -> int | None:
        """Seeds on each side that probably decide an inconclusive comparison, if the means stay as they are.

        "Probably" means with a probability of `POWER`, no matter which way. None if the comparison is decided, or if it
        takes more than `MOST_SEEDS`.
        """
        if self.verdict is not Verdict.INCONCLUSIVE:
            return None
        fewest = min(len(self.arm.scored), len(self.reference.scored)) + 1
        return next((seeds for seeds in range(fewest, MOST_SEEDS + 1) if self._would_be_decided_by(seeds)), None)

    def _would_be_decided_by(self, seeds: int) -> bool:
        arm, reference = (_planned_mean(experiment, seeds) for experiment in (self.arm, self.reference))
        measured = NormalDist(arm.log_odds - reference.log_odds, hypot(arm.error, reference.error))
        reach = critical_value(arm, reference, self.difference.level) * measured.stdev
        low, high = (_log_odds(reference.accuracy + sign * MARGIN) - reference.log_odds for sign in (-1, 1))
        significant = measured.cdf(-reach) + 1 - measured.cdf(reach)
        small = measured.cdf(min(reach, high - reach)) - measured.cdf(max(-reach, low + reach))
        return significant + max(small, 0.0) >= POWER


Pair = tuple[Experiment, Experiment]
"""An experiment and the reference that it is compared with."""


def compare_all(pairs: Iterable[Pair]) -> dict[Pair, Comparison]:
    """Compares the first experiment of each pair with the second one. All comparisons are tested together."""
    pairs = list(dict.fromkeys(pairs))
    tested = [pair for pair in pairs if _is_tested(*pair)]
    means = {experiment: _mean(experiment) for pair in tested for experiment in pair}
    found = simultaneous_differences([(means[arm], means[reference]) for arm, reference in tested])
    differences = dict(zip(tested, found, strict=True))
    return {pair: Comparison(*pair, _verdict(*pair, differences.get(pair)), differences.get(pair)) for pair in pairs}


def _mean(experiment: Experiment) -> Mean:
    return Mean.of(experiment.accuracies, experiment.spread)


def _planned_mean(experiment: Experiment, seeds: int) -> Mean:
    """Returns what the mean would be with at least so many seeds, if it stayed as it is."""
    seeds = max(seeds, len(experiment.scored))
    return Mean(experiment.mean_test, seeds, experiment.spread.planned(experiment.accuracies, seeds))


def _log_odds(accuracy: float) -> float:
    """Returns the log odds of an accuracy; those below 0 or above 1 cannot be reached."""
    return log_odds(accuracy) if 0 <= accuracy <= 1 else inf if accuracy > 1 else -inf


def _is_tested(arm: Experiment, reference: Experiment) -> bool:
    has_failed = arm.has_failed or reference.has_failed
    return bool(arm.scored and reference.scored and not has_failed and not are_identical(arm, reference))


def _verdict(arm: Experiment, reference: Experiment, difference: Difference | None) -> Verdict:
    if not (arm.scored and reference.scored):
        return Verdict.NOT_SCORED
    if not difference:
        return Verdict.IDENTICAL if are_identical(arm, reference) else Verdict.FAILED
    if difference.p < ALPHA:
        return Verdict.SIGNIFICANT
    return Verdict.SMALL if difference.low > -MARGIN and difference.high < MARGIN else Verdict.INCONCLUSIVE
