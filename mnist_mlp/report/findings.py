"""What a study found: its comparisons, a headline and sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isinf

from mnist_mlp.report.comparisons import Comparison, compare_all
from mnist_mlp.report.statistics import Difference, Method, SeedSpread
from mnist_mlp.report.studies import Study
from mnist_mlp.report.verdicts import LISTED, WORDINGS, Verdict
from mnist_mlp.report.wording import listed, p_value, points


@dataclass(frozen=True)
class Finding:
    """A study with its comparisons.

    Attributes:
        study: what was compared.
        comparisons: one per arm, in the study's order.
        headline: what was found, in a few words.
        sentences: the same in full: how large, which interval, significant or not.
    """

    study: Study
    comparisons: list[Comparison]
    headline: str
    sentences: list[str]

    @property
    def compared(self) -> list[Comparison]:
        """The comparisons that have a difference."""
        return [comparison for comparison in self.comparisons if comparison.difference]


def find(study: Study, spread: SeedSpread) -> Finding:
    """Returns what the study found."""
    comparisons = compare_all(study.arms, study.reference, spread)
    return Finding(study, comparisons, _headline(study, comparisons), _sentences(study, comparisons))


def _headline(study: Study, comparisons: Sequence[Comparison]) -> str:
    title = study.title
    verdicts = {comparison.verdict for comparison in comparisons if comparison.difference}
    if not verdicts:
        return f"{title.capitalize()}: not scored on the test set yet"
    if Verdict.SIGNIFICANT in verdicts:
        return _largest_significant(study, comparisons)
    if verdicts == {Verdict.IDENTICAL}:
        return f"Other {title}, the same network"
    if Verdict.SIGNIFICANT_FOR_THIS_PAIR in verdicts:
        return f"{title.capitalize()} may matter: more seeds are needed"
    return f"{title.capitalize()}: no significant difference"


def _largest_significant(study: Study, comparisons: Sequence[Comparison]) -> str:
    significant = [comparison for comparison in comparisons if comparison.verdict is Verdict.SIGNIFICANT]
    largest = max(significant, key=lambda comparison: abs(comparison.difference.amount))
    value = study.short_value(largest.arm) if study.is_depth else study.named_value(largest.arm)
    amount = largest.difference.amount
    return f"{value[0].upper()}{value[1:]} {'gains' if amount > 0 else 'costs'} {abs(amount) * 100:.1f} points"


def _sentences(study: Study, comparisons: Sequence[Comparison]) -> list[str]:
    compared = [comparison for comparison in comparisons if comparison.difference]
    best = max(comparisons, key=lambda comparison: comparison.arm.mean_validation)
    largest = max(compared, key=lambda comparison: abs(comparison.difference.amount), default=None)
    sentences = []
    if best.difference:
        chosen = study.named_value(best.arm)
        sentences.append(f"Validation would choose {chosen}. On the test images {in_words(best, study)}")
    elif best.verdict is Verdict.REFERENCE and largest:
        sentences.append(f"Validation would keep {study.named_value(study.reference)}, from which the study started.")
    if largest and largest is not best:
        start = "The largest change" if len(compared) > 1 else "The change"
        sentences.append(f"{start}: with {study.named_value(largest.arm)} {in_words(largest, study)}")
    others = [comparison for comparison in compared if comparison is not best and comparison is not largest]
    sentences += _others_by_verdict(study, others)
    missing = [study.value(comparison.arm) for comparison in comparisons if not comparison.arm.scored]
    if missing:
        sentences.append(f"Not scored on the test set yet: {listed(missing)}; MNIST_eval.py does it.")
    return sentences


def _others_by_verdict(study: Study, others: Sequence[Comparison]) -> list[str]:
    sentences = []
    for verdict in LISTED:
        named = [
            f"{study.value(comparison.arm)} ({points(comparison.difference.amount)})"
            for comparison in others
            if comparison.verdict is verdict
        ]
        if named:
            sentences.append(f"{WORDINGS[verdict].of_others}: {listed(named)}.")
    return sentences


def in_words(comparison: Comparison, study: Study) -> str:
    """Returns the end of a sentence: how much better than the reference, its interval, its test, its verdict."""
    difference, reference = comparison.difference, study.named_value(study.reference)
    if difference.is_identical:
        return f"exactly the same images are classified correctly as with {reference}: it is the same network."
    if difference.amount:
        comparative = "better" if difference.amount > 0 else "worse"
        text = f"the accuracy is {abs(difference.amount) * 100:.2f} points {comparative} than with {reference}"
    else:
        text = f"the accuracy is the same as with {reference}"
    interval = f"95% interval {points(difference.low)} to {points(difference.high)}"
    adjusted = ""
    if abs(comparison.p_adjusted - difference.p) > 1e-12:
        adjusted = f", {p_value(comparison.p_adjusted)} after Holm"
    return f"{text} ({interval}; {_test(difference)}{adjusted}): {_judgment(comparison)}"


def _judgment(comparison: Comparison) -> str:
    limit = comparison.seed_limit
    if comparison.verdict is Verdict.NOT_SIGNIFICANT:
        return "not significant."
    if limit is None:
        return "significant."
    if isinf(limit):
        return "significant for this pair of runs; so short a training does not show what the seed alone does."
    estimate = " by a rough estimate" if comparison.is_rough else ""
    seed = f"the {limit * 100:.2f} points that another seed may make{estimate}"
    if comparison.verdict is Verdict.SIGNIFICANT:
        return f"significant, and more than {seed}."
    return f"significant for this pair of runs, but less than {seed}."


def _test(difference: Difference) -> str:
    match difference.method:
        case Method.OVER_SEEDS:
            return f"over seeds, {p_value(difference.p)}"
        case Method.MCNEMAR:
            images = f"{difference.gained} images gained, {difference.lost} lost"
            return f"McNemar: {images}, {p_value(difference.p)}"
    return f"two proportions, {p_value(difference.p)}"
