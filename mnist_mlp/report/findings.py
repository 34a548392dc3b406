"""What a study found, computed from its runs: each value against the reference, a verdict, and sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import hypot, inf, isinf, sqrt

from mnist_mlp.report.evidence import TESTED_IMAGES
from mnist_mlp.report.statistics import (
    ALPHA,
    MCNEMAR,
    OVER_SEEDS,
    STAND_IN_FACTOR,
    Difference,
    SeedSpread,
    holm,
    mcnemar,
    over_seeds,
    seed_spread,
    stand_in_spread,
    two_proportions,
)
from mnist_mlp.report.studies import Experiment, Study

REFERENCE = "reference"
NOT_SCORED = "not scored"
BEYOND_CHANCE = "more than chance"
THESE_NETWORKS = "these two networks differ"
CHANCE = "cannot be told from chance"
IDENTICAL = "identical"
LEARNED = 0.9  # test accuracy from which a preset counts for the spread over seeds: failures vary by much more


@dataclass(frozen=True)
class Comparison:
    """An experiment against a reference.

    Attributes:
        arm: the experiment.
        difference: of the test accuracies, None for the reference itself and where one of the two is not scored.
        p_adjusted: the p-value by Holm for all comparisons with this reference, None likewise.
        verdict: REFERENCE, NOT_SCORED, BEYOND_CHANCE, THESE_NETWORKS, CHANCE or IDENTICAL.
        seed_limit: the largest difference that the seeds alone may make; infinite where nothing is known of it, None
            where there is no difference, or where it was tested over the seeds of both.
        is_rough: whether `seed_limit` rests on what only stands in for a spread over seeds.
    """

    arm: Experiment
    difference: Difference | None
    p_adjusted: float | None
    verdict: str
    seed_limit: float | None = None
    is_rough: bool = False


@dataclass(frozen=True)
class Finding:
    """A study with its comparisons.

    Attributes:
        study: what was compared.
        comparisons: an arm each, in the study's order.
        headline: what was found, in a few words.
        sentences: the same in full: how large, which interval, told from chance or not.
    """

    study: Study
    comparisons: list[Comparison]
    headline: str
    sentences: list[str]

    @property
    def largest_effect(self) -> float:
        """The largest difference from the reference, without its sign; 0.0 where nothing is scored."""
        return max((abs(each.difference.amount) for each in self.comparisons if each.difference), default=0.0)


def spread_over_seeds(experiments: Sequence[Experiment]) -> SeedSpread:
    """Returns how much the seed alone moves the test accuracy of presets that learned."""
    return seed_spread(
        [[run.test_accuracy for run in each.scored] for each in experiments if (each.mean_test or 0.0) >= LEARNED]
    )


def compare(arm: Experiment, reference: Experiment) -> Difference | None:
    """Returns how much more accurate the arm is on the test set, None where one of the two is not scored."""
    if not (arm.scored and reference.scored):
        return None
    if len(arm.scored) + len(reference.scored) > 2:
        difference = over_seeds(*([run.test_accuracy for run in each.scored] for each in (arm, reference)))
        if difference:
            return difference
    run, other = arm.scored[0], reference.scored[0]
    if run.right is not None and other.right is not None:
        return mcnemar(run.right, other.right)
    return two_proportions(run.test_correct, other.test_correct, TESTED_IMAGES)


def find(study: Study, spread: SeedSpread) -> Finding:
    """Returns what the study found."""
    finding = Finding(study, judge(study.arms, study.reference, spread), "", [])
    return replace(finding, headline=_headline(finding), sentences=_sentences(finding))


def judge(arms: Sequence[Experiment], reference: Experiment, spread: SeedSpread) -> list[Comparison]:
    """Returns a comparison an arm with the reference, which may be among the arms."""
    differences = [None if arm is reference else compare(arm, reference) for arm in arms]
    adjusted = iter(holm([difference.p for difference in differences if difference]))
    return [
        _judged(arm, reference, difference, next(adjusted), spread)
        if difference
        else Comparison(arm, None, None, REFERENCE if arm is reference else NOT_SCORED)
        for arm, difference in zip(arms, differences, strict=True)
    ]


def _judged(
    arm: Experiment, reference: Experiment, difference: Difference, p_adjusted: float, spread: SeedSpread
) -> Comparison:
    limit, is_rough = None, False
    if min(len(arm.scored), len(reference.scored)) == 1 or difference.method != OVER_SEEDS:
        (reach, arm_is_rough), (reference_reach, reference_is_rough) = (
            _reach(each, spread) for each in (arm, reference)
        )
        limit, is_rough = hypot(reach, reference_reach), arm_is_rough or reference_is_rough
    if difference.is_identical:
        verdict = IDENTICAL
    elif p_adjusted >= ALPHA:
        verdict = CHANCE
    else:
        verdict = BEYOND_CHANCE if limit is None or abs(difference.amount) > limit else THESE_NETWORKS
    return Comparison(arm, difference, p_adjusted, verdict, limit, is_rough)


def _reach(experiment: Experiment, spread: SeedSpread) -> tuple[float, bool]:
    """Returns how far its seeds may have taken its mean test accuracy off, and whether a stand-in says so."""
    scored = experiment.scored
    own = seed_spread([[run.test_accuracy for run in scored]])
    stand_in = stand_in_spread(scored[0].curves["validation accuracy"], scored[0].test_accuracy, TESTED_IMAGES)
    is_known = bool(spread.freedom) and experiment.mean_test >= LEARNED
    if is_known and len(scored) == 1 and stand_in.freedom:
        is_known = stand_in.deviation <= STAND_IN_FACTOR * spread.deviation  # else it is not like those measured
    if is_known or own.freedom:
        return (spread if is_known else own).reach / sqrt(len(scored)), False
    return stand_in.reach, True


def deviation_by_stand_in(experiments: Sequence[Experiment]) -> float:
    """Returns what the stand-in says of the presets that `spread_over_seeds` is pooled over, to set beside it."""
    stand_ins = [
        stand_in_spread(run.curves["validation accuracy"], run.test_accuracy, TESTED_IMAGES).deviation
        for each in experiments
        if len(each.scored) > 1 and each.mean_test >= LEARNED
        for run in each.scored
    ]
    return sqrt(sum(deviation**2 for deviation in stand_ins) / len(stand_ins)) if stand_ins else inf


def _headline(finding: Finding) -> str:
    title = finding.study.title
    verdicts = [each.verdict for each in finding.comparisons if each.difference]
    if not verdicts:
        return f"{title.capitalize()}: not scored on the test set yet"
    told = [each for each in finding.comparisons if each.verdict == BEYOND_CHANCE]
    if not told and all(verdict == IDENTICAL for verdict in verdicts):
        return f"Other {title}, the same network"
    if not told and THESE_NETWORKS in verdicts:
        return f"{title.capitalize()} may matter: it takes more seeds to tell"
    if not told:
        return f"{title.capitalize()}: nothing that can be told from chance"
    largest = max(told, key=lambda each: abs(each.difference.amount))
    study = finding.study
    named = study.title != "depth" and with_name(study, largest.arm)
    value = named or study.short_value(largest.arm)
    points = f"{abs(largest.difference.amount) * 100:.1f} points"
    return f"{value[0].upper()}{value[1:]} {'gains' if largest.difference.amount > 0 else 'costs'} {points}"


def _sentences(finding: Finding) -> list[str]:
    study = finding.study
    compared = [each for each in finding.comparisons if each.difference]
    missing = [study.value(each.arm) for each in finding.comparisons if not each.arm.scored]
    sentences = []
    best = max(finding.comparisons, key=lambda each: each.arm.mean_validation)
    largest = max(compared, key=lambda each: abs(each.difference.amount), default=None)
    reference = with_name(study, study.reference)
    if best.difference:
        sentences.append(
            f"Validation would choose {with_name(study, best.arm)}. On the test images {told(best, study)}"
        )
    elif best.verdict == REFERENCE and largest:
        sentences.append(f"Validation would keep {reference}, from which the study began.")
    if largest and largest is not best:
        start = "The largest change" if len(compared) > 1 else "The change"
        sentences.append(f"{start}: with {with_name(study, largest.arm)} {told(largest, study)}")
    others = [each for each in compared if each is not best and each is not largest]
    for verdict, said in (
        (BEYOND_CHANCE, "More than chance too"),
        (THESE_NETWORKS, "Different networks, but perhaps by their seeds alone"),
        (CHANCE, "Not to be told from chance"),
        (IDENTICAL, "The same network as the reference, image by image"),
    ):
        named = [
            f"{study.value(each.arm)} ({_points(each.difference.amount)})" for each in others if each.verdict == verdict
        ]
        if named:
            sentences.append(f"{said}: {_listed(named)}.")
    if missing:
        sentences.append(f"Not scored on the test set yet: {_listed(missing)}; MNIST_eval.py does it.")
    return sentences


def told(comparison: Comparison, study: Study) -> str:
    """Returns the end of a sentence: how much better than the reference, its interval, its test, its verdict."""
    difference, reference = comparison.difference, with_name(study, study.reference)
    if difference.is_identical:
        return f"it is right about exactly the same images as {reference}: the same network under another name."
    if difference.amount:
        than = f"{'better' if difference.amount > 0 else 'worse'} than with {reference}"
        amount = f"the accuracy is {abs(difference.amount) * 100:.2f} points {than}"
    else:
        amount = f"the accuracy is the same as with {reference}"
    interval = f"95% interval {_points(difference.low)} to {_points(difference.high)}"
    text = f"{amount} ({interval}; {_test(difference)}"
    adjusted = comparison.p_adjusted
    text += f", {format_p(adjusted)} after Holm)" if abs(adjusted - difference.p) > 1e-12 else ")"
    if comparison.verdict == CHANCE:
        return f"{text}: it cannot be told from chance."
    limit = comparison.seed_limit
    if limit is None:
        return f"{text}: more than chance explains."
    if isinf(limit):
        return f"{text}: these two networks differ, but so short a training does not show what the seed alone does."
    seed = f"{limit * 100:.2f} points that another seed may make{' by a rough estimate' if comparison.is_rough else ''}"
    if comparison.verdict == BEYOND_CHANCE:
        return f"{text}: more than chance explains, and more than the {seed}."
    return f"{text}: these two networks differ, but by less than the {seed}."


def _test(difference: Difference) -> str:
    if difference.method == OVER_SEEDS:
        return f"over seeds, {format_p(difference.p)}"
    if difference.method == MCNEMAR:
        return f"McNemar: {difference.gained} images gained, {difference.lost} lost, {format_p(difference.p)}"
    return f"two proportions, {format_p(difference.p)}"


def format_p(p: float) -> str:
    """Returns a p-value as papers write it, in one piece."""
    text = "p < 0.0001" if p < 0.0001 else f"p = {p:.2g}"
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def _points(amount: float) -> str:
    return f"{amount * 100:+.2f}".replace("-", "\N{MINUS SIGN}")


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def with_name(study: Study, arm: Experiment) -> str:
    """Returns the arm's value as a sentence names it: "weight decay 0.1", "adadelta", "4 layers (300-200-200)"."""
    value = study.value(arm)
    if study.field == "hidden_sizes":
        return f"{arm.preset.weight_layers} layers ({value})"
    if study.field in ("optimizer", "activation", "optimizer_arguments"):
        return value
    return f"{study.title} {value}"
