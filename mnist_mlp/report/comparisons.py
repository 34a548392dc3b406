"""Compares experiments with a reference on the test set, and judges the differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, inf, sqrt

from mnist_mlp.report.evidence import TESTED_IMAGES, ReportedRun
from mnist_mlp.report.statistics import (
    ALPHA,
    STAND_IN_FACTOR,
    Difference,
    Method,
    SeedSpread,
    holm,
    mcnemar,
    over_seeds,
    seed_spread,
    stand_in_spread,
    two_proportions,
)
from mnist_mlp.report.studies import Experiment
from mnist_mlp.report.verdicts import Verdict

LEARNED = 0.9  # test accuracy from which a preset counts for the spread over seeds: failures vary by much more


@dataclass(frozen=True)
class Comparison:
    """An experiment against a reference.

    Attributes:
        arm: the experiment.
        verdict: what was found.
        difference: of the test accuracies, None for the reference itself and if one of the two is not scored.
        p_adjusted: the p-value by Holm for all comparisons with this reference, None likewise.
        seed_limit: the largest difference that the seeds alone may make; infinite if nothing is known of it, None if
            there is no difference, or if it was tested over the seeds of both.
        is_rough: whether `seed_limit` rests on a stand-in for a spread over seeds.
    """

    arm: Experiment
    verdict: Verdict
    difference: Difference | None = None
    p_adjusted: float | None = None
    seed_limit: float | None = None
    is_rough: bool = False


def compare_all(arms: Sequence[Experiment], reference: Experiment, spread: SeedSpread) -> list[Comparison]:
    """Returns a comparison of each arm with the reference, which may be among the arms."""
    differences = [None if arm is reference else difference_of(arm, reference) for arm in arms]
    adjusted = iter(holm([difference.p for difference in differences if difference]))
    return [
        _judged(arm, reference, difference, next(adjusted), spread)
        if difference
        else Comparison(arm, Verdict.REFERENCE if arm is reference else Verdict.NOT_SCORED)
        for arm, difference in zip(arms, differences, strict=True)
    ]


def difference_of(arm: Experiment, reference: Experiment) -> Difference | None:
    """Returns how much more accurate the arm is on the test set, None if one of the two is not scored."""
    if not (arm.scored and reference.scored):
        return None
    if len(arm.scored) + len(reference.scored) > 2:
        difference = over_seeds(_accuracies(arm), _accuracies(reference))
        if difference:
            return difference
    run, other = arm.scored[0], reference.scored[0]
    if run.right is not None and other.right is not None:
        return mcnemar(run.right, other.right)
    return two_proportions(run.test_correct, other.test_correct, TESTED_IMAGES)


def spread_over_seeds(experiments: Sequence[Experiment]) -> SeedSpread:
    """Returns how much the seed alone changes the test accuracy of presets that learned."""
    return seed_spread([_accuracies(experiment) for experiment in experiments if _has_learned(experiment)])


def deviation_by_stand_in(experiments: Sequence[Experiment]) -> float:
    """Returns the stand-in's deviation for the presets that `spread_over_seeds` is pooled over."""
    stand_ins = [
        _stand_in(run).deviation
        for experiment in experiments
        if len(experiment.scored) > 1 and _has_learned(experiment)
        for run in experiment.scored
    ]
    return sqrt(sum(deviation**2 for deviation in stand_ins) / len(stand_ins)) if stand_ins else inf


def _judged(
    arm: Experiment, reference: Experiment, difference: Difference, p_adjusted: float, spread: SeedSpread
) -> Comparison:
    limit, is_rough = None, False
    has_single_seed = min(len(arm.scored), len(reference.scored)) == 1
    if has_single_seed or difference.method is not Method.OVER_SEEDS:
        (reach, arm_is_rough), (reference_reach, reference_is_rough) = _reach(arm, spread), _reach(reference, spread)
        limit, is_rough = hypot(reach, reference_reach), arm_is_rough or reference_is_rough
    return Comparison(arm, _verdict(difference, p_adjusted, limit), difference, p_adjusted, limit, is_rough)


def _verdict(difference: Difference, p_adjusted: float, seed_limit: float | None) -> Verdict:
    if difference.is_identical:
        return Verdict.IDENTICAL
    if p_adjusted >= ALPHA:
        return Verdict.NOT_SIGNIFICANT
    if seed_limit is None or abs(difference.amount) > seed_limit:
        return Verdict.SIGNIFICANT
    return Verdict.SIGNIFICANT_FOR_THIS_PAIR


def _reach(experiment: Experiment, spread: SeedSpread) -> tuple[float, bool]:
    """Returns how far off its seeds may have taken its mean test accuracy, and whether that is a stand-in's word."""
    scored = experiment.scored
    own, stand_in = seed_spread([_accuracies(experiment)]), _stand_in(scored[0])
    is_known = bool(spread.freedom) and _has_learned(experiment)
    if is_known and len(scored) == 1 and stand_in.freedom:
        is_known = stand_in.deviation <= STAND_IN_FACTOR * spread.deviation  # else it is unlike those measured
    if is_known or own.freedom:
        return (spread if is_known else own).reach / sqrt(len(scored)), False
    return stand_in.reach, True


def _stand_in(run: ReportedRun) -> SeedSpread:
    return stand_in_spread(run.curves["validation accuracy"], run.test_accuracy, TESTED_IMAGES)


def _has_learned(experiment: Experiment) -> bool:
    return (experiment.mean_test or 0.0) >= LEARNED


def _accuracies(experiment: Experiment) -> list[float]:
    return [run.test_accuracy for run in experiment.scored]
