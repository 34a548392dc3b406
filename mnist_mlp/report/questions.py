"""Questions that tuning by hand leaves behind, answered from the runs' own records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import mean

import numpy as np

from mnist_mlp.report.data_tables import Column, DataTable
from mnist_mlp.report.findings import CHANCE, IDENTICAL, Finding, told
from mnist_mlp.report.studies import Experiment


@dataclass(frozen=True)
class Answer:
    """A question, its answer in sentences, and the numbers where there are more than sentences hold."""

    question: str
    sentences: list[str]
    table: DataTable | None = None


def answers(experiments: Sequence[Experiment], findings: Sequence[Finding]) -> list[Answer]:
    """Returns the answers that these runs can give."""
    given = (_l2(experiments, findings), _he_against_xavier(findings), _adadelta(findings))
    return [answer for answer in given if answer]


def _l2(experiments: Sequence[Experiment], findings: Sequence[Finding]) -> Answer | None:
    decayed = [each for each in experiments if each.preset.weight_decay]
    if not decayed:
        return None
    rows = []
    for decay in sorted({each.preset.weight_decay for each in decayed}):
        best = max(
            (each for each in decayed if each.preset.weight_decay == decay), key=lambda each: each.mean_validation
        )
        penalty, loss = (_at_best(best, f"train {curve}") for curve in ("l2_penalty", "cross_entropy"))
        rows.append(
            [decay, best.label, best.mean_validation, loss, penalty, penalty / (penalty + loss), penalty / decay]
        )
    columns = [Column("weight decay", "number"), Column("best preset with it", "text")]
    columns += [Column("validation accuracy", "percent"), Column("training cross-entropy", "number")]
    columns += [Column("L2 penalty", "number"), Column("its share of the loss", "percent")]
    columns += [Column("half the squared norm of the weights", "number")]
    decay, label, _, loss, penalty, share, norm = rows[0]
    sentences = [
        f"At the smallest weight decay here, {decay:g} (preset {label}), the L2 term is {penalty:.4f} nats at the best "
        f"epoch beside a training cross-entropy of {loss:.4f}: {share:.0%} of the loss that is minimised."
    ]
    if len(rows) > 1:
        sentences.append(
            f"Divided by the decay it is half the squared norm of all weights: {norm:.3g} at weight decay {decay:g}, "
            f"{rows[-1][6]:.3g} at {rows[-1][0]:g}."
        )
    for finding in findings:
        of = [each for each in finding.comparisons if each.difference and each.arm.preset.weight_decay == decay]
        if finding.study.field == "weight_decay" and of:
            sentences.append(f"With weight decay {decay:g}, {told(of[0], finding.study)}")
            break
    return Answer("Does a small weight decay do anything at all?", sentences, DataTable("L2", columns, rows))


def _he_against_xavier(findings: Sequence[Finding]) -> Answer | None:
    for finding in findings:
        arms = {finding.study.value(each.arm): each for each in finding.comparisons}
        if finding.study.field != "weight_init" or "he" not in arms or not {"xavier", "default"} & set(arms):
            continue
        he, xavier = arms["he"], arms.get("xavier") or arms["default"]
        compared = he if he.difference else xavier
        layers = len(he.arm.preset.hidden_sizes)
        first = {name: _mean_curve(each.arm, "dev accuracy")[0] for name, each in (("He", he), ("Xavier", xavier))}
        sentences = [
            "He draws weights with a standard deviation of \N{SQUARE ROOT}(2 / inputs), Xavier with "
            "\N{SQUARE ROOT}(2 / (inputs + outputs)): between layers of one size He's are "
            f"{sqrt(2):.2f} times as large, and through {layers} ReLU layers Xavier's signal shrinks "
            f"{sqrt(2) ** layers:.1f} times as much.",
            f"After one epoch He is at {first['He']:.2%} on validation and Xavier at {first['Xavier']:.2%}; at their "
            f"best epochs {he.arm.mean_validation:.2%} and {xavier.arm.mean_validation:.2%}.",
        ]
        if compared.difference:
            sentences.append(f"With {finding.study.value(compared.arm)}, " + told(compared, finding.study))
        if compared.verdict in (CHANCE, IDENTICAL):
            optimizer = he.arm.preset.optimizer
            sentences.append(
                f"So with {layers} hidden layers and {optimizer} it hardly matters where the weights start: the factor "
                "between the two is small in so few layers, and training seems to make up for it."
            )
        return Answer("Why do He and Xavier differ so little, or so much?", sentences)
    return None


def _adadelta(findings: Sequence[Finding]) -> Answer | None:
    for finding in findings:
        arms = {each.arm.preset.optimizer: each for each in finding.comparisons}
        if finding.study.field != "optimizer" or not {"adadelta", "adam"} <= set(arms):
            continue
        slow, fast = arms["adadelta"], arms["adam"]
        preset = slow.arm.preset
        epsilon = dict(preset.optimizer_arguments).get("epsilon", 1e-8)  # the project's own default for Adadelta
        curve = _mean_curve(slow.arm, "dev accuracy")
        epochs = len(curve)
        tenth = max(1, epochs // 10)
        adam_first = _mean_curve(fast.arm, "dev accuracy")[0]
        sentences = [
            f"Adadelta makes its own step length, which begins at about \N{SQUARE ROOT}epsilon = {sqrt(epsilon):g}, "
            f"and here it is multiplied by the learning rate {preset.learning_rate:g}: a first step of about "
            f"{sqrt(epsilon) * preset.learning_rate:.0e} a weight, where Adam's is {fast.arm.preset.learning_rate:g}."
        ]
        moved = {name: _l2_change(each.arm) for name, each in (("Adadelta", slow), ("Adam", fast))}
        if None not in moved.values():
            sentences.append(
                f"The records show it: from the first epoch to the last the L2 term of the weights changed by "
                f"{moved['Adadelta']:.1%} with Adadelta and by {moved['Adam']:.1%} with Adam."
            )
        if epochs > tenth:
            gained = curve[-1] - curve[-1 - tenth]
            best_epoch = mean(run.record.best_epoch for run in slow.arm.seeds)
            sentences.append(
                f"Adadelta's best epoch is {best_epoch:.0f} of {epochs}; in its "
                f"last {tenth} epochs the validation accuracy still changed by {gained * 100:+.2f} points, so it "
                f"{'has not finished' if gained > 0.001 else 'has come to rest'}. "
                f"Adam is at {adam_first:.2%} after its first epoch."
            )
        compared = slow if slow.difference else fast
        if compared.difference:
            sentences.append(f"With {finding.study.value(compared.arm)}, " + told(compared, finding.study))
        return Answer("Why is Adadelta so much worse than Adam at the same learning rate?", sentences)
    return None


def _mean_curve(experiment: Experiment, curve: str) -> np.ndarray:
    """Returns a curve's mean over seeds, as long as the shortest: float64 [epochs]."""
    length = min(len(run.record.epochs) for run in experiment.seeds)
    return np.mean([run.curves[curve][:length] for run in experiment.seeds], axis=0)


def _at_best(experiment: Experiment, curve: str) -> float:
    return mean(float(run.curves[curve][run.record.best_epoch - 1]) for run in experiment.seeds)


def _l2_change(experiment: Experiment) -> float | None:
    """Returns by what share the L2 term changed between the first and the last epoch; None without weight decay."""
    curve = _mean_curve(experiment, "dev l2_penalty")
    return abs(float(curve[-1] / curve[0]) - 1) if curve[0] > 0 and np.isfinite(curve[-1]) else None
