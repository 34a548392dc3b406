"""Figures of the studies: test accuracy of each value, then validation accuracy and cross-entropy over the epochs."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure

from mnist_mlp.data.dataset import MNIST
from mnist_mlp.drawing.labels import EndLabel
from mnist_mlp.drawing.scales import accuracy_scale, limits_of_accuracy
from mnist_mlp.drawing.style import SMALL, Picture, look
from mnist_mlp.report.content import ReportContent
from mnist_mlp.report.figures.curves import (
    LETTERS_IN_LABEL,
    finish_accuracy,
    finish_loss,
    height_of_curves,
    panel,
    two_panels,
)
from mnist_mlp.report.figures.registry import family
from mnist_mlp.report.findings import Finding
from mnist_mlp.report.studies import Study, figure_names

ROW = 0.28  # height of each row of the dot plot, in inches
MAX_LETTERS = 9  # in each line of the labels to its left
BELOW_DOTS = 0.75  # height of its axis labels and of the gap below them


@family(names=figure_names, is_numbered=True)
def studies(content: ReportContent) -> dict[str, Picture]:
    """Returns the figures of all studies."""
    return {finding.study.figure: study_picture(finding) for finding in content.findings}


def study_picture(finding: Finding) -> Picture:
    """Returns the figure of a study. Curves are not smoothed."""
    study = finding.study
    runs = [run for arm in study.arms for run in arm.seeds]
    epochs = max(len(run.record.epochs) for run in runs)
    labels = [_wrapped(study.short_value(arm)) for arm in study.arms]
    row = ROW * max(1 + label.count("\n") for label in labels)
    dots = row * len(study.arms) if any(arm.scored for arm in study.arms) else 0.0
    subtitle = _subtitle(study, has_dots=bool(dots))
    above = dots + BELOW_DOTS if dots else 0.0
    height = above + height_of_curves()

    def paint(figure: SubFigure) -> None:
        if dots:
            _draw_dots(panel(figure, height, 0.05, dots), study, labels)
        upper, lower = two_panels(figure, height, above)
        shown = np.concatenate([run.curves["validation accuracy"] for run in runs])
        finish_accuracy(upper, shown, epochs, _lines(upper, study, "validation accuracy"))
        finish_loss(lower, epochs, _lines(lower, study, "validation cross_entropy"))

    return Picture(finding.headline, subtitle, height, paint)


def _subtitle(study: Study, *, has_dots: bool) -> str:
    numbers = [len(arm.seeds) for arm in study.arms]
    return " ".join(
        [
            *(["Top: test accuracy."] if has_dots else []),
            f"Curves: accuracy and cross-entropy of the {MNIST.validation_images:,} validation images.",
            *(["Bands: range over seeds."] if max(numbers) > 1 else []),
            *(["Marker on a curve: best epoch."] if min(numbers) == 1 else []),
        ]
    )


def _draw_dots(axes: Axes, study: Study, labels: Sequence[str]) -> None:
    """Draws the mean test accuracy of each value, with its interval, from top to bottom."""
    rows = list(reversed(range(len(study.arms))))
    scored = [(row, index, arm) for row, (index, arm) in zip(rows, enumerate(study.arms), strict=True) if arm.scored]
    for row, index, arm in scored:
        style = look(index)
        if arm.interval:
            axes.plot([arm.interval.low, arm.interval.high], [row, row], color=style.color, linewidth=2)
        axes.plot(arm.mean_test, row, style.marker, color=style.color, markeredgecolor="white", markersize=8)
    ends = [arm.mean_test for _, _, arm in scored]
    ends += [end for _, _, arm in scored if arm.interval for end in (arm.interval.low, arm.interval.high)]
    accuracy_scale(axes, *limits_of_accuracy(ends), vertical=False)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_yticks(rows, labels, fontsize=SMALL)
    axes.tick_params(axis="y", length=0)
    axes.grid(False, axis="y")
    axes.set_xlabel("test accuracy (95% interval over seeds)")


def _wrapped(text: str) -> str:
    """Returns a label in two lines at most; layer sizes are broken after a hyphen."""
    lines = textwrap.wrap(text, MAX_LETTERS, max_lines=2, placeholder="\N{HORIZONTAL ELLIPSIS}")
    return "\n".join(lines)


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
    return EndLabel(float(finite[-1]), "\n".join(textwrap.wrap(study.short_value(arm), LETTERS_IN_LABEL)), style.color)
