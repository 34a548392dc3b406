"""The results of a study: comparisons, headline, and sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isinf

from mnist_mlp.report.comparisons import Comparison, compare_all
from mnist_mlp.report.statistics import Difference, Method, SeedSpread
from mnist_mlp.report.studies import Study
from mnist_mlp.report.verdicts import LISTED, WORDINGS, Verdict
from mnist_mlp.report.wording import capitalized, listed, p_value, points


@dataclass(frozen=True)
class Finding:
    """A study with its results.

    Attributes:
        study: the study.
        comparisons: one comparison per arm, in the order of the study's arms.
        headline: main result, short enough for the title of a figure.
        sentences: results in full, with intervals, p-values, and verdicts.
    """

    study: Study
    comparisons: list[Comparison]
    headline: str
    sentences: list[str]

    @property
    def compared(self) -> list[Comparison]:
        """Comparisons for which a difference could be computed."""
        return [comparison for comparison in self.comparisons if comparison.difference]


def find(study: Study, spread: SeedSpread) -> Finding:
    """Returns the results of a study; `spread` is how much the seed alone changes the test accuracy."""
    comparisons = compare_all(study.arms, study.reference, spread)
    return Finding(study, comparisons, _headline(study, comparisons), _sentences(study, comparisons))


def _headline(study: Study, comparisons: Sequence[Comparison]) -> str:
    title = study.title
    verdicts = {comparison.verdict for comparison in comparisons if comparison.difference}
    if not verdicts:
        return f"{capitalized(title)}: not scored on the test set yet"
    if Verdict.SIGNIFICANT in verdicts:
        return _largest_significant(study, comparisons)
    if verdicts == {Verdict.IDENTICAL}:
        return f"{capitalized(title)}: identical runs"
    if Verdict.SIGNIFICANT_FOR_THIS_PAIR in verdicts:
        return f"{capitalized(title)}: inconclusive, more seeds needed"  # must fit the title of a figure
    return f"{capitalized(title)}: no significant difference"


def _largest_significant(study: Study, comparisons: Sequence[Comparison]) -> str:
    significant = [comparison for comparison in comparisons if comparison.verdict is Verdict.SIGNIFICANT]
    largest = max(significant, key=lambda comparison: abs(comparison.difference.amount))
    change = f"{study.short_value(study.reference)} \N{RIGHTWARDS ARROW} {study.short_value(largest.arm)}"
    amount = f"{largest.difference.amount * 100:+.1f}".replace("-", "\N{MINUS SIGN}")
    return f"{capitalized(study.title)} {change}: {amount} points (significant)"


def _sentences(study: Study, comparisons: Sequence[Comparison]) -> list[str]:
    compared = [comparison for comparison in comparisons if comparison.difference]
    best = max(comparisons, key=lambda comparison: comparison.arm.mean_validation)
    largest = max(compared, key=lambda comparison: abs(comparison.difference.amount), default=None)
    sentences = []
    if best.difference:
        sentences.append(f"Validation accuracy is highest {study.phrase(best.arm)}, where {in_words(best, study)}")
    elif best.verdict is Verdict.REFERENCE and largest:
        sentences.append(f"Validation accuracy is highest {study.phrase(study.reference)}, the reference.")
    if largest and largest is not best:
        where = study.phrase(largest.arm)
        start = f"The difference is largest {where}:" if len(compared) > 1 else f"{capitalized(where)},"
        sentences.append(f"{start} {in_words(largest, study)}")
    others = [comparison for comparison in compared if comparison is not best and comparison is not largest]
    sentences += _others_by_verdict(study, others)
    missing = [study.value(comparison.arm) for comparison in comparisons if not comparison.arm.scored]
    if missing:
        sentences.append(f"Not scored on the test set yet: {listed(missing)}. Run MNIST_eval.py.")
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
            sentences.append(f"{WORDINGS[verdict].list_start}: {listed(named)}.")
    return sentences


def in_words(comparison: Comparison, study: Study) -> str:
    """Returns the end of a sentence about a difference, and the verdict: "the test accuracy is 0.15 points ..."."""
    difference, reference = comparison.difference, study.phrase(study.reference)
    if difference.is_identical:
        return f"exactly the same test images are classified correctly as {reference} (identical runs)."
    if difference.amount:
        comparative = "higher" if difference.amount > 0 else "lower"
        text = f"the test accuracy is {abs(difference.amount) * 100:.2f} points {comparative} than {reference}"
    else:
        text = f"the test accuracy is the same as {reference}"
    interval = f"95% interval {points(difference.low)} to {points(difference.high)}"
    adjusted = ""
    if abs(comparison.p_adjusted - difference.p) > 1e-12:
        adjusted = f", {p_value(comparison.p_adjusted)} after Holm correction"
    return f"{text} ({interval}; {_test(difference)}{adjusted}). {_judgment(comparison)}"


def _judgment(comparison: Comparison) -> str:
    limit = comparison.seed_limit
    if comparison.verdict is Verdict.NOT_SIGNIFICANT:
        return "The difference is not significant."
    if limit is None:
        return "The difference is significant."
    if isinf(limit):
        return (
            "The difference is significant for this pair of runs. The runs are too short to estimate how much the seed "
            "alone changes the accuracy, so more seeds are needed."
        )
    estimate = " (rough estimate)" if comparison.is_rough else ""
    seed = f"the {limit * 100:.2f} points that different seeds alone could cause{estimate}"
    if comparison.verdict is Verdict.SIGNIFICANT:
        return f"The difference is significant, and larger than {seed}."
    return f"The difference is significant for this pair of runs, but smaller than {seed}. More seeds are needed."


def _test(difference: Difference) -> str:
    images = ""
    if difference.method is Method.MCNEMAR:
        images = f"{difference.gained} images newly correct, {difference.lost} newly wrong, "
    return f"{difference.method}: {images}{p_value(difference.p)}"
