"""What a study found, computed from its runs: each value against the reference, a verdict, and sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isinf

from mnist_mlp.report.evidence import TESTED_IMAGES
from mnist_mlp.report.statistics import (
    ALPHA,
    MCNEMAR,
    OVER_SEEDS,
    Difference,
    SeedSpread,
    holm,
    mcnemar,
    over_seeds,
    seed_spread,
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
    """An arm of a study against the reference.

    Attributes:
        arm: the experiment.
        value: its value of the one field.
        difference: of the test accuracies, None for the reference itself and where one of the two is not scored.
        p_adjusted: the p-value by Holm for all comparisons of the study, None likewise.
        verdict: REFERENCE, NOT_SCORED, BEYOND_CHANCE, THESE_NETWORKS, CHANCE or IDENTICAL.
    """

    arm: Experiment
    value: str
    difference: Difference | None
    p_adjusted: float | None
    verdict: str


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
    arms = [arm for arm in study.arms if arm is not study.reference]
    differences = {id(arm): compare(arm, study.reference) for arm in arms}
    scored = [arm for arm in arms if differences[id(arm)]]
    adjusted = dict(zip(map(id, scored), holm([differences[id(arm)].p for arm in scored]), strict=True))
    comparisons = []
    for arm in study.arms:
        difference, p = differences.get(id(arm)), adjusted.get(id(arm))
        verdict = _verdict(difference, p, spread) if difference else NOT_SCORED
        comparisons.append(
            Comparison(arm, study.value(arm), difference, p, REFERENCE if arm is study.reference else verdict)
        )
    finding = Finding(study, comparisons, "", [])
    return replace(finding, headline=_headline(finding), sentences=_sentences(finding, spread))


def _verdict(difference: Difference, p: float, spread: SeedSpread) -> str:
    if difference.is_identical:
        return IDENTICAL
    if p >= ALPHA:
        return CHANCE
    if difference.method == OVER_SEEDS or abs(difference.amount) > spread.limit:
        return BEYOND_CHANCE
    return THESE_NETWORKS


def _headline(finding: Finding) -> str:
    title = finding.study.title
    verdicts = [each.verdict for each in finding.comparisons if each.difference]
    if not verdicts:
        return f"What does {title} do? Not scored on the test set yet"
    told = [each for each in finding.comparisons if each.verdict == BEYOND_CHANCE]
    if not told and all(verdict == IDENTICAL for verdict in verdicts):
        return f"Other {title}, the same network"
    if not told and THESE_NETWORKS in verdicts:
        return f"{title.capitalize()} may matter: it takes more seeds to tell"
    if not told:
        return f"{title.capitalize()}: nothing that can be told from chance"
    largest = max(told, key=lambda each: abs(each.difference.amount))
    study = finding.study
    named = study.title != "depth" and _with_name(study, largest.arm)
    value = named or study.short_value(largest.arm)
    points = f"{abs(largest.difference.amount) * 100:.1f} points"
    return f"{value[0].upper()}{value[1:]} {'gains' if largest.difference.amount > 0 else 'costs'} {points}"


def _sentences(finding: Finding, spread: SeedSpread) -> list[str]:
    study = finding.study
    compared = [each for each in finding.comparisons if each.difference]
    missing = [each.value for each in finding.comparisons if not each.arm.scored]
    sentences = []
    best = max(finding.comparisons, key=lambda each: each.arm.mean_validation)
    largest = max(compared, key=lambda each: abs(each.difference.amount), default=None)
    reference = _with_name(study, study.reference)
    if best.difference:
        sentences.append(
            f"Validation would choose {_with_name(study, best.arm)}. On the test images {told(best, study, spread)}"
        )
    elif best.verdict == REFERENCE and largest:
        sentences.append(f"Validation would keep {reference}, from which the study began.")
    if largest and largest is not best:
        start = "The largest change" if len(compared) > 1 else "The change"
        sentences.append(f"{start}: with {_with_name(study, largest.arm)} {told(largest, study, spread)}")
    others = [each for each in compared if each is not best and each is not largest]
    for verdict, said in (
        (BEYOND_CHANCE, "More than chance too"),
        (THESE_NETWORKS, "Different networks, but perhaps by their seeds alone"),
        (CHANCE, "Not to be told from chance"),
        (IDENTICAL, "The same network, image by image"),
    ):
        named = [f"{each.value} ({_points(each.difference.amount)})" for each in others if each.verdict == verdict]
        if named:
            sentences.append(f"{said}: {_listed(named)}.")
    if missing:
        sentences.append(f"Not scored on the test set yet: {_listed(missing)}; MNIST_eval.py does it.")
    return sentences


def told(comparison: Comparison, study: Study, spread: SeedSpread) -> str:
    """Returns the end of a sentence: how much better than the reference, its interval, its test, its verdict."""
    difference, reference = comparison.difference, _with_name(study, study.reference)
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
    if comparison.verdict == BEYOND_CHANCE:
        return f"{text}: more than chance explains."
    if comparison.verdict == CHANCE:
        return f"{text}: it cannot be told from chance."
    if isinf(spread.limit):
        return f"{text}: these two networks differ, but with one seed each the seed may be the reason."
    return (
        f"{text}: these two networks differ, but two seeds of one preset differ by up to {spread.limit * 100:.2f} "
        "points as well, so the seed may be the reason."
    )


def _test(difference: Difference) -> str:
    if difference.method == OVER_SEEDS:
        return f"over seeds, {format_p(difference.p)}"
    if difference.method == MCNEMAR:
        return f"McNemar: {difference.gained} images gained, {difference.lost} lost, {format_p(difference.p)}"
    return f"two proportions, {format_p(difference.p)}"


def format_p(p: float) -> str:
    """Returns a p-value as papers write it."""
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.2g}"


def _points(amount: float) -> str:
    return f"{amount * 100:+.2f}".replace("-", "\N{MINUS SIGN}")


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _with_name(study: Study, arm: Experiment) -> str:
    """Returns the arm's value as a sentence names it: "weight decay 0.1", "adadelta", "4 layers (300-200-200)"."""
    value = study.value(arm)
    if study.field == "hidden_sizes":
        return f"{arm.preset.weight_layers} layers ({value})"
    if study.field in ("optimizer", "activation", "optimizer_arguments"):
        return value
    return f"{study.title} {value}"
