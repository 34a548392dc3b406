"""Does a small weight decay have any effect?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import numpy as np

from mnist_mlp.report.experiments import Experiment
from mnist_mlp.report.findings import Finding, in_words
from mnist_mlp.report.panels import Panels, Row
from mnist_mlp.report.questions.answer import Answer, panels_name
from mnist_mlp.report.questions.measures import (
    MAX_COLUMNS,
    MEASURES,
    mean_at_best,
    norm_of_weights,
    run_with_layers,
    runs_in_words,
    share_of_decay,
)
from mnist_mlp.report.studies import Study
from mnist_mlp.report.tables import Column, DataTable, Kind
from mnist_mlp.report.wording import capitalized

QUESTION = "Does a small weight decay have any effect?"
FIGURE = panels_name("losses_weight_decay")


@dataclass(frozen=True)
class _Decay:
    """A weight decay, whether it is cumulative, and the best experiment that uses it."""

    decay: float
    is_cumulative: bool
    best: Experiment

    @property
    def penalty(self) -> float:
        return mean_at_best(self.best, lambda run: run.curves["train l2_penalty"])

    @property
    def cross_entropy(self) -> float:
        return mean_at_best(self.best, lambda run: run.curves["train cross_entropy"])

    @property
    def share(self) -> float | None:
        """The penalty's share of the training loss, 0 to 1."""
        loss = self.penalty + self.cross_entropy
        return self.penalty / loss if loss else None


COLUMNS = [
    Column("weight decay", Kind.NUMBER, lambda row: row.decay),
    Column("cumulative", Kind.TEXT, lambda row: "yes" if row.is_cumulative else None),
    Column("best preset", Kind.TEXT, lambda row: row.best.label),
    Column("validation accuracy", Kind.PERCENT, lambda row: row.best.mean_validation),
    Column("training cross-entropy", Kind.NUMBER, lambda row: row.cross_entropy),
    Column("L2 penalty", Kind.NUMBER, lambda row: row.penalty),
    Column("L2 penalty / loss", Kind.PERCENT, lambda row: row.share),
    Column("norm of all weights", Kind.NUMBER, lambda row: mean_at_best(row.best, norm_of_weights)),
]


def weight_decay(experiments: Sequence[Experiment], findings: Sequence[Finding]) -> Answer | None:
    """Answers the question if any preset has weight decay."""
    rows = _decays(experiments)
    smallest = next((row for row in rows if row.decay), None)
    if smallest is None:
        return None
    sentences = [*_share_of_loss(smallest), *_share_of_gradient(smallest.best)]
    sentences += _without_decay(findings, smallest.best)
    arms = [smallest.best]
    studied = [finding for finding in findings if finding.study.field == "weight_decay"]
    if studied:
        finding = min(studied, key=lambda candidate: _order(candidate.study))
        arms = finding.study.arms
        decay = _smallest_decay(finding.study)
        compared = next(item for item in finding.comparisons if item.arm.preset.weight_decay == decay)
        if compared.difference:
            sentences.append(f"{capitalized(finding.study.phrase(compared.arm))}, {in_words(compared, finding.study)}")
    table = DataTable.of("L2", COLUMNS, rows).without_unknown_columns() if len(rows) > 1 else None
    return Answer(QUESTION, sentences, table, _panels(arms))


def _decays(experiments: Sequence[Experiment]) -> list[_Decay]:
    best: dict[tuple[float, bool], Experiment] = {}
    for experiment in experiments:
        preset = experiment.preset
        key = preset.weight_decay, preset.cumulative_weight_decay and preset.weight_decay > 0
        if key not in best or experiment.mean_validation > best[key].mean_validation:
            best[key] = experiment
    return [_Decay(*key, best[key]) for key in sorted(best)]


