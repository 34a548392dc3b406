"""Which hyperparameter matters most: PED-ANOVA over all presets, beside the largest one-change effects."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mnist_mlp.presets.preset import Preset, format_field
from mnist_mlp.report.data_tables import shown
from mnist_mlp.report.findings import BEYOND_CHANCE, LEARNED, Comparison, Finding
from mnist_mlp.report.studies import Experiment, name_of

FEWEST_PRESETS = 8  # below, a quarter of them is fewer than two
PRESETS_A_FIELD = 10  # below so many presets a varied field, the ranking comes with a warning
GOOD_SHARE = 0.25  # PED-ANOVA asks what sets the best quarter apart from all
RESAMPLES = 100


@dataclass(frozen=True)
class FieldImportance:
    """How much a hyperparameter matters.

    Attributes:
        field: of the preset.
        values: number of different values among the presets.
        share: of the importance of all fields, 0 to 1; None where there are too few presets.
        low, high: 95% of the shares over resampled presets; None likewise.
        largest_effect: the largest change of test accuracy in a study of it, with its sign; None where there is none.
        largest_between: what was changed for it, as text: "0.001 -> 0.1".
        told_from_chance: how many of its comparisons are more than chance, of how many.
        largest_working, working_between: as `largest_effect` and `largest_between`, between two values that both learn.
    """

    field: str
    values: int
    share: float | None
    low: float | None
    high: float | None
    largest_effect: float | None
    largest_between: str
    told_from_chance: tuple[int, int]
    largest_working: float | None
    working_between: str


@dataclass(frozen=True)
class Ranking:
    """The fields that vary, the one with the largest one-change effect first.

    Attributes:
        fields: in that order.
        warning: why the ranking is not to be trusted, "" where it is.
        sentences: the answer, as far as the studies give one.
    """

    fields: list[FieldImportance]
    warning: str
    sentences: list[str]


def rank(experiments: Sequence[Experiment], findings: Sequence[Finding]) -> Ranking:
    """Returns the fields that vary, by their largest one-change effect, with PED-ANOVA's shares where it has enough."""
    columns = {name: [getattr(each.preset, name) for each in experiments] for name in Preset.field_names()}
    varied = {name: values for name, values in columns.items() if len(set(values)) > 1}
    shares = _shares(varied, [each.mean_validation for each in experiments]) if _are_enough(experiments, varied) else {}
    fields = [
        FieldImportance(name, len(set(values)), *shares.get(name, (None, None, None)), *_largest(name, findings))
        for name, values in varied.items()
    ]
    fields.sort(key=lambda each: (abs(each.largest_effect or 0.0), each.share or 0.0), reverse=True)
    return Ranking(fields, _warning(len(experiments), len(varied)), _sentences(fields, findings))


def _are_enough(experiments: Sequence[Experiment], varied: dict[str, list[Any]]) -> bool:
    return len(experiments) >= FEWEST_PRESETS and len(varied) > 1


def _warning(presets: int, varied: int) -> str:
    if varied < 2:
        return "Fewer than two hyperparameters differ between the presets, so there is nothing to rank."
    if presets < FEWEST_PRESETS:
        return (
            f"{presets} presets are too few for PED-ANOVA (it takes at least {FEWEST_PRESETS}); "
            "what follows are only the one-change effects."
        )
    if presets < PRESETS_A_FIELD * varied:
        return (
            f"Too few runs for a firm ranking by PED-ANOVA: {presets} presets vary {varied} hyperparameters, "
            f"where some {PRESETS_A_FIELD * varied} would be wanted. Read the intervals, not the order."
        )
    return ""


def _largest(field: str, findings: Sequence[Finding]) -> tuple[float | None, str, tuple[int, int], float | None, str]:
    """Returns the fields of `FieldImportance` that the studies of this field tell, in their order."""
    compared = [
        (each, finding)
        for finding in findings
        if finding.study.field == field
        for each in finding.comparisons
        if each.difference
    ]
    told = sum(each.verdict == BEYOND_CHANCE for each, _ in compared)
    working = [pair for pair in compared if _both_learn(*pair)]
    return *_largest_of(compared), (told, len(compared)), *_largest_of(working)


