"""Why did some networks fail?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import isfinite, log, nan, sqrt

import numpy as np

from mnist_mlp.data.dataset import MNIST
from mnist_mlp.presets.preset import Preset
from mnist_mlp.report.evidence import ReportedRun
from mnist_mlp.report.experiments import Experiment
from mnist_mlp.report.findings import Finding
from mnist_mlp.report.panels import Panels, panels_of_layers
from mnist_mlp.report.questions.answer import Answer, panels_name
from mnist_mlp.report.questions.measures import (
    MAX_COLUMNS,
    norm_of_weights,
    rows_of,
    run_with_layers,
    runs_in_words,
    share_of_decay,
)
from mnist_mlp.report.tables import Column, DataTable, Kind
from mnist_mlp.runs.record import RunStatus

QUESTION = "Why did some networks fail?"
FIGURE = panels_name("layers_failed")
UNIFORM = log(MNIST.classes)  # cross-entropy of uniform guessing, in nats
EXPLODED = 10 * UNIFORM  # if the first epoch's mean cross-entropy is above this, the first steps were too large
SHRUNK = 0.2  # if the weights' norm drops below this fraction of the initial norm, weight decay is the cause
BARELY_CHANGED = 0.02  # maximum relative change in the norm of the weights
SHOWN = ("dead_units", "activation_std", "gradient_norm", "weight_norm")


@dataclass(frozen=True)
class _Failure:
    """A failed preset and the run that represents it."""

    label: str
    run: ReportedRun
    has_layers: bool

    @property
    def preset(self) -> Preset:
        return self.run.preset

    @property
    def heading(self) -> str:
        """Heading of the preset's column of panels: preset, weight decay, and learning rate."""
        return f"preset {self.label}\ndecay {self.preset.weight_decay:g}\nrate {self.preset.learning_rate:g}"

    @property
    def dead_hidden_units(self) -> float | None:
        """Share of hidden units that are dead after the last epoch, 0 to 1; None if unknown."""
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
        "final training cross-entropy",
        Kind.NUMBER,
        lambda failure: float(failure.run.curves["train cross_entropy"][-1]),
    ),
    Column("norm of weights, first epoch", Kind.NUMBER, lambda failure: norm_of_weights(failure.run)[0]),
    Column("norm of weights, last epoch", Kind.NUMBER, lambda failure: norm_of_weights(failure.run)[-1]),
    Column("dead hidden units, last epoch", Kind.PERCENT, lambda failure: failure.dead_hidden_units),
]


def failures(experiments: Sequence[Experiment], findings: Sequence[Finding]) -> Answer | None:
    """Answers the question if any preset failed to learn."""
    failed = [_failure(experiment) for experiment in experiments if experiment.has_failed]
    if not failed:
        return None
    sentences = [_cause(failure) for failure in failed[:MAX_COLUMNS]]
    if len(failed) > MAX_COLUMNS:
        sentences.append("The table also lists the other failed presets.")
    with_layers = [failure for failure in failed if failure.has_layers]
    if len(with_layers) < len(failed):
        sentences.append(
            "Some of these runs have no layer statistics, because older versions of this program did not record them."
        )
    table = DataTable.of("Failed", COLUMNS, failed).without_unknown_columns()
    panels = _panels(with_layers[:MAX_COLUMNS], len(failed)) if with_layers else None
    return Answer(QUESTION, sentences, table, panels)


def _failure(experiment: Experiment) -> _Failure:
    run = run_with_layers(replace(experiment, runs=experiment.failed), SHOWN)
    return _Failure(experiment.label, run or experiment.failed[0], has_layers=run is not None)


def _panels(failed: Sequence[_Failure], number: int) -> Panels:
    runs = {failure.heading: failure.run for failure in failed}
    worst = max(failure.run.layers["dead_units"][-1].max() for failure in failed)
    return panels_of_layers(
        FIGURE,
        f"{'Failed networks' if number > 1 else 'Failed network'}: up to {worst:.0%} of the units in a layer are dead",
        f"{runs_in_words(runs.values())}\nValues below 0.00000001 are not drawn, such as activations of dead layers.",
        rows_of(SHOWN),
        runs,
    )


def _cause(failure: _Failure) -> str:
    """Returns sentences on why a network failed and, if recorded, on its dead units."""
    preset = failure.preset
    settings = f"weight decay {preset.weight_decay:g}, learning rate {preset.learning_rate:g}"
    dead = _dead_units(failure.run.layers["dead_units"]) if failure.has_layers else ""
    return f"Preset {failure.label} ({settings}): {_cause_by_curves(failure)}{dead}"


def _cause_by_curves(failure: _Failure) -> str:
    run, norms = failure.run, norm_of_weights(failure.run)
    loss, initial = run.curves["train cross_entropy"], _initial_norm(failure.preset)
    if run.record.status is RunStatus.DIVERGED:
        return f"training diverged. The loss was NaN or infinite after epoch {len(loss)}, and training stopped."
    if failure.preset.weight_decay and initial and norms[0] < SHRUNK * initial:
        return (
            f"weight decay shrank the weights toward 0. Their norm is about {initial:.3g} at initialization, "
            f"{norms[0]:.2g} after the first epoch, and {norms[-1]:.2g} after the last.{_share_in_gradient(failure)}"
        )
    if not loss[0] < EXPLODED:
        return (
            "the first steps were far too large. The mean cross-entropy of the first epoch is about "
            f"{_rounded(loss[0])} nats; guessing all digits with equal probability gives {UNIFORM:.1f}."
        )
    if norms[0] and abs(norms[-1] / norms[0] - 1) < BARELY_CHANGED:
        return (
            f"the weights hardly changed during training. Their norm is {norms[0]:.4g} after the first epoch and "
            f"{norms[-1]:.4g} after the last."
        )
    return f"its curves do not show the cause. After the last epoch, its training cross-entropy is {loss[-1]:.3g} nats."


def _rounded(loss: float) -> str:
    """Returns a large number with three digits: "2,700,000"."""
    return f"{float(f'{loss:.3g}'):,.0f}"


def _share_in_gradient(failure: _Failure) -> str:
    share = float(np.median(share_of_decay(failure.run)[0])) if failure.has_layers else nan
    if not isfinite(share):
        return ""
    return (
        " In a typical layer after the first epoch, the gradient of the L2 penalty is "
        f"{share:.0%} as large as the total gradient."
    )


def _dead_units(dead: np.ndarray) -> str:
    """Returns a sentence on dead units.

    Args:
        dead: float64 [epochs, layers], share of units with the same output for every image.
    """
    if dead[-1, -1] == 1:
        alive = np.flatnonzero(dead[:, -1] < 1)
        since = int(alive[-1]) + 2 if len(alive) else 1
        return f" From epoch {since} on, the network gives the same output for every image."
    return f" After the last epoch, {dead[-1].max():.0%} of the units in the worst layer are dead."


def _initial_norm(preset: Preset) -> float | None:
    """Returns the expected norm of all weights after He or Xavier initialization, or None for other initializers."""
    shapes = list(pairwise(MNIST.layer_sizes(preset)))
    if preset.weight_init == "he":
        return sqrt(sum(2 * outputs for _, outputs in shapes))
    if preset.weight_init in ("xavier", "default"):
        return sqrt(sum(2 * inputs * outputs / (inputs + outputs) for inputs, outputs in shapes))
    return None
