"""The results of a study: comparisons, headline, and sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mnist_mlp.report.comparisons import Comparison, Pair
from mnist_mlp.report.experiments import Experiment
from mnist_mlp.report.studies import Study
from mnist_mlp.report.verdicts import BY_IMPORTANCE, LISTED, WORDINGS, Verdict
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
    def inconclusive(self) -> list[Comparison]:
        """The comparisons that more seeds have to decide."""
        return [item for item in self.compared if item.verdict is Verdict.INCONCLUSIVE]

    @property
    def failed(self) -> list[Comparison]:
        """Comparisons in which one of the presets has not learned."""
        return [item for item in self.comparisons if item.verdict is Verdict.FAILED]

    @property
    def verdict(self) -> Verdict:
        """The verdict that matters most."""
        return _most_important(self.comparisons)

    @property
    def is_finding(self) -> bool:
        """Whether the study shows that the hyperparameter matters."""
        return self.verdict in (Verdict.SIGNIFICANT, Verdict.FAILED)


def pairs_of(studies: Iterable[Study]) -> list[Pair]:
    """Returns what the studies compare: each arm with its reference."""
    return [(arm, study.reference) for study in studies for arm in study.others]


def find_all(studies: Sequence[Study], compared: Mapping[Pair, Comparison]) -> list[Finding]:
    """Returns the results of all studies: significant ones first, by the size of their largest difference.

    Args:
        compared: the comparisons of all `pairs_of` the studies.
    """
    found = []
    for study in studies:
        comparisons = [
            compared[arm, study.reference]
            if arm is not study.reference
            else Comparison(arm, study.reference, Verdict.REFERENCE)
            for arm in study.arms
        ]
        found.append(Finding(study, comparisons, _headline(study, comparisons), _sentences(study, comparisons)))
    return sorted(found, key=_order)


def _order(finding: Finding) -> tuple[bool, float]:
    shown = [*finding.significant, *finding.failed] or finding.compared
    return not finding.is_finding, -max((abs(item.amount) for item in shown), default=0.0)


def _most_important(comparisons: Sequence[Comparison]) -> Verdict:
    found = {comparison.verdict for comparison in comparisons}
    return next(verdict for verdict in BY_IMPORTANCE if verdict in found)


def _headline(study: Study, comparisons: Sequence[Comparison]) -> str:
    title, verdict = capitalized(study.title), _most_important(comparisons)
    decisive = _largest_first(item for item in comparisons if item.verdict is verdict and item.amount is not None)
    match verdict:
        case Verdict.FAILED:
            return f"{title}: training fails {_where_failing(study)}"
        case Verdict.SIGNIFICANT:
            change = f"{study.short_value(study.reference)} \N{RIGHTWARDS ARROW} {study.short_value(decisive[0].arm)}"
            return f"{title} {change}: {points(decisive[0].amount, digits=1)} points"
        case Verdict.INCONCLUSIVE:
            return f"{title}: inconclusive, more seeds needed"  # must fit the title of a figure
        case Verdict.SMALL:
            return f"{title}: less than 0.5 points"
    return f"{title}: {'identical runs' if verdict is Verdict.IDENTICAL else 'not scored on the test set yet'}"


def _sentences(study: Study, comparisons: Sequence[Comparison]) -> list[str]:
    ordered = _largest_first(item for item in comparisons if item.difference)
    sentences = _failures(study)
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
    return sorted(comparisons, key=lambda comparison: -abs(comparison.amount))


def _failures(study: Study) -> list[str]:
    """Returns a sentence on the values with which training fails."""
    if not study.failed:
        return []
    values = listed([study.phrase(arm) + _failing_seeds(arm) for arm in study.failed])
    return [f"Training failed {values}: these networks are hardly better than guessing."]


def _where_failing(study: Study) -> str:
    """Returns with which values training fails, short enough for the title of a figure."""
    if len(study.failed) == len(study.arms):
        return "with all values tried"
    values = [study.short_value(arm) for arm in study.failed]
    return f"with {listed(values)}" if len(values) > 1 else study.phrase(study.failed[0])


def _failing_seeds(arm: Experiment) -> str:
    return f" ({arm.failures_in_words})" if len(arm.seeds) > 1 else ""


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
    advice = f"About {count(needed, 'seed')} of each will probably decide it" if needed else "More seeds are needed"
    return f"The comparison is inconclusive. {advice}."
