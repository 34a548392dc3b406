"""Compares the values in all studies with their references, and gives each difference a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, hypot

from mnist_mlp.report.experiments import Experiment, are_identical
from mnist_mlp.report.statistics import ALPHA, Difference, Mean, simultaneous_differences
from mnist_mlp.report.studies import Study
from mnist_mlp.report.verdicts import Verdict

MARGIN = 0.005  # differences in test accuracy below this are small enough to ignore
MOST_SEEDS = 30  # a suggestion of more seeds would not be followed


@dataclass(frozen=True)
class Comparison:
    """A comparison of an experiment with the reference of its study.

    Attributes:
        arm: the experiment.
        reference: the reference.
        verdict: the result of the comparison.
        difference: difference in test accuracy. None for the reference itself, for identical runs, or if either
            experiment is not scored.
    """

    arm: Experiment
    reference: Experiment
    verdict: Verdict
    difference: Difference | None = None

    @property
    def has_failure(self) -> bool:
        """Whether one of the presets has failed, so that the difference does not depend on how good the other is."""
        return self.arm.has_failed or self.reference.has_failed

    @property
    def seeds_needed(self) -> int | None:
        """Seeds on each side that would decide an inconclusive comparison if the means stay as they are.

        None if the comparison is decided, or if it takes more than `MOST_SEEDS`.
        """
        if self.verdict is not Verdict.INCONCLUSIVE:
            return None
        amount = abs(self.difference.amount)
        # the half-width is in proportion to the standard error, which shrinks with the root of the number of seeds
        of_one_seed = hypot(
            *(side.spread.near(side.mean_test).at(side.mean_test) for side in (self.arm, self.reference))
        )
        squared = (self.difference.half_width * of_one_seed / self.difference.error) ** 2
        decided_at = max(amount, MARGIN - amount)
        needed = ceil(squared / decided_at**2 + 1e-9)
        return needed if needed <= MOST_SEEDS else None


def compare_all(studies: Sequence[Study]) -> list[list[Comparison]]:
    """Compares the arms of each study with its reference. All comparisons are one family: they are tested together."""
    pairs = [(study, arm) for study in studies for arm in study.arms if _is_tested(arm, study.reference)]
    means: dict[Experiment, Mean] = {}
    for experiment in {side: None for study, arm in pairs for side in (arm, study.reference)}:
        accuracy = experiment.mean_test
        means[experiment] = Mean(accuracy, len(experiment.scored), experiment.spread.near(accuracy))
    found = simultaneous_differences([(means[arm], means[study.reference]) for study, arm in pairs])
    differences = dict(zip(pairs, found, strict=True))
    return [[_comparison(arm, study, differences.get((study, arm))) for arm in study.arms] for study in studies]


def _is_tested(arm: Experiment, reference: Experiment) -> bool:
    return bool(arm is not reference and arm.scored and reference.scored and not are_identical(arm, reference))


def _comparison(arm: Experiment, study: Study, difference: Difference | None) -> Comparison:
    return Comparison(arm, study.reference, _verdict(arm, study.reference, difference), difference)


def _verdict(arm: Experiment, reference: Experiment, difference: Difference | None) -> Verdict:
    if arm is reference:
        return Verdict.REFERENCE
    if not difference:
        return Verdict.IDENTICAL if arm.scored and reference.scored else Verdict.NOT_SCORED
    if difference.p < ALPHA:
        return Verdict.SIGNIFICANT
    return Verdict.SMALL if difference.low > -MARGIN and difference.high < MARGIN else Verdict.INCONCLUSIVE
