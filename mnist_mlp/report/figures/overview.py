"""Every preset's test accuracy with its interval, and its validation accuracy beside it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnist_mlp.drawing.scales import accuracy_scale, limits_of_accuracy
from mnist_mlp.drawing.style import BLUE, GRAY, TOP, Picture, title
from mnist_mlp.presets.declarations import HYPERPARAMETERS
from mnist_mlp.presets.preset import Preset, format_field
from mnist_mlp.report.content import ReportContent
from mnist_mlp.report.figures.registry import Section, figure
from mnist_mlp.report.intervals import interval_of_test
from mnist_mlp.report.studies import Experiment

MANY_PRESETS = 60  # from which rows and letters are small
ROOM_AT_LEFT = 0.93  # lowest accuracy from which the points are moved to the right half, so that words have room
INTERVALS_MAY_LEAVE = 1.3  # room beyond the means; an interval over two seeds may be longer
UNCLEAR_ALONE = ("none", "default", "constant")  # values that need the hyperparameter's title


@figure(
    "overview",
    alt="Accuracy of every preset with its interval; the numbers are in the tables below.",
    section=Section.RESULT,
    is_in_text=True,
)
def overview(content: ReportContent) -> Picture | None:
    """Returns the figure, None if no run has ended."""
    return overview_picture(content.experiments) if content.experiments else None


def overview_picture(experiments: Sequence[Experiment]) -> Picture:
    """Returns the figure of experiments."""
    ordered = sorted(experiments, key=lambda experiment: (experiment.mean_test or 0.0, experiment.mean_validation))
    row_height = 0.25 if len(ordered) <= MANY_PRESETS else 0.14
    points = 8 if row_height > 0.2 else 6
    subtitle = "Every preset's accuracy; errors halve at equal steps to the right."
    if any(experiment.scored for experiment in experiments):
        subtitle += "\nFilled: test, with 95% interval (square: over seeds). Open: validation."

    def paint(figure: Figure) -> None:
        title(figure, _headline(experiments), subtitle)
        height = figure.get_figheight()
        axes = figure.subplots()
        figure.subplots_adjust(left=0.12, right=0.97, bottom=0.55 / height, top=1 - TOP / height)
        for row, experiment in enumerate(ordered):
            _draw_accuracies(axes, row, experiment)
        accuracy_scale(axes, *_limits(ordered), vertical=False)
        axes.set_ylim(-0.7, len(ordered) - 0.3)
        for row, experiment in enumerate(ordered):
            _describe(axes, row, experiment, experiments, points)
        axes.set_yticks(range(len(ordered)), [experiment.label for experiment in ordered], fontsize=points + 1)
        axes.tick_params(axis="y", length=0)
        axes.grid(False, axis="y")
        axes.set_ylabel("preset")
        axes.set_xlabel("accuracy")

    return Picture(TOP + 0.6 + row_height * max(len(ordered), 4), paint)


def _headline(experiments: Sequence[Experiment]) -> str:
    best = max(experiments, key=lambda experiment: experiment.mean_validation)
    headline = f"Best on validation: preset {best.label}"
    return headline if best.mean_test is None else f"{headline}, {best.mean_test:.2%} in the test"


def _draw_accuracies(axes: Axes, row: int, experiment: Experiment) -> None:
    axes.plot(experiment.mean_validation, row, "o", markersize=5, markerfacecolor="none", color=GRAY)
    interval = interval_of_test(experiment)
    if interval:
        axes.plot([interval.low, interval.high], [row, row], color=BLUE, linewidth=2, solid_capstyle="butt")
        axes.plot(experiment.mean_test, row, "s" if interval.is_over_seeds else "o", color=BLUE, markersize=5.5)


def _limits(experiments: Sequence[Experiment]) -> tuple[float, float]:
    means = [
        mean
        for experiment in experiments
        for mean in (experiment.mean_validation, experiment.mean_test)
        if mean is not None
    ]
    low, high = limits_of_accuracy(means, room=INTERVALS_MAY_LEAVE)
    if low > ROOM_AT_LEFT:
        low = 1 - (1 - low) ** 2 / (1 - high)
    return low, high


def _describe(axes: Axes, row: int, experiment: Experiment, experiments: Sequence[Experiment], points: float) -> None:
    """Writes the preset in words on the side of its points that has more room."""
    box = axes.get_window_extent()
    letter = 0.53 * points * axes.figure.dpi / 72 / box.width
    shown = [axes.transData.transform((x, 0))[0] for x in _shown_accuracies(experiment)]
    before, after = (min(shown) - box.x0) / box.width, (box.x1 - max(shown)) / box.width
    is_at_left = before > after
    letters = int((max(before, after) - 0.04) / letter)
    words = described(experiment.preset)
    if len(words) > letters:
        words = textwrap.shorten(change_from_nearest(experiment, experiments), max(4, letters), placeholder=" ...")
    alignment = {"ha": "left" if is_at_left else "right", "va": "center", "transform": axes.get_yaxis_transform()}
    axes.text(0.01 if is_at_left else 0.99, row, words, fontsize=points, color=GRAY, **alignment)


def _shown_accuracies(experiment: Experiment) -> list[float]:
    interval = interval_of_test(experiment)
    return [experiment.mean_validation, *([experiment.mean_test, interval.low, interval.high] if interval else [])]


def described(preset: Preset) -> str:
    """Returns a preset in few words: its hidden layers, and everything else that is not the default."""
    return _in_words(preset, ["hidden_sizes", *preset.differences(Preset(hidden_sizes=preset.hidden_sizes))])


def change_from_nearest(experiment: Experiment, experiments: Sequence[Experiment]) -> str:
    """Returns how a preset differs from the most similar one with a lower number; the preset itself without one."""
    preset = experiment.preset
    earlier = [other for other in experiments if other.numbers < experiment.numbers]
    if not earlier:
        return described(preset)
    nearest = min(reversed(earlier), key=lambda other: len(preset.differences(other.preset)))
    return f"as {nearest.label}, but {_in_words(preset, preset.differences(nearest.preset))}"


def _in_words(preset: Preset, names: Iterable[str]) -> str:
    words = []
    for name in names:
        declared, value = HYPERPARAMETERS[name], format_field(getattr(preset, name))
        words.append(f"{declared.title} {value}" if value in UNCLEAR_ALONE else f"{declared.label}{value}")
        if name == "optimizer" and preset.optimizer_arguments:
            words[-1] += f" {format_field(preset.optimizer_arguments)}"
    return ", ".join(words)
