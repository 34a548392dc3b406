"""Figure: the largest effect of each hyperparameter on the test accuracy, with its interval."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from mnist_mlp.drawing.style import BLUE, GRAY, SMALL, VERMILION, Picture
from mnist_mlp.report.content import ReportContent
from mnist_mlp.report.effects import Effect, Importance
from mnist_mlp.report.figures.registry import Section, figure
from mnist_mlp.report.wording import listed, points

TICKS = (-50, -10, -3, -1, 0, 1, 3, 10, 50)  # points
LINEAR = 1.0  # points; the scale is linear up to here, and logarithmic beyond
MARGIN = 1.5
ROOM = 3  # between the largest loss and the edge, as a factor, so that the number above it does not cover the labels
LETTERS_IN_LABEL = 22  # in each line
MOST_NAMED = 5  # in the headline
ROW = 0.5  # height of each hyperparameter, in inches


@figure(
    "effects",
    section=Section.RESULT,
    is_in_text=True,
)
def effects(content: ReportContent) -> Picture | None:
    """Returns the figure, or None if nothing was compared."""
    shown = [importance for importance in content.importances if importance.largest]
    return effects_picture(shown, _failing_values(content.importances)) if shown else None


def effects_picture(importances: Sequence[Importance], failing: Sequence[str] = ()) -> Picture:
    """Returns the figure of these hyperparameters; all have an effect.

    Args:
        failing: values with which training fails. They have no place on the axis.
    """
    rows = list(importances)[::-1]
    subtitle = "Largest change in test accuracy when nothing else changes, with 95% interval, adjusted for all "
    subtitle += "comparisons (filled: significant). "
    subtitle += "Small dots: all other changes. " if any(len(one.effects) > 1 for one in importances) else ""
    subtitle += "The effects depend on the values that were tried. Axis: linear up to 1 point, then logarithmic."
    subtitle += f"\nNot shown, because training fails: {'; '.join(failing)}." if failing else ""
    height = 0.9 + ROW * len(rows)

    def paint(figure: SubFigure) -> None:
        axes = figure.add_axes((0.36, 0.55 / height, 0.6, 1 - 0.85 / height))
        axes.axvline(0, color=GRAY, linewidth=1)
        for row, importance in enumerate(rows):
            _draw_row(axes, row, importance)
        _scale(axes, [effect for importance in rows for effect in importance.effects])
        axes.set_ylim(-0.6, len(rows) - 0.2)
        axes.set_yticks(range(len(rows)), [_label(one) for one in rows])
        axes.tick_params(axis="y", length=0, labelsize=SMALL)
        axes.tick_params(axis="x", top=True, labeltop=True)
        axes.set_xlabel("change in test accuracy (points)")

    return Picture(_headline(importances), subtitle, height, paint)


def _headline(importances: Sequence[Importance]) -> str:
    significant = [one.largest.study.title for one in importances if one.is_significant]
    if len(importances) == 1:
        return f"Effect of {importances[0].largest.study.title}"
    if not significant:
        return "No significant effect so far"
    named = [*significant[:MOST_NAMED], *(["others"] if len(significant) > MOST_NAMED else [])]
    return f"Significant {'effect' if len(significant) == 1 else 'effects'}: {listed(named)}"


def _failing_values(importances: Sequence[Importance]) -> list[str]:
    """Returns the values with which training fails: "learning rate 0.1 and 1".

    If a value does not always fail, names the presets: "weight decay 0.1 (preset 216)".
    """
    found = []
    for importance in importances:
        studies = {id(effect.study): effect.study for effect in (*importance.effects, *importance.failures)}.values()
        failed = [(study.short_value(arm), arm.label) for study in studies for arm in study.failed]
        learned = {study.short_value(arm) for study in studies for arm in study.arms if not arm.has_failed}
        values = []
        for value in dict.fromkeys(value for value, _ in failed):
            labels = list(dict.fromkeys(label for other, label in failed if other == value))
            presets = f" ({'preset' if len(labels) == 1 else 'presets'} {listed(labels)})"
            values.append(value + presets if value in learned else value)
        if values:
            found.append(f"{importance.failures[0].study.title} {listed(values)}")
    return found


def _draw_row(axes: Axes, row: int, importance: Importance) -> None:
    largest, *others = importance.effects
    axes.plot([effect.amount * 100 for effect in others], [row] * len(others), "o", color=GRAY, markersize=3.5)
    color = GRAY if not largest.is_significant else BLUE if largest.amount > 0 else VERMILION
    difference, amount = largest.comparison.difference, largest.amount * 100
    axes.plot([difference.low * 100, difference.high * 100], [row, row], color=color, linewidth=2)
    axes.plot(amount, row, "o", color=color, markersize=7, markerfacecolor=_face(largest, color))
    above = {"xytext": (0, 7), "textcoords": "offset points", "ha": "center", "size": SMALL}
    above["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 0}
    axes.annotate(points(largest.amount), (amount, row), **above)


def _label(importance: Importance) -> str:
    change = importance.largest.change
    if len(change) > LETTERS_IN_LABEL:  # layer sizes
        change = change.replace(" \N{RIGHTWARDS ARROW} ", " \N{RIGHTWARDS ARROW}\n")
    return "\n".join([*textwrap.wrap(importance.title, LETTERS_IN_LABEL - 3), change])


def _face(effect: Effect, color: str) -> str:
    return color if effect.is_significant else "white"


def _scale(axes: Axes, effects: Sequence[Effect]) -> None:
    """Sets a scale that shows effects of 0.1 and of 30 points: linear near 0, logarithmic further out."""
    differences = [effect.comparison.difference for effect in effects]
    lows = [*(difference.low * MARGIN for difference in differences), *(effect.amount * ROOM for effect in effects)]
    low = min(-LINEAR, *(end * 100 for end in lows))
    high = max(LINEAR, *(difference.high * 100 * MARGIN for difference in differences))
    axes.set_xscale("symlog", linthresh=LINEAR, linscale=0.7)
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(FixedLocator([tick for tick in TICKS if low <= tick <= high]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:g}".replace("-", "\N{MINUS SIGN}")))
