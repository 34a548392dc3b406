"""Accuracy and loss over the epochs, one above the other: what figures of studies and of one run share."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnist_mlp.drawing.labels import EndLabel, label_ends
from mnist_mlp.drawing.scales import accuracy_scale, limits_of_accuracy, log_scale
from mnist_mlp.drawing.style import TOP


def two_axes(figure: Figure, right: float) -> tuple[Axes, Axes]:
    """Returns axes for accuracy and for loss, with room for labels at the right edge."""
    height = figure.get_figheight()
    upper, lower = figure.subplots(2, sharex=True)
    figure.subplots_adjust(left=0.165, right=right, bottom=0.55 / height, top=1 - TOP / height, hspace=0.12)
    lower.set_xlabel("epoch")
    return upper, lower


def finish_accuracy(axes: Axes, shown: Sequence[float], epochs: int, ends: Sequence[EndLabel], points: float) -> None:
    """Gives the axes of accuracies their scale and labels, once everything is drawn."""
    axes.set_xlim(0, epochs + 0.5)
    accuracy_scale(axes, *limits_of_accuracy(shown))
    _finish(axes, "accuracy", ends, points)


def finish_loss(axes: Axes, epochs: int, ends: Sequence[EndLabel], points: float) -> None:
    """Gives the axes of losses their scale and labels, once everything is drawn."""
    axes.set_xlim(0, epochs + 0.5)
    log_scale(axes)
    _finish(axes, "loss without L2, in nats", ends, points)


def _finish(axes: Axes, label: str, ends: Sequence[EndLabel], points: float) -> None:
    axes.set_ylabel(label)
    axes.yaxis.set_label_coords(-0.19, 0.5)
    label_ends(axes, ends, points)