def _share_of_loss(smallest: _Decay) -> list[str]:
    if smallest.share is None:
        return []
    return [
        f"The smallest weight decay in these runs is {smallest.decay:g} (preset {smallest.best.label}). At the best "
        f"epoch, its L2 penalty is {smallest.penalty:.4f} and its training cross-entropy is "
        f"{smallest.cross_entropy:.4f} nats, so the penalty is {smallest.share:.0%} of the loss that training "
        "minimizes."
    ]


def _share_of_gradient(smallest: Experiment) -> list[str]:
    run = run_with_layers(smallest, ("gradient_norm", "weight_norm"))
    share = share_of_decay(run)[run.record.best_epoch - 1] if run else np.array([nan])
    if not np.isfinite(share).all():
        return []
    return [
        f"The gradient of the penalty pulls every weight toward 0. In the first step after that epoch, it is "
        f"{share.min():.1%} to {share.max():.1%} as large as the total gradient, depending on the layer."
    ]


def _order(study: Study) -> tuple[bool, float]:
    """Returns the sort key of a study of weight decay: cumulative ones come last."""
    return study.arms[0].preset.cumulative_weight_decay, _smallest_decay(study)


def _smallest_decay(study: Study) -> float:
    return min(arm.preset.weight_decay for arm in study.arms if arm.preset.weight_decay)


def _without_decay(findings: Sequence[Finding], smallest: Experiment) -> list[str]:
    """Returns sentences on the norm of the weights without weight decay and with a study's smallest weight decay."""
    pairs = []
    for finding in findings:
        arms = {arm.preset.weight_decay: arm for arm in finding.study.arms}
        if finding.study.field == "weight_decay" and 0.0 in arms:
            decay = _smallest_decay(finding.study)
            pairs.append((decay, arms[0.0], arms[decay]))
    pairs.sort(key=lambda pair: pair[0])
    sentences = [sentence for pair in pairs if (sentence := _norms_with_and_without(*pair))][:1]
    tried = smallest.preset.weight_decay
    if all(decay > tried for decay, _, _ in pairs):
        number = smallest.numbers[0]
        change = "weight_decay=0.0"
        has_line = str(number).isdecimal()  # a preset that was changed on the command line has none
        sentences.append(
            f"The effect of weight decay = {tried:g} alone is not measured here, because no preset has the "
            f"hyperparameters of preset {number} without weight decay. To measure it, train "
            f"{f'PRESETS[{number}].but({change})' if has_line else f'preset {number}, {change}'}."
        )
    return sentences


def _norms_with_and_without(decay: float, without: Experiment, tried: Experiment) -> str | None:
    run = run_with_layers(without, ("weight_norm",))
    if run is None:
        return None
    (first, last), (first_tried, last_tried) = norm_of_weights(run)[[0, -1]], norm_of_weights(tried.seeds[0])[[0, -1]]
    return (
        f"Without weight decay (preset {without.label}), the norm of all weights is {first:.3g} after the first epoch "
        f"and {last:.3g} after the last. With weight decay = {decay:g} and all other hyperparameters equal (preset "
        f"{tried.label}), it is {first_tried:.3g} and {last_tried:.3g}."
    )


def _panels(arms: Sequence[Experiment]) -> Panels:
    """Returns panels of the two parts of the loss and of the norm of the weights, one column per weight decay."""
    has_norm = [arm for arm in arms if arm.preset.weight_decay or run_with_layers(arm, ("weight_norm",))]
    runs = {
        f"L2 {arm.preset.weight_decay:g}": run_with_layers(arm, ("weight_norm",)) or arm.seeds[0]
        for arm in has_norm[:MAX_COLUMNS]
    }
    curves = {}
    for column, run in enumerate(runs.values()):
        curves[0, column] = {
            "training cross-entropy": run.curves["train cross_entropy"],
            "L2 penalty": run.curves["train l2_penalty"],
        }
        curves[1, column] = {"all weights": norm_of_weights(run)}
    return Panels(
        FIGURE,
        "L2 penalty and cross-entropy in the loss",
        runs_in_words(runs.values()),
        [Row("parts of the loss"), MEASURES["weight_norm"]],
        list(runs),
        curves,
    )
