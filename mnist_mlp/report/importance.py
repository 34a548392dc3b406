"""Ranks hyperparameters by their largest one-factor effect, and by PED-ANOVA over all presets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mnist_mlp.presets.declarations import HYPERPARAMETERS
from mnist_mlp.report.comparisons import LEARNED, Comparison
from mnist_mlp.report.findings import Finding
from mnist_mlp.report.ped_anova import Share, importance_shares
from mnist_mlp.report.studies import Experiment, Study, title_of
from mnist_mlp.report.verdicts import Verdict
from mnist_mlp.report.wording import points

MIN_PRESETS = 8  # PED-ANOVA needs at least two presets in the best quarter
PRESETS_PER_FIELD = 10  # with fewer presets per varied hyperparameter, the report shows a warning
MAX_LISTED = 3  # maximum number of effects that a sentence lists


@dataclass(frozen=True)
class Effect:
    """The largest change in test accuracy when only one hyperparameter changes.

    Attributes:
        amount: signed change in test accuracy, -1 to 1.
        change: old and new value as text, such as "0.001 -> 0.1".
    """

    amount: float
    change: str


@dataclass(frozen=True)
class FieldImportance:
    """How much a hyperparameter matters.

    Attributes:
        field: name of the hyperparameter.
        values: number of different values in the presets.
        share: PED-ANOVA share, or None if there are too few presets.
        largest: largest effect in any study, or None if there is no scored comparison.
        largest_working: largest effect among the comparisons in which both values reach `LEARNED`, or None.
        significant: number of significant comparisons.
        compared: number of comparisons.
    """

    field: str
    values: int
    share: Share | None
    largest: Effect | None
    largest_working: Effect | None
    significant: int
    compared: int


@dataclass(frozen=True)
class Ranking:
    """The hyperparameters that vary, ranked.

    Attributes:
        fields: the hyperparameters, sorted by effect, largest first.
        warning: why the ranking is unreliable; "" if it is reliable.
        sentences: summary as text; empty without studies.
    """

    fields: list[FieldImportance]
    warning: str
    sentences: list[str]


def rank(experiments: Sequence[Experiment], findings: Sequence[Finding]) -> Ranking:
    """Returns the hyperparameters that vary, ranked by their largest one-factor effect."""
    columns = {name: [getattr(experiment.preset, name) for experiment in experiments] for name in HYPERPARAMETERS}
    varied = {name: values for name, values in columns.items() if len(set(values)) > 1}
    shares: dict[str, Share] = {}
    if len(experiments) >= MIN_PRESETS and len(varied) > 1:
        shares = importance_shares(varied, [experiment.mean_validation for experiment in experiments])
    fields = [_importance(name, len(set(values)), shares.get(name), findings) for name, values in varied.items()]
    fields.sort(key=_sort_key, reverse=True)
    return Ranking(fields, _warning(len(experiments), len(varied)), _sentences(fields, findings))


def _sort_key(field: FieldImportance) -> tuple[float, float]:
    return abs(field.largest.amount) if field.largest else 0.0, field.share.value if field.share else 0.0


def _warning(presets: int, varied: int) -> str:
    if varied < 2:
        return "Fewer than two hyperparameters differ between the presets, so there is nothing to rank."
    if presets < MIN_PRESETS:
        return (
            f"{presets} presets are too few for PED-ANOVA (at least {MIN_PRESETS} are needed), so only one-factor "
            "effects are shown."
        )
    wanted = PRESETS_PER_FIELD * varied
    if presets < wanted:
        return (
            f"Too few presets for a reliable PED-ANOVA ranking: {varied} hyperparameters vary, which requires about "
            f"{wanted} presets, but there are only {presets}. Rely on the intervals, not on the order."
        )
    return ""


Pair = tuple[Study, Comparison]


def _importance(name: str, values: int, share: Share | None, findings: Sequence[Finding]) -> FieldImportance:
    compared = [pair for pair in _pairs(findings) if pair[0].field == name]
    return FieldImportance(
        field=name,
        values=values,
        share=share,
        largest=_largest_of(compared),
        largest_working=_largest_of([pair for pair in compared if _both_learn(*pair)]),
        significant=_significant(compared),
        compared=len(compared),
    )


def _pairs(findings: Sequence[Finding]) -> list[Pair]:
    return [(finding.study, comparison) for finding in findings for comparison in finding.compared]


def _significant(pairs: Sequence[Pair]) -> int:
    return sum(comparison.verdict is Verdict.SIGNIFICANT for _, comparison in pairs)


def _largest_of(pairs: Sequence[Pair]) -> Effect | None:
    if not pairs:
        return None
    study, largest = max(pairs, key=lambda pair: abs(pair[1].difference.amount))
    change = f"{study.value(study.reference)} \N{RIGHTWARDS ARROW} {study.value(largest.arm)}"
    return Effect(largest.difference.amount, change)


def _both_learn(study: Study, comparison: Comparison) -> bool:
    return min(comparison.arm.mean_test, study.reference.mean_test) >= LEARNED


def _sentences(fields: Sequence[FieldImportance], findings: Sequence[Finding]) -> list[str]:
    """Returns sentences on the largest effects: of all comparisons, and of those in which both values learn."""
    changed = [(field.field, field.largest) for field in fields if field.largest and field.largest.amount]
    working = [
        (field.field, field.largest_working)
        for field in fields
        if field.largest_working and field.largest_working.amount
    ]
    working.sort(key=lambda item: abs(item[1].amount), reverse=True)
    if not changed:
        return []
    pairs = _pairs(findings)
    sentences = [f"When only one hyperparameter changes, {_in_words(changed)}. {_how_many(pairs)}"]
    if working and working[0] != changed[0]:
        both_learn = [pair for pair in pairs if _both_learn(*pair)]
        sentences.append(
            f"If both values reach a test accuracy of {LEARNED:.0%}, {_in_words(working)}. {_how_many(both_learn)}"
        )
    return sentences


def _how_many(pairs: Sequence[Pair]) -> str:
    significant = _significant(pairs)
    if len(pairs) == 1:
        return f"This is the only such comparison, and it is {'' if significant else 'not '}significant."
    return (
        f"Of {len(pairs)} such comparisons, {significant or 'none'} {'is' if significant == 1 else 'are'} significant."
    )


def _in_words(effects: Sequence[tuple[str, Effect]]) -> str:
    """Returns the largest effects: "dropout has the largest effect (0 -> 0.8: -4.63 points), followed by ..."."""
    first, *others = [
        (title_of(name), f"({effect.change}: {points(effect.amount)} points)") for name, effect in effects[:MAX_LISTED]
    ]
    text = f"{first[0]} has the largest effect {first[1]}"
    return f"{text}, followed by {' and '.join(f'{name} {by}' for name, by in others)}" if others else text
