"""Figures: validation accuracy and cross-entropy over the epochs for each study, one line per value, not smoothed."""

from __future__ import annotations

import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnist_mlp.data.dataset import MNIST
from mnist_mlp.drawing.labels import EndLabel
from mnist_mlp.drawing.style import Picture, look, title
from mnist_mlp.report.content import ReportContent
from mnist_mlp.report.figures.curves import finish_accuracy, finish_loss, two_axes
from mnist_mlp.report.figures.registry import family
from mnist_mlp.report.findings import Finding
from mnist_mlp.report.studies import Study, figure_names

MANY_LINES = 12  # with more lines, labels are smaller


@family(names=figure_names, is_numbered=True)
def studies(content: ReportContent) -> dict[str, Picture]:
    """Returns the figures of all studies."""
    return {finding.study.figure: study_picture(finding) for finding in content.findings}


def study_picture(finding: Finding) -> Picture:
    """Returns the figure of a study."""
    study = finding.study
    runs = [run for arm in study.arms for run in arm.seeds]
    has_several_seeds = any(len(arm.seeds) > 1 for arm in study.arms)
    subtitle = f"Results on the {MNIST.validation_images:,} validation images, by {study.title}.\nMarker: best epoch."
    subtitle += " Line and band: mean and range over seeds." if has_several_seeds else ""
    epochs = max(len(run.record.epochs) for run in runs)
    points = 10 if len(study.arms) <= MANY_LINES else 7

    def paint(figure: Figure) -> None:
        title(figure, finding.headline, subtitle)
        upper, lower = two_axes(figure, right=0.77)
        shown = np.concatenate([run.curves["validation accuracy"] for run in runs])
        finish_accuracy(upper, shown, epochs, _lines(upper, study, "validation accuracy"), points)
        finish_loss(lower, epochs, _lines(lower, study, "validation cross_entropy"), points)

    return Picture(6.6, paint)


def _lines(axes: Axes, study: Study, curve: str) -> list[EndLabel]:
    """Draws one line per value; returns the labels."""
    ends = [_line(axes, study, index, curve) for index in range(len(study.arms))]
    return [end for end in ends if end]


def _line(axes: Axes, study: Study, index: int, curve: str) -> EndLabel | None:
    """Draws the line of a value, with its range over seeds; returns its label."""
    arm, style = study.arms[index], look(index)
    length = min(len(run.record.epochs) for run in arm.seeds)
    values = np.array([run.curves[curve][:length] for run in arm.seeds])
    epochs, mean = np.arange(1, length + 1), values.mean(axis=0)
    axes.plot(epochs, mean, color=style.color, linestyle=style.line, linewidth=1.3)
    if len(values) > 1:
        axes.fill_between(epochs, values.min(axis=0), values.max(axis=0), color=style.color, alpha=0.18, linewidth=0)
    else:
        best = arm.seeds[0].record.best_epoch
        axes.plot(best, mean[best - 1], style.marker, color=style.color, markeredgecolor="white", markersize=7)
    finite = mean[np.isfinite(mean)]
    if not len(finite):
        return None
    return EndLabel(float(finite[-1]), "\n".join(textwrap.wrap(study.short_value(arm), 20)), style.color)
