"""Figure: training and validation accuracy and loss of the best run over the epochs."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure

from mnist_mlp.drawing.labels import EndLabel
from mnist_mlp.drawing.style import Picture, look
from mnist_mlp.report.content import ReportContent
from mnist_mlp.report.evidence import ReportedRun
from mnist_mlp.report.figures.curves import finish_accuracy, finish_loss, height_of_curves, two_panels
from mnist_mlp.report.figures.registry import Section, figure

PARTS = {"train": "training", "validation": "validation"}
MARKED = "validation"  # the curve whose best epoch is marked


@figure(
    "learning_curve",
    section=Section.BEST,
    is_in_text=True,
)
def learning_curve(content: ReportContent) -> Picture | None:
    """Returns the figure, or None if there is no best run."""
    run = content.conclusions.best_run
    return learning_picture(run) if run else None


def learning_picture(run: ReportedRun) -> Picture:
    """Returns the figure of a run's learning curves."""
    epochs, height = len(run.record.epochs), height_of_curves()
    subtitle = (
        f"Preset {run.record.preset_name}, seed {run.record.seed}. Training: mean over each epoch, dropout on.\n"
        "Validation: after each epoch, dropout off. Marker: best epoch. A training accuracy of 100% is at the edge."
    )

    def paint(figure: SubFigure) -> None:
        upper, lower = two_panels(figure, height)
        shown = np.concatenate([run.curves[f"{part} accuracy"] for part in PARTS])
        finish_accuracy(upper, shown, epochs, _lines(upper, run, "accuracy"))
        finish_loss(lower, epochs, _lines(lower, run, "cross_entropy"))

    return Picture(f"Best epoch: {run.record.best_epoch} of {epochs}", subtitle, height, paint)


def _lines(axes: Axes, run: ReportedRun, curve: str) -> list[EndLabel]:
    """Draws the training line and the validation line; returns their labels."""
    ends, best = [], run.record.best_epoch
    for index, (part, name) in enumerate(PARTS.items()):
        values, style = run.curves[f"{part} {curve}"], look(index)
        single = style.marker if len(values) == 1 else None  # a line needs two points
        axes.plot(np.arange(1, len(values) + 1), values, color=style.color, linestyle=style.line, marker=single)
        if part == MARKED:
            marker = {"color": style.color, "markeredgecolor": "white", "markersize": 8}
            axes.plot(best, values[best - 1], style.marker, **marker)
        finite = values[np.isfinite(values)]
        if len(finite):  # the loss of a diverged run may be NaN in all epochs
            ends.append(EndLabel(float(finite[-1]), name, style.color))
    return ends
