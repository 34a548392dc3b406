"""Why did some networks fail?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite, log, nan, sqrt

import numpy as np

from mnist_mlp.data.dataset import MNIST
from mnist_mlp.presets.preset import Preset
from mnist_mlp.report.evidence import ReportedRun
from mnist_mlp.report.findings import Finding
from mnist_mlp.report.panels import Panels, panels_of_layers
from mnist_mlp.report.questions.answer import Answer, panels_name
from mnist_mlp.report.questions.measures import (
    MOST_COLUMNS,
    norm_of_weights,
    rows_of,
    run_with_layers,
    runs_in_words,
    share_of_decay,
)
from mnist_mlp.report.studies import Experiment
from mnist_mlp.report.tables import Column, DataTable, Kind
from mnist_mlp.runs.record import RunStatus

QUESTION = "Why did some networks fail?"
FIGURE = panels_name("layers_failed", "Units, activations, gradients and weights of the networks that failed")
FAILED = 0.2  # validation accuracy below which a network has learned nothing: twice a random guess
UNIFORM = log(MNIST.classes)  # nats of a uniform guess
THROWN_OFF = 10 * UNIFORM  # in the first epoch
SHRUNK = 0.2  # share of the initial norm of the weights below which they have been shrunk
BARELY_CHANGED = 0.02  # relative change of the norm of the weights
SHOWN = ("dead_units", "activation_std", "gradient_norm", "weight_norm")


@dataclass(frozen=True)
class _Failure:
    """A preset that failed, with the run that shows it."""

    label: str
    run: ReportedRun
    has_layers: bool

    @property
    def preset(self) -> Preset:
        return self.run.preset

    @property
    def heading(self) -> str:
        """A heading for a narrow column: the preset and its most unusual values."""
        return f"preset {self.label}\ndecay {self.preset.weight_decay:g}\nrate {self.preset.learning_rate:g}"

    @property
    def dead_hidden_units(self) -> float | None:
        """Share of the hidden units that are dead after the last epoch."""
        sizes = np.array(self.preset.hidden_sizes)
        if not (self.has_layers and len(sizes)):
            return None
        return self.run.layers["dead_units"][-1, :-1] @ sizes / sizes.sum()


COLUMNS = [
    Column("preset", Kind.TEXT, lambda failure: failure.label),
    Column("weight decay", Kind.NUMBER, lambda failure: failure.preset.weight_decay),
    Column("learning rate", Kind.NUMBER, lambda failure: failure.preset.learning_rate),
    Column("optimizer", Kind.TEXT, lambda failure: failure.preset.optimizer),
    Column("validation accuracy", Kind.PERCENT, lambda failure: failure.run.validation_accuracy),
    Column(
        "last training cross-entropy",
        Kind.NUMBER,
        lambda failure: float(failure.run.curves["train cross_entropy"][-1]),
    ),
    Column("norm of weights, first epoch", Kind.NUMBER, lambda failure: norm_of_weights(failure.run)[0]),
    Column("norm of weights, last epoch", Kind.NUMBER, lambda failure: norm_of_weights(failure.run)[-1]),
    Column("dead hidden units, last epoch", Kind.PERCENT, lambda failure: failure.dead_hidden_units),
]


def failures(experiments: Sequence[Experiment], findings: Sequence[Finding]) -> Answer | None:
    """Answers where a preset has learned nothing."""
    failed = [_failure(experiment) for experiment in experiments if experiment.mean_validation < FAILED]
    if not failed:
        return None
    sentences = [_cause(failure) for failure in failed[:MOST_COLUMNS]]
    if len(failed) > MOST_COLUMNS:
        sentences.append("The others are in the table.")
    with_layers = [failure for failure in failed if failure.has_layers]
    if len(with_layers) < len(failed):
        sentences.append("Not every run here recorded its layers: older versions did not.")
    table = DataTable.of("Failed", COLUMNS, failed).without_unknown_columns()
    panels = _panels(with_layers[:MOST_COLUMNS], len(failed)) if with_layers else None
    return Answer(QUESTION, sentences, table, panels)


def _failure(experiment: Experiment) -> _Failure:
    run = run_with_layers(experiment, SHOWN)
    return _Failure(experiment.label, run or experiment.seeds[0], has_layers=run is not None)


def _panels(failed: Sequence[_Failure], number: int) -> Panels:
    runs = {failure.heading: failure.run for failure in failed}
    return panels_of_layers(
        FIGURE,
        "How the failed networks failed" if number > 1 else "How the failed network failed",
        f"{runs_in_words(runs.values())}\nValues below 0.00000001 are not drawn: there a line ends.",
        rows_of(SHOWN),
        runs,
    )


def _cause(failure: _Failure) -> str:
    """Returns why a network failed, as far as its record shows it, with its layers if they are known."""
    preset = failure.preset
    settings = f"weight decay {preset.weight_decay:g}, learning rate {preset.learning_rate:g}"
    dead = _dead_units(failure.run.layers["dead_units"]) if failure.has_layers else ""
    return f"Preset {failure.label} ({settings}): {_cause_by_curves(failure)}{dead}"


def _cause_by_curves(failure: _Failure) -> str:
    run, norms = failure.run, norm_of_weights(failure.run)
    loss, initial = run.curves["train cross_entropy"], _initial_norm(failure.preset)
    if run.record.status is RunStatus.DIVERGED:
        return f"it diverged. After epoch {len(loss)} its loss was NaN or infinite, and training ended."
    if failure.preset.weight_decay and initial and norms[0] < SHRUNK * initial:
        return (
            f"weight decay shrank its weights toward 0. They are drawn with a norm of about {initial:.3g}; after the "
            f"first epoch it is {norms[0]:.2g}, after the last {norms[-1]:.2g}.{_share_in_gradient(failure)}"
        )
    if not loss[0] < THROWN_OFF:
        return (
            f"its first steps were far too large. The cross-entropy of the first epoch is {loss[0]:,.0f} nats on "
            f"average, where guessing uniformly costs {UNIFORM:.1f}."
        )
    if norms[0] and abs(norms[-1] / norms[0] - 1) < BARELY_CHANGED:
        return (
            f"it has hardly been trained. From the first epoch to the last, the norm of its weights went from "
            f"{norms[0]:.4g} to {norms[-1]:.4g}."
        )
    return f"after the last epoch its cross-entropy is {loss[-1]:.3g} nats; its curves do not show the cause."


def _share_in_gradient(failure: _Failure) -> str:
    share = float(np.median(share_of_decay(failure.run)[0])) if failure.has_layers else nan
    if not isfinite(share):
        return ""
    return (
        f" Weight decay dominates the gradient: after the first epoch it is {share:.0%} of the gradient of a "
        "typical layer."
    )


def _dead_units(dead: np.ndarray) -> str:
    """Returns a sentence on the units with the same output for every image: float64 [epochs, layers] of shares."""
    if dead[-1, -1] == 1:
        alive = np.flatnonzero(dead[:, -1] < 1)
        since = int(alive[-1]) + 2 if len(alive) else 1
        return f" From epoch {since} to the last the network gives every image the same logits."
    return f" After the last epoch, {dead[-1].max():.0%} of the units of its worst layer are dead."


def _initial_norm(preset: Preset) -> float | None:
    """Returns the norm of all weights to expect at the start; None for initializers other than He and Xavier."""
    shapes = list(pairwise(MNIST.layer_sizes(preset)))
    if preset.weight_init == "he":
        return sqrt(sum(2 * outputs for _, outputs in shapes))
    if preset.weight_init in ("xavier", "default"):
        return sqrt(sum(2 * inputs * outputs / (inputs + outputs) for inputs, outputs in shapes))
    return None
