"""Why is Adadelta so much worse than Adam at the same learning rate?"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import mean

import numpy as np

from mnist_mlp.data.dataset import MNIST
from mnist_mlp.report.comparisons import Comparison
from mnist_mlp.report.evidence import ReportedRun
from mnist_mlp.report.experiments import Experiment
from mnist_mlp.report.findings import Finding, in_words
from mnist_mlp.report.panels import Panels, panels_of_layers
from mnist_mlp.report.questions.answer import Answer, panels_name
from mnist_mlp.report.questions.measures import mean_curve, rounded, rows_of, run_with_layers, runs_in_words
from mnist_mlp.report.wording import capitalized, points

QUESTION = "Why is Adadelta so much worse than Adam at the same learning rate?"
FIGURE = panels_name("layers_optimizer")
SHOWN = ("update_ratio", "gradient_norm")
DEFAULT_EPSILON = 1e-8  # this project's default for Adadelta


def optimizer(experiments: Sequence[Experiment], findings: Sequence[Finding]) -> Answer | None:
    """Answers the question from the first study that has both optimizers."""
    for finding in findings:
        arms = {comparison.arm.preset.optimizer: comparison for comparison in finding.comparisons}
        if finding.study.field == "optimizer" and {"adadelta", "adam"} <= set(arms):
            return _answer(finding, arms["adadelta"], arms["adam"])
    return None


def _answer(finding: Finding, adadelta: Comparison, adam: Comparison) -> Answer:
    sentences = [_step_length(adadelta.arm, adam.arm)]
    panels = None
    runs = {"Adadelta": run_with_layers(adadelta.arm, SHOWN), "Adam": run_with_layers(adam.arm, SHOWN)}
    changes = _l2_change(adadelta.arm), _l2_change(adam.arm)
    if None not in runs.values():
        if min(_first_steps(runs).values()) > 0:
            sentences += _steps(runs, adadelta.arm.preset.batch_size)
            panels = _panels(runs)
    elif None not in changes:
        sentences.append(
            f"The L2 penalty shows how far the weights move: from the first to the last epoch, it changed by "
            f"{changes[0]:.1%} with Adadelta and by {changes[1]:.1%} with Adam."
        )
    sentences += _progress(adadelta.arm, adam.arm)
    compared = adadelta if adadelta.difference else adam
    if compared.difference:
        sentences.append(f"{capitalized(finding.study.phrase(compared.arm))}, {in_words(compared, finding.study)}")
    return Answer(QUESTION, sentences, panels=panels)


def _step_length(adadelta: Experiment, adam: Experiment) -> str:
    preset = adadelta.preset
    epsilon = dict(preset.optimizer_arguments).get("epsilon", DEFAULT_EPSILON)
    return (
        f"Adadelta computes its own step size, which starts at about \N{SQUARE ROOT}epsilon = {sqrt(epsilon):g}, and "
        f"multiplies it by the learning rate, here {preset.learning_rate:g}. Its first step is therefore about "
        f"{sqrt(epsilon) * preset.learning_rate:.0e} per weight, while Adam's is {adam.preset.learning_rate:g}."
    )


def _first_steps(runs: dict[str, ReportedRun]) -> dict[str, float]:
    """Returns step / norm of the weights after the first epoch, averaged over the layers."""
    return {name: run.layers["update_ratio"][0].mean() for name, run in runs.items()}


def _ratio_of_steps(runs: dict[str, ReportedRun]) -> str:
    first = _first_steps(runs)
    return f"{first['Adam'] / first['Adadelta']:,.0f} times"


def _steps(runs: dict[str, ReportedRun], batch_size: int) -> list[str]:
    steps = MNIST.training_images // batch_size
    shares = {name: f"{share * 100:.1g}%" for name, share in _first_steps(runs).items()}
    paths = {name: steps * run.layers["update_ratio"].sum(axis=0).max() for name, run in runs.items()}
    return [
        f"After the first epoch, one step changes the weights of a layer by {shares['Adadelta']} of their norm with "
        f"Adadelta and by {shares['Adam']} with Adam, which is {_ratio_of_steps(runs)} as much.",
        f"Even if all training steps ({steps} per epoch, with sizes measured once per epoch) pointed in the same "
        f"direction, Adadelta would move the weights by {rounded(paths['Adadelta'])} times their norm in the layer "
        f"that moves most. Adam would move them by {rounded(paths['Adam'])} times their norm.",
    ]


def _progress(adadelta: Experiment, adam: Experiment) -> list[str]:
    curve = mean_curve(adadelta, "validation accuracy")
    epochs, tenth = len(curve), max(1, len(curve) // 10)
    if epochs <= tenth:
        return []
    gained = curve[-1] - curve[-1 - tenth]
    best_epoch = mean(run.record.best_epoch for run in adadelta.seeds)
    last = f"last {tenth} epochs" if tenth > 1 else "last epoch"
    return [
        f"Adadelta's best epoch is {best_epoch:.0f} of {epochs}. In the {last}, its validation accuracy changed by "
        f"{points(gained)} points: it {'was still improving' if gained > 0.001 else 'had converged'}. "
        f"Adam reaches {mean_curve(adam, 'validation accuracy')[0]:.2%} after its first epoch."
    ]


def _panels(runs: dict[str, ReportedRun]) -> Panels:
    return panels_of_layers(
        FIGURE,
        f"Adam's steps are {_ratio_of_steps(runs)} as large as Adadelta's",
        f"{runs_in_words(runs.values())}\nMeasured in the first step after each epoch.",
        rows_of(SHOWN),
        runs,
    )


def _l2_change(experiment: Experiment) -> float | None:
    """Returns the relative change in the L2 penalty from the first to the last epoch, or None without weight decay."""
    curve = mean_curve(experiment, "validation l2_penalty")
    return abs(float(curve[-1] / curve[0]) - 1) if curve[0] > 0 and np.isfinite(curve[-1]) else None
