"""Why is Adadelta so much worse than Adam at the same learning rate?"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import mean

import numpy as np

from mnist_mlp.data.dataset import MNIST
from mnist_mlp.report.comparisons import Comparison
from mnist_mlp.report.evidence import ReportedRun
from mnist_mlp.report.findings import Finding, in_words
from mnist_mlp.report.panels import Panels, panels_of_layers
from mnist_mlp.report.questions.answer import Answer, panels_name
from mnist_mlp.report.questions.measures import mean_curve, rounded, rows_of, run_with_layers, runs_in_words
from mnist_mlp.report.studies import Experiment

QUESTION = "Why is Adadelta so much worse than Adam at the same learning rate?"
FIGURE = panels_name("layers_optimizer", "Steps and gradients of each layer with Adadelta and Adam")
SHOWN = ("update_ratio", "gradient_norm")
DEFAULT_EPSILON = 1e-8  # the project's own for Adadelta


def optimizer(experiments: Sequence[Experiment], findings: Sequence[Finding]) -> Answer | None:
    """Answers from the first study that has both."""
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
            f"The records show it: from the first epoch to the last the L2 term of the weights changed by "
            f"{changes[0]:.1%} with Adadelta and by {changes[1]:.1%} with Adam."
        )
    sentences += _progress(adadelta.arm, adam.arm)
    compared = adadelta if adadelta.difference else adam
    if compared.difference:
        sentences.append(f"With {finding.study.named_value(compared.arm)}, {in_words(compared, finding.study)}")
    return Answer(QUESTION, sentences, panels=panels)


def _step_length(adadelta: Experiment, adam: Experiment) -> str:
    preset = adadelta.preset
    epsilon = dict(preset.optimizer_arguments).get("epsilon", DEFAULT_EPSILON)
    return (
        f"Adadelta chooses its own step length, which starts at about \N{SQUARE ROOT}epsilon = {sqrt(epsilon):g}, "
        f"and here it is multiplied by the learning rate {preset.learning_rate:g}: a first step of about "
        f"{sqrt(epsilon) * preset.learning_rate:.0e} per weight, where Adam's is {adam.preset.learning_rate:g}."
    )


def _first_steps(runs: dict[str, ReportedRun]) -> dict[str, float]:
    """Returns the relative step after the first epoch, the mean over the layers."""
    return {name: run.layers["update_ratio"][0].mean() for name, run in runs.items()}


def _ratio_of_steps(runs: dict[str, ReportedRun]) -> str:
    first = _first_steps(runs)
    return f"{first['Adam'] / first['Adadelta']:,.0f} times"


def _steps(runs: dict[str, ReportedRun], batch_size: int) -> list[str]:
    steps = MNIST.training_images // batch_size
    shares = {name: f"{share * 100:.1g}%" for name, share in _first_steps(runs).items()}
    paths = {name: steps * run.layers["update_ratio"].sum(axis=0).max() for name, run in runs.items()}
    return [
        f"Measured after the first epoch, one step changes the weights of a layer by {shares['Adadelta']} of their "
        f"norm with Adadelta and by {shares['Adam']} with Adam, {_ratio_of_steps(runs)} as much.",
        f"At {steps} steps per epoch, with the step measured once per epoch, all steps of the training together are "
        f"{rounded(paths['Adadelta'])} times the norm of the weights with Adadelta, in the layer that moves most, even "
        f"if every one went the same way; with Adam {rounded(paths['Adam'])} times.",
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
        f"Adadelta's best epoch is {best_epoch:.0f} of {epochs}; in its {last} the validation accuracy still "
        f"changed by {gained * 100:+.2f} points, so it {'has not converged' if gained > 0.001 else 'has converged'}. "
        f"Adam is at {mean_curve(adam, 'validation accuracy')[0]:.2%} after its first epoch."
    ]


def _panels(runs: dict[str, ReportedRun]) -> Panels:
    return panels_of_layers(
        FIGURE,
        f"Adam's steps are {_ratio_of_steps(runs)} Adadelta's",
        f"{runs_in_words(runs.values())}\n"
        "Of the first step of the next epoch: its length relative to the norm of the weights.",
        rows_of(SHOWN),
        runs,
    )


def _l2_change(experiment: Experiment) -> float | None:
    """Returns by what share the L2 term changed between the first and the last epoch; None without weight decay."""
    curve = mean_curve(experiment, "validation l2_penalty")
    return abs(float(curve[-1] / curve[0]) - 1) if curve[0] > 0 and np.isfinite(curve[-1]) else None
