"""Compares the test accuracies of experiments with a reference and gives each difference a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, inf, sqrt

from mnist_mlp.report.evidence import TESTED_IMAGES, ReportedRun
from mnist_mlp.report.statistics import (
    ALPHA,
    SINGLE_RUN_FACTOR,
    Difference,
    Method,
    SeedSpread,
    holm,
    mcnemar,
    over_seeds,
    seed_spread,
    single_run_spread,
    two_proportions,
)
from mnist_mlp.report.studies import Experiment
from mnist_mlp.report.verdicts import Verdict

# Minimum test accuracy of presets that count toward the spread over seeds. Failed runs vary much more.
LEARNED = 0.9


@dataclass(frozen=True)
class Comparison:
    """A comparison of an experiment with a reference.

    Attributes:
        arm: the experiment.
        verdict: the result of the comparison.
        difference: difference in test accuracy. None for the reference itself, or if either experiment is not scored.
        p_adjusted: p-value, Holm-adjusted for all comparisons with this reference. None if `difference` is None.
        seed_limit: the largest difference that the seed alone is likely to cause; infinite if unknown. None if
            `difference` is None, or if both sides have several seeds.
        is_rough: whether `seed_limit` uses a spread over seeds that was estimated from a single run.
    """

    arm: Experiment
    verdict: Verdict
    difference: Difference | None = None
    p_adjusted: float | None = None
    seed_limit: float | None = None
    is_rough: bool = False


def compare_all(arms: Sequence[Experiment], reference: Experiment, spread: SeedSpread) -> list[Comparison]:
    """Compares each arm with the reference. The reference may be one of the arms."""
    differences = [None if arm is reference else difference_of(arm, reference) for arm in arms]
    adjusted = iter(holm([difference.p for difference in differences if difference]))
    return [
        _comparison(arm, reference, difference, next(adjusted), spread)
        if difference
        else Comparison(arm, Verdict.REFERENCE if arm is reference else Verdict.NOT_SCORED)
        for arm, difference in zip(arms, differences, strict=True)
    ]


def difference_of(arm: Experiment, reference: Experiment) -> Difference | None:
    """Returns the difference in test accuracy between arm and reference, or None if either is not scored."""
    return difference_of_runs(arm.scored, reference.scored)


def difference_of_runs(runs: Sequence[ReportedRun], others: Sequence[ReportedRun]) -> Difference | None:
    """Returns the difference in mean test accuracy between scored runs, one per seed; None if there are none.

    It is tested over seeds if possible, else on the test images of one run on each side.
    """
    if not (runs and others):
        return None
    if len(runs) + len(others) > 2:
        difference = over_seeds(*([run.test_accuracy for run in side] for side in (runs, others)))
        if difference:
            return difference
    run, other = runs[0], others[0]
    if run.right is not None and other.right is not None:
        return mcnemar(run.right, other.right)
    return two_proportions(run.test_correct, other.test_correct, TESTED_IMAGES)


def spread_over_seeds(experiments: Sequence[Experiment]) -> SeedSpread:
    """Returns the spread of test accuracy over seeds, pooled over the presets that reach `LEARNED`."""
    return seed_spread([_accuracies(experiment) for experiment in experiments if _has_learned(experiment)])


def single_run_deviation(experiments: Sequence[Experiment]) -> float:
    """Returns the standard deviation that single runs predict for the presets that `spread_over_seeds` pools."""
    deviations = [
        _single_run_estimate(run).deviation
        for experiment in experiments
        if len(experiment.scored) > 1 and _has_learned(experiment)
        for run in experiment.scored
    ]
    return sqrt(sum(deviation**2 for deviation in deviations) / len(deviations)) if deviations else inf


def _comparison(
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
    """Returns how much the seeds may change the mean test accuracy, and whether one run was used to estimate this."""
    scored = experiment.scored
    own, estimate = seed_spread([_accuracies(experiment)]), _single_run_estimate(scored[0])
    is_known = bool(spread.freedom) and _has_learned(experiment)
    if is_known and len(scored) == 1 and estimate.freedom:
        # The spread of the measured presets does not apply to a run that varies much more than they do.
        is_known = estimate.deviation <= SINGLE_RUN_FACTOR * spread.deviation
    if is_known or own.freedom:
        return (spread if is_known else own).reach / sqrt(len(scored)), False
    return estimate.reach, True


def _single_run_estimate(run: ReportedRun) -> SeedSpread:
    return single_run_spread(run.curves["validation accuracy"], run.test_accuracy, TESTED_IMAGES)


def _has_learned(experiment: Experiment) -> bool:
    return (experiment.mean_test or 0.0) >= LEARNED


def _accuracies(experiment: Experiment) -> list[float]:
    return [run.test_accuracy for run in experiment.scored]
