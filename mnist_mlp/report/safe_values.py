"""Which values of each hyperparameter are safe to choose: the answer at the top of the report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum, auto
from typing import Any

from mnist_mlp.presets.declarations import HYPERPARAMETERS
from mnist_mlp.presets.hyperparameter import Kind
from mnist_mlp.report.comparisons import MARGIN, Comparison
from mnist_mlp.report.experiments import Experiment
from mnist_mlp.report.findings import Finding
from mnist_mlp.report.studies import Study
from mnist_mlp.report.verdicts import Verdict
from mnist_mlp.report.wording import count, listed

NEAR_BEST = 0.01  # studies whose best preset is further from the best one of all do not count


class Safety(Enum):
    """Whether a value can be chosen without losing accuracy, as far as the comparisons tell."""

    SAFE = auto()
    UNKNOWN = auto()
    HARMFUL = auto()


def safe_values_in_words(findings: Sequence[Finding]) -> list[str]:
    """Returns sentences on safe values: of hyperparameters that matter, those that do not, and undecided ones."""
    by_title = _safety_by_title(_near_best(findings))
    matter, rest = [], []
    for title, (study, values) in by_title.items():
        (matter if Safety.HARMFUL in values.values() else rest).append((title, study, values))
    ranges = {item[0]: _range_in_words(*item) for item in matter}
    safe = [text for text in ranges.values() if text]
    small = [title for title, _, values in rest if Safety.UNKNOWN not in values.values()]
    unknown = [
        title for title, _, values in (*matter, *rest) if Safety.UNKNOWN in values.values() and not ranges.get(title)
    ]
    sentences = []
    if safe:
        sentences.append(
            f"Safe choices in these runs: {listed(safe)}. In no comparison is another value better than these by "
            f"{MARGIN * 100:.1f} points or more."
        )
    if small:
        sentences.append(
            f"In networks that are within {NEAR_BEST * 100:g} point of the best, {listed(small)} made a difference of "
            f"less than {MARGIN * 100:.1f} points."
        )
    if unknown:
        sentences.append(f"For {listed(unknown)}, the differences are still unclear: more seeds are needed.")
    return sentences


def _near_best(findings: Sequence[Finding]) -> list[Finding]:
    """Returns the studies that say something about good networks. Validation accuracy decides which are good."""
    best = {id(finding): max(_accuracies(finding), default=0.0) for finding in findings}
    overall = max(best.values(), default=0.0)
    return [
        finding
        for finding in findings
        if (finding.compared or finding.failed) and best[id(finding)] >= overall - NEAR_BEST
    ]


def _accuracies(finding: Finding) -> Iterable[float]:
    return (arm.mean_validation for arm in finding.study.arms)


def _safety_by_title(findings: Sequence[Finding]) -> dict[str, tuple[Study, dict[Any, Safety]]]:
    """Returns the safety of each value, with one of the studies, by the title of the hyperparameter."""
    studies: dict[str, Study] = {}
    found: dict[str, dict[Any, set[Safety]]] = defaultdict(lambda: defaultdict(set))
    for finding in findings:
        studies.setdefault(finding.study.title, finding.study)
        for comparison in finding.comparisons:
            if comparison.verdict is Verdict.NOT_SCORED:
                continue
            found[finding.study.title][_key(finding.study, comparison.arm)].add(_safety(finding, comparison))
    return {title: (studies[title], {key: _worst(seen) for key, seen in found[title].items()}) for title in found}


def _worst(seen: set[Safety]) -> Safety:
    """Returns one judgment from those of several studies."""
    return next(safety for safety in (Safety.HARMFUL, Safety.UNKNOWN, Safety.SAFE) if safety in seen)


def _safety(finding: Finding, comparison: Comparison) -> Safety:
    if comparison.verdict in (Verdict.REFERENCE, Verdict.IDENTICAL):
        return _safety_of_reference(finding)
    if comparison.verdict is Verdict.FAILED:
        return Safety.HARMFUL
    difference = comparison.difference
    if difference.low <= -MARGIN:
        return Safety.HARMFUL if difference.high < 0 else Safety.UNKNOWN
    if difference.low <= 0:
        return _safety_of_reference(finding)
    others = [other.difference for other in finding.compared]
    if any(other.low > difference.high for other in others):
        return Safety.HARMFUL
    return Safety.UNKNOWN if any(other.amount >= difference.amount + MARGIN for other in others) else Safety.SAFE


def _safety_of_reference(finding: Finding) -> Safety:
    """Returns the safety of the reference, and of values that cannot be much worse than it."""
    if finding.study.reference.has_failed:
        return Safety.HARMFUL
    rivals = [comparison.difference for comparison in finding.compared if comparison.difference.high >= MARGIN]
    if any(rival.low > 0 for rival in rivals):
        return Safety.HARMFUL
    return Safety.UNKNOWN if rivals else Safety.SAFE


def _key(study: Study, arm: Experiment) -> Any:
    """Returns the arm's value in a form that can be sorted."""
    if study.is_depth:
        return arm.preset.weight_layers
    value = getattr(arm.preset, study.field)
    if isinstance(value, bool):
        return "on" if value else "off"
    return value if HYPERPARAMETERS[study.field].kind in (Kind.COUNT, Kind.NUMBER) else study.value(arm)


def _range_in_words(title: str, study: Study, values: Mapping[Any, Safety]) -> str:
    """Returns the safe values: "dropout up to 0.3", "learning rate 0.0001 to 0.001", or "" if there are none."""
    if not all(isinstance(value, int | float) for value in values):
        safe = [str(value) for value, safety in values.items() if safety is Safety.SAFE]
        return f"{title} {' or '.join(safe)}" if safe else ""
    together = _longest_run(values)
    if not together:
        return ""
    low, high = together[0], together[-1]
    if study.is_depth:
        return f"{low} to {count(high, 'weight layer')}" if low != high else count(high, "weight layer")
    if low == high:
        return f"{title} {high:g}"
    return f"{title} up to {high:g}" if low == min(values) == 0 else f"{title} {low:g} to {high:g}"


def _longest_run(values: Mapping[Any, Safety]) -> list[Any]:
    """Returns the longest run of neighboring safe values, sorted."""
    longest: list[Any] = []
    current: list[Any] = []
    for value in sorted(values):
        current = [*current, value] if values[value] is Safety.SAFE else []
        longest = max(longest, current, key=len)
    return longest
