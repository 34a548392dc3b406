"""Figure: the test accuracy of every preset, with its interval, and its validation accuracy."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import SubFigure

from mnist_mlp.drawing.scales import accuracy_scale, limits_of_accuracy
from mnist_mlp.drawing.style import BLUE, GRAY, SMALL, Picture
from mnist_mlp.report.content import ReportContent
from mnist_mlp.report.descriptions import change_from_nearest, described
from mnist_mlp.report.experiments import Experiment
from mnist_mlp.report.figures.registry import Section, figure

ROW = 0.22  # height of each preset, in inches
CROWDED_RIGHT = 0.93  # if all accuracies are above this, the axis is extended on the left to make room for text
MARGIN = 1.3  # around the means; intervals over two seeds may be wider and are then clipped


@figure(
    "overview",
    section=Section.RESULT,
    is_in_text=True,
)
def overview(content: ReportContent) -> Picture | None:
    """Returns the figure, or None if no run has completed."""
    return overview_picture(content.experiments, content.conclusions.best) if content.experiments else None


def overview_picture(experiments: Sequence[Experiment], best: Experiment) -> Picture:
    """Returns the figure of these experiments, with the best one in the headline."""
    ordered = sorted(experiments, key=lambda experiment: experiment.mean_validation)
    subtitle = "Accuracy of every preset, on a logarithmic scale of the error rate."
    if any(experiment.scored for experiment in experiments):
        has_squares = any(len(experiment.scored) > 1 for experiment in experiments)
        square = " (square: several seeds were trained)" if has_squares else ""
        subtitle += f"\nFilled: test, with 95% interval over seeds{square}. Open: validation."
    height = 0.6 + ROW * max(len(ordered), 4)

    def paint(figure: SubFigure) -> None:
        axes = figure.add_axes((0.16, 0.55 / height, 0.81, 1 - 0.55 / height))
        for row, experiment in enumerate(ordered):
            _draw_accuracies(axes, row, experiment)
        accuracy_scale(axes, *_limits(ordered), vertical=False)
        axes.set_ylim(-0.7, len(ordered) - 0.3)
        for row, experiment in enumerate(ordered):
            _describe(axes, row, experiment, experiments)
        axes.set_yticks(range(len(ordered)), [experiment.label for experiment in ordered], fontsize=SMALL)
        axes.tick_params(axis="y", length=0)
        axes.grid(False, axis="y")
        axes.set_ylabel("preset")
        axes.set_xlabel("accuracy")

    headline = f"Best on validation: preset {best.label}"
    headline += "" if best.mean_test is None else f", test accuracy {best.mean_test:.2%}"
    return Picture(headline, subtitle, height, paint)


def _draw_accuracies(axes: Axes, row: int, experiment: Experiment) -> None:
    axes.plot(experiment.mean_validation, row, "o", markersize=5, markerfacecolor="none", color=GRAY)
    interval = experiment.interval
    if interval:
        axes.plot([interval.low, interval.high], [row, row], color=BLUE, linewidth=2, solid_capstyle="butt")
    if experiment.scored:
        axes.plot(experiment.mean_test, row, "s" if len(experiment.scored) > 1 else "o", color=BLUE, markersize=5.5)


def _limits(experiments: Sequence[Experiment]) -> tuple[float, float]:
    means = [
        mean
        for experiment in experiments
        for mean in (experiment.mean_validation, experiment.mean_test)
        if mean is not None
    ]
    low, high = limits_of_accuracy(means, room=MARGIN)
    if low > CROWDED_RIGHT:
        low = 1 - (1 - low) ** 2 / (1 - high)
    return low, high


def _describe(axes: Axes, row: int, experiment: Experiment, experiments: Sequence[Experiment]) -> None:
    """Writes a description of the preset on the side of its points that has more room."""
    box = axes.get_window_extent()
    letter = 0.55 * SMALL * axes.figure.dpi / 72 / box.width
    shown = [axes.transData.transform((x, 0))[0] for x in _shown_accuracies(experiment)]
    before, after = (min(shown) - box.x0) / box.width, (box.x1 - max(shown)) / box.width
    is_at_left = before > after
    letters = int((max(before, after) - 0.04) / letter)
    words = described(experiment.preset)
    if len(words) > letters:
        words = textwrap.shorten(change_from_nearest(experiment, experiments), max(4, letters), placeholder=" ...")
    alignment = {"ha": "left" if is_at_left else "right", "va": "center", "transform": axes.get_yaxis_transform()}
    background = {"facecolor": "white", "edgecolor": "none", "pad": 1}  # hides the grid
    axes.text(0.01 if is_at_left else 0.99, row, words, fontsize=SMALL, color=GRAY, bbox=background, **alignment)


def _shown_accuracies(experiment: Experiment) -> list[float]:
    interval = experiment.interval
    test = [experiment.mean_test] if experiment.scored else []
    return [experiment.mean_validation, *test, *([interval.low, interval.high] if interval else [])]
