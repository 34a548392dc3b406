"""Axes with accuracy above loss over the epochs, used by the figures of studies and of a single run."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnist_mlp.drawing.labels import EndLabel, label_ends
from mnist_mlp.drawing.scales import accuracy_scale, limits_of_accuracy, log_scale
from mnist_mlp.drawing.style import TOP


def two_axes(figure: Figure, right: float) -> tuple[Axes, Axes]:
    """Returns axes for accuracy and for loss, with room for labels on the right."""
    height = figure.get_figheight()
    upper, lower = figure.subplots(2, sharex=True)
    figure.subplots_adjust(left=0.165, right=right, bottom=0.55 / height, top=1 - TOP / height, hspace=0.12)
    lower.set_xlabel("epoch")
    return upper, lower


def finish_accuracy(axes: Axes, shown: Sequence[float], epochs: int, ends: Sequence[EndLabel], points: float) -> None:
    """Sets the scale and labels of the accuracy axes. Call this after everything is drawn."""
    axes.set_xlim(0, epochs + 0.5)
    accuracy_scale(axes, *limits_of_accuracy(shown))
    _finish(axes, "accuracy", ends, points)


def finish_loss(axes: Axes, epochs: int, ends: Sequence[EndLabel], points: float) -> None:
    """Sets the scale and labels of the loss axes. Call this after everything is drawn."""
    axes.set_xlim(0, epochs + 0.5)
    log_scale(axes)
    _finish(axes, "cross-entropy (nats)", ends, points)


def _finish(axes: Axes, label: str, ends: Sequence[EndLabel], points: float) -> None:
    axes.set_ylabel(label)
    axes.yaxis.set_label_coords(-0.19, 0.5)
    label_ends(axes, ends, points)
