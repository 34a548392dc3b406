"""The results of a study: comparisons, headline, and sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mnist_mlp.report.comparisons import Comparison, compare_all
from mnist_mlp.report.studies import Study
from mnist_mlp.report.verdicts import LISTED, WORDINGS, Verdict
from mnist_mlp.report.wording import capitalized, count, listed, p_value, points


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
        """Comparisons with a difference: both sides are scored, and their networks are not identical."""
        return [comparison for comparison in self.comparisons if comparison.difference]

    @property
    def significant(self) -> list[Comparison]:
        """The significant differences, largest first."""
        return _largest_first(item for item in self.compared if item.verdict is Verdict.SIGNIFICANT)

    @property
    def is_finding(self) -> bool:
        """Whether the study shows that the hyperparameter matters."""
        return bool(self.significant)


def find_all(studies: Sequence[Study]) -> list[Finding]:
    """Returns the results of all studies: significant ones first, by the size of their largest difference."""
    found = [
        Finding(study, comparisons, _headline(study, comparisons), _sentences(study, comparisons))
        for study, comparisons in zip(studies, compare_all(studies), strict=True)
    ]
    return sorted(found, key=_order)


def _order(finding: Finding) -> tuple[bool, float]:
    largest = _largest_first(finding.significant or finding.compared)
    return not finding.is_finding, -abs(largest[0].difference.amount) if largest else 0.0


def _headline(study: Study, comparisons: Sequence[Comparison]) -> str:
    title = capitalized(study.title)
    verdicts = {comparison.verdict for comparison in comparisons} - {Verdict.REFERENCE}
    significant = _largest_first(item for item in comparisons if item.verdict is Verdict.SIGNIFICANT)
    if significant:
        change = f"{study.short_value(study.reference)} \N{RIGHTWARDS ARROW} {study.short_value(significant[0].arm)}"
        return f"{title} {change}: {points(significant[0].difference.amount, digits=1)} points"
    if Verdict.INCONCLUSIVE in verdicts:
        return f"{title}: inconclusive, more seeds needed"  # must fit the title of a figure
    if Verdict.SMALL in verdicts:
        return f"{title}: less than 0.5 points"
    return f"{title}: {'identical runs' if Verdict.IDENTICAL in verdicts else 'not scored on the test set yet'}"


def _sentences(study: Study, comparisons: Sequence[Comparison]) -> list[str]:
    ordered = _largest_first(item for item in comparisons if item.difference)
    sentences = []
    if ordered:
        start = "The difference is largest " if len(ordered) > 1 else ""
        where = study.phrase(ordered[0].arm)
        sentences.append(f"{f'{start}{where}:' if start else f'{capitalized(where)},'} {in_words(ordered[0], study)}")
    others = [item for item in comparisons if item not in ordered[:1]]
    sentences += _others_by_verdict(study, others)
    missing = [study.value(comparison.arm) for comparison in comparisons if not comparison.arm.scored]
    if missing:
        sentences.append(f"Not scored on the test set yet: {listed(missing)}. Run MNIST_eval.py.")
    return sentences


def _largest_first(comparisons: Iterable[Comparison]) -> list[Comparison]:
    return sorted(comparisons, key=lambda comparison: -abs(comparison.difference.amount))


def _others_by_verdict(study: Study, others: Sequence[Comparison]) -> list[str]:
    sentences = []
    for verdict in LISTED:
        named = [
            study.value(item.arm) + (f" ({points(item.difference.amount)})" if item.difference else "")
            for item in others
            if item.verdict is verdict
        ]
        if named:
            sentences.append(f"{WORDINGS[verdict].list_start}: {listed(named)}.")
    return sentences


def in_words(comparison: Comparison, study: Study) -> str:
    """Returns the end of a sentence about a difference, and the verdict: "the test accuracy is 0.15 points ..."."""
    difference, reference = comparison.difference, study.phrase(study.reference)
    if not difference:
        return f"training gives exactly the same networks as {reference}."
    if difference.amount:
        comparative = "higher" if difference.amount > 0 else "lower"
        text = f"the test accuracy is {abs(difference.amount) * 100:.2f} points {comparative} than {reference}"
    else:
        text = f"the test accuracy is the same as {reference}"
    interval = f"95% interval {points(difference.low)} to {points(difference.high)}"
    return f"{text} ({interval}; {p_value(difference.p)}). {_judgment(comparison)}"


def _judgment(comparison: Comparison) -> str:
    match comparison.verdict:
        case Verdict.SIGNIFICANT:
            return "The difference is significant."
        case Verdict.SMALL:
            return "If there is a difference, it is less than 0.5 points."
    needed = comparison.seeds_needed
    advice = f"About {count(needed, 'seed')} of each would decide it" if needed else "More seeds are needed"
    return f"The comparison is inconclusive. {advice}."
