"""Figure: the largest one-factor effect of each hyperparameter and its PED-ANOVA share."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnist_mlp.drawing.style import BLUE, GRAY, TOP, VERMILION, Picture, title
from mnist_mlp.report.content import ReportContent
from mnist_mlp.report.figures.registry import Section, figure
from mnist_mlp.report.importance import FieldImportance
from mnist_mlp.report.studies import title_of
from mnist_mlp.report.wording import points


@figure(
    "importance",
    alt="Importance of each hyperparameter. The table contains the numbers.",
    section=Section.IMPORTANCE,
    is_in_text=True,
)
def importance(content: ReportContent) -> Picture | None:
    """Returns the figure, or None if there is no ranking."""
    fields = [field for field in content.ranking.fields if field.share or field.largest][::-1]
    if not fields or not content.conclusions.best:
        return None
    has_shares = any(field.share for field in fields)
    headline = "Hyperparameter importance"
    if fields[-1].largest:
        headline = f"Largest effect when changed alone: {title_of(fields[-1].field)}"
    subtitle = "Largest change in test accuracy when nothing else changes."
    if has_shares:
        subtitle = "Left: largest change in test accuracy when nothing else changes.\n"
        subtitle += "Right: PED-ANOVA share (best 25% of presets vs. all), with 95% interval."

    def paint(figure: Figure) -> None:
        title(figure, headline, subtitle)
        height = figure.get_figheight()
        panels = figure.subplots(1, 2 if has_shares else 1, sharey=True, squeeze=False)[0]
        figure.subplots_adjust(left=0.32, right=0.96, bottom=0.6 / height, top=1 - TOP / height, wspace=0.1)
        _effects(panels[0], fields)
        if has_shares:
            _shares(panels[1], fields)

    return Picture(TOP + 0.8 + 0.42 * len(fields), paint)


def _effects(axes: Axes, fields: Sequence[FieldImportance]) -> None:
    amounts = [field.largest.amount if field.largest else 0.0 for field in fields]
    lengths = [abs(amount) * 100 for amount in amounts]
    axes.barh(
        range(len(fields)), lengths, color=[BLUE if amount >= 0 else VERMILION for amount in amounts], height=0.55
    )
    for row, field in enumerate(fields):
        text = points(field.largest.amount) if field.largest else "no comparison"
        axes.annotate(text, (lengths[row], row), (4, 0), textcoords="offset points", va="center", size=9)
    axes.set_xlim(0, (max(lengths) or 1) * 1.35)
    axes.set_xlabel("accuracy change (points)")
    axes.set_yticks(range(len(fields)), ["\n".join(textwrap.wrap(title_of(field.field), 20)) for field in fields])
    axes.tick_params(axis="y", length=0)


def _shares(axes: Axes, fields: Sequence[FieldImportance]) -> None:
    for row, field in enumerate(fields):
        if field.share:
            axes.plot([field.share.low * 100, field.share.high * 100], [row, row], color=GRAY, linewidth=2)
            axes.plot(field.share.value * 100, row, "o", color=BLUE, markersize=7)
    axes.set_xlim(left=0)
    axes.set_xlabel("share (%)")
    axes.tick_params(axis="y", length=0)