def _largest_of(compared: Sequence[tuple[Comparison, Finding]]) -> tuple[float | None, str]:
    if not compared:
        return None, ""
    largest, finding = max(compared, key=lambda pair: abs(pair[0].difference.amount))
    study = finding.study
    between = f"{study.value(study.reference)} \N{RIGHTWARDS ARROW} {study.value(largest.arm)}"
    return largest.difference.amount, between


def _both_learn(comparison: Comparison, finding: Finding) -> bool:
    return min(comparison.arm.mean_test, finding.study.reference.mean_test) >= LEARNED


def _sentences(fields: Sequence[FieldImportance], findings: Sequence[Finding]) -> list[str]:
    """Returns which field moves the accuracy most, and which does among values that work."""
    moved = [(each.field, each.largest_effect, each.largest_between) for each in fields if each.largest_effect]
    working = [(each.field, each.largest_working, each.working_between) for each in fields if each.largest_working]
    working.sort(key=lambda effect: abs(effect[1]), reverse=True)
    if not moved:
        return []
    pairs = [(each, finding) for finding in findings for each in finding.comparisons if each.difference]
    sentences = [f"Changed alone, {_in_words(moved)}. {_how_many([each for each, _ in pairs])}"]
    if working and working[0] != moved[0]:
        both_learn = [each for each, finding in pairs if _both_learn(each, finding)]
        sentences.append(f"Between values that both reach {LEARNED:.0%}, {_in_words(working)}. {_how_many(both_learn)}")
    return sentences


def _how_many(comparisons: Sequence[Comparison]) -> str:
    told = sum(each.verdict == BEYOND_CHANCE for each in comparisons)
    if len(comparisons) == 1:
        return f"This one change is {'' if told else 'not '}told from chance."
    return f"Of {len(comparisons)} such single changes, {told} {'is' if told == 1 else 'are'} told from chance."


def _in_words(effects: Sequence[tuple[str, float, str]]) -> str:
    """Returns the three largest effects: "dropout moves the accuracy most (0 to 0.8: -4.63 points), then ..."."""
    first, *others = [
        (name_of(field), f"({between}: {shown(effect, 'points')} points)") for field, effect, between in effects[:3]
    ]
    text = f"{first[0]} moves the accuracy most {first[1]}"
    return f"{text}, then {' and '.join(f'{field} {by}' for field, by in others)}" if others else text


def _shares(varied: dict[str, list[Any]], accuracies: Sequence[float]) -> dict[str, tuple[float, float, float]]:
    """Returns each field's share with 95% of the shares over resampled presets."""
    everything = np.arange(len(accuracies))
    shares = _ped_anova(varied, accuracies, everything)
    random = np.random.default_rng(0)  # the same runs must give the same report
    resampled = [_ped_anova(varied, accuracies, random.choice(everything, len(everything))) for _ in range(RESAMPLES)]
    return {
        name: (share, *map(float, np.quantile([each.get(name, 0.0) for each in resampled], (0.025, 0.975))))
        for name, share in shares.items()
    }


def _ped_anova(varied: dict[str, list[Any]], accuracies: Sequence[float], chosen: np.ndarray) -> dict[str, float]:
    """Returns each field's share of the importance, by S. Watanabe, A. Bansal and F. Hutter (2023), on some presets.

    Values are taken as categories: 0 has no place on the logarithmic scale of the other weight decays.
    """
    import optuna  # takes a second to import

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=GOOD_SHARE, evaluate_on_local=True)
    texts = {name: [format_field(values[index]) for index in chosen] for name, values in varied.items()}
    distributions = {
        name: optuna.distributions.CategoricalDistribution(sorted(set(values)))
        for name, values in texts.items()
        if len(set(values)) > 1
    }
    study = optuna.create_study(direction="maximize")
    study.add_trials(
        [
            optuna.trial.create_trial(
                params={name: texts[name][place] for name in distributions},
                distributions=distributions,
                value=accuracies[index],
            )
            for place, index in enumerate(chosen)
        ]
    )
    importances = evaluator.evaluate(study)
    total = sum(importances.values())
    return {name: float(importances[name]) / total if total else 0.0 for name in distributions}
