"""Axes with accuracy above loss over the epochs, used by the figures of studies and of a single run."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.ticker import MaxNLocator

from mnist_mlp.drawing.labels import EndLabel, label_ends
from mnist_mlp.drawing.scales import accuracy_scale, limits_of_accuracy, log_scale

LEFT, RIGHT = 0.175, 0.97  # edges of the axes, as shares of the figure's width
RIGHT_WITH_LABELS = 0.74
LETTERS_IN_LABEL = 12
PANEL = 1.75  # height of each panel with curves, in inches
GAP, AXIS = 0.15, 0.55  # between two panels with a common axis, and below the axes


def height_of_curves() -> float:
    """Returns the height of both panels together, with their labels, in inches."""
    return 2 * PANEL + GAP + AXIS


def panel(figure: SubFigure, total: float, top: float, height: float, right: float = RIGHT) -> Axes:
    """Adds axes at a distance from the top of the figure.

    Args:
        total: height of the figure in inches, like `top` and `height`.
    """
    return figure.add_axes((LEFT, 1 - (top + height) / total, right - LEFT, height / total))


def two_panels(figure: SubFigure, total: float, top: float = 0.0) -> tuple[Axes, Axes]:
    """Adds axes for accuracy and, below them, for loss, with room for labels on the right."""
    upper = panel(figure, total, top + 0.05, PANEL - 0.05, RIGHT_WITH_LABELS)
    lower = panel(figure, total, top + PANEL + GAP, PANEL, RIGHT_WITH_LABELS)
    upper.tick_params(labelbottom=False)
    lower.set_xlabel("epoch")
    return upper, lower


def finish_accuracy(axes: Axes, shown: Sequence[float], epochs: int, ends: Sequence[EndLabel]) -> None:
    """Sets the scale and labels of the accuracy axes. Call this after everything is drawn."""
    _set_epochs(axes, epochs)
    accuracy_scale(axes, *limits_of_accuracy(shown))
    _finish(axes, "accuracy", ends)


def finish_loss(axes: Axes, epochs: int, ends: Sequence[EndLabel]) -> None:
    """Sets the scale and labels of the loss axes. Call this after everything is drawn."""
    _set_epochs(axes, epochs)
    log_scale(axes)
    _finish(axes, "cross-entropy (nats)", ends)


def _set_epochs(axes: Axes, epochs: int) -> None:
    axes.set_xlim(0, epochs + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10], integer=True))  # no half epochs


def _finish(axes: Axes, label: str, ends: Sequence[EndLabel]) -> None:
    axes.set_ylabel(label)
    axes.yaxis.set_label_coords(-0.25, 0.5)
    label_ends(axes, ends)
