"""Does a small weight decay have any effect?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import numpy as np

from mnist_mlp.report.comparisons import Comparison
from mnist_mlp.report.evidence import ReportedRun
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
from mnist_mlp.report.tables import Column, DataTable, Kind
from mnist_mlp.report.wording import capitalized, listed

QUESTION = "Does a small weight decay have any effect?"
FIGURE = panels_name("losses_weight_decay")


@dataclass(frozen=True)
class _Decay:
    """An experiment, and the parts of its training loss at the best epoch, averaged over seeds."""

    arm: Experiment

    @property
    def decay(self) -> float:
        return self.arm.preset.weight_decay

    @property
    def penalty(self) -> float:
        return mean_at_best(self.arm, lambda run: run.curves["train l2_penalty"])

    @property
    def cross_entropy(self) -> float:
        return mean_at_best(self.arm, lambda run: run.curves["train cross_entropy"])

    @property
    def share(self) -> float | None:
        """The penalty's share of the training loss, 0 to 1."""
        loss = self.penalty + self.cross_entropy
        return self.penalty / loss if loss else None


COLUMNS = [
    Column("weight decay", Kind.NUMBER, lambda row: row.decay),
    Column("preset", Kind.TEXT, lambda row: row.arm.label),
    Column("validation accuracy", Kind.PERCENT, lambda row: row.arm.mean_validation),
    Column("training cross-entropy", Kind.NUMBER, lambda row: row.cross_entropy),
    Column("L2 penalty", Kind.NUMBER, lambda row: row.penalty),
    Column("L2 penalty / loss", Kind.PERCENT, lambda row: row.share),
    Column("norm of all weights, best epoch", Kind.NUMBER, lambda row: mean_at_best(row.arm, norm_of_weights)),
]


def weight_decay(experiments: Sequence[Experiment], findings: Sequence[Finding]) -> Answer | None:
    """Answers the question from the study with the smallest weight decay, if there is one."""
    studied = [finding for finding in findings if _is_about_decay(finding)]
    if not studied:
        return None
    finding = min(studied, key=lambda candidate: _smallest(candidate).arm.preset.weight_decay)
    compared, arms = _smallest(finding), finding.study.arms
    sentences = []
    if compared.difference:
        sentences.append(f"{capitalized(finding.study.phrase(compared.arm))}, {in_words(compared, finding.study)}")
    if arms[0].preset.weight_decay:
        label = compared.arm.label
        sentences.append(
            f"No run has the hyperparameters of preset {label} without weight decay, so the effect of its weight decay "
            "is unknown."
        )
    else:
        sentences += _norms(arms[0], compared.arm)
    sentences += _in_loss(_Decay(compared.arm))
    return Answer(QUESTION, sentences, DataTable.of("L2", COLUMNS, map(_Decay, arms)), _panels(arms))


def _is_about_decay(finding: Finding) -> bool:
    return finding.study.field == "weight_decay" and not finding.study.arms[0].preset.cumulative_weight_decay


def _smallest(finding: Finding) -> Comparison:
    """Returns the comparison of the smallest weight decay above 0."""
    with_decay = [item for item in finding.comparisons if item.arm.preset.weight_decay]
    return min(with_decay, key=lambda item: item.arm.preset.weight_decay)


def _in_loss(smallest: _Decay) -> list[str]:
    """Returns sentences on the share of the penalty in the loss and in the gradient."""
    if smallest.share is None:
        return []
    return [
        f"At the best epoch of preset {smallest.arm.label}, the L2 penalty is {smallest.penalty:.4f} and the training "
        f"cross-entropy is {smallest.cross_entropy:.4f} nats, so the penalty is {smallest.share:.0%} of the loss that "
        "training minimizes.",
        *_share_of_gradient(smallest.arm),
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


def _norms(without: Experiment, smallest: Experiment) -> list[str]:
    """Returns a sentence on the norm of the weights without weight decay and with the smallest one."""
    run = run_with_layers(without, ("weight_norm",))
    if run is None:
        return []
    (first, last), (first_with, last_with) = (norm_of_weights(each)[[0, -1]] for each in (run, smallest.seeds[0]))
    return [
        f"Without weight decay (preset {without.label}), the norm of all weights changes from {first:.3g} after the "
        f"first epoch to {last:.3g} after the last. With it (preset {smallest.label}), the norm is {first_with:.3g} "
        f"and {last_with:.3g}."
    ]


def _panels(arms: Sequence[Experiment]) -> Panels:
    """Returns panels of the two parts of the loss and of the norm of the weights, one column per weight decay."""
    has_norm = [arm for arm in arms if arm.preset.weight_decay or run_with_layers(arm, ("weight_norm",))]
    runs = {
        f"decay {arm.preset.weight_decay:g}": run_with_layers(arm, ("weight_norm",)) or arm.seeds[0]
        for arm in has_norm[:MAX_COLUMNS]
    }
    curves = {}
    for column, run in enumerate(runs.values()):
        curves[0, column] = {
            "training cross-entropy": run.curves["train cross_entropy"],
            "L2 penalty": run.curves["train l2_penalty"],
        }
        curves[1, column] = {"norm of all weights": norm_of_weights(run)}
    return Panels(
        FIGURE,
        _headline(list(runs.values())),
        runs_in_words(runs.values()),
        [Row("parts of the loss"), MEASURES["weight_norm"]],
        list(runs),
        curves,
    )


def _headline(runs: Sequence[ReportedRun]) -> str:
    ends = [f"{norm_of_weights(run)[-1]:.3g} with decay {run.preset.weight_decay:g}" for run in runs[:2]]
    return f"Norm of the weights at the end: {listed(ends)}"
