"""Figures: small panels for the answers to questions, with a common legend below."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter, PercentFormatter

from mnist_mlp.drawing.scales import log_scale
from mnist_mlp.drawing.style import SMALL, WIDTH, Picture, look
from mnist_mlp.report.content import ReportContent
from mnist_mlp.report.figures.registry import family
from mnist_mlp.report.panels import Panels, Row, Scale
from mnist_mlp.report.questions.answer import PANELS

SMALLEST_DRAWN = 1e-8  # on logarithmic axes; smaller values would flatten everything else
LETTER, HANDLE = 0.08, 0.6  # width of a letter and of a line with its gaps in the legend, in inches
LEGEND_ROW = 0.22  # inches
ROW_HEIGHT = 1.7  # inches
LEFT = 0.22
LETTERS_IN_HEADINGS = 46  # of all columns together


@family(names=lambda: PANELS)
def panels(content: ReportContent) -> dict[str, Picture]:
    """Returns the figures of all answers that have panels."""
    return {answer.panels.name: panels_picture(answer.panels) for answer in content.answers if answer.panels}


def panels_picture(panels: Panels) -> Picture:
    """Returns the figure of these panels."""
    names = list(dict.fromkeys(name for lines in panels.curves.values() for name in lines))
    legend_columns = max(1, int(WIDTH / (HANDLE + LETTER * max(map(len, names)))))
    legend = LEGEND_ROW * -(-len(names) // legend_columns)
    headings = [_heading(column, len(panels.columns)) for column in panels.columns]
    above = 0.1 + 0.18 * (1 + max(heading.count("\n") for heading in headings))
    height = above + ROW_HEIGHT * len(panels.rows) + 0.6 + legend

    def paint(figure: SubFigure) -> None:
        grid = figure.subplots(len(panels.rows), len(panels.columns), sharex=True, sharey="row", squeeze=False)
        figure.subplots_adjust(
            left=LEFT,
            right=0.97,
            bottom=(0.6 + legend) / height,
            top=1 - above / height,
            hspace=0.12,
            wspace=0.12 if len(panels.columns) < 3 else 0.3,
        )
        for (row, column), lines in panels.curves.items():
            _draw_lines(grid[row, column], {names.index(name): lines[name] for name in lines}, panels.rows[row].scale)
        for axes, row in zip(grid[:, 0], panels.rows, strict=True):
            _finish_row(axes, row)
        _finish_columns(grid[0], panels, headings)
        figure.text(0.58, (0.2 + legend) / height, "epoch (log scale)", ha="center", fontsize=SMALL)
        _legend(figure, names, legend_columns)

    return Picture(panels.headline, panels.subtitle, height, paint)


def _heading(text: str, columns: int) -> str:
    """Returns the heading of a column, wrapped to the column's width."""
    letters = LETTERS_IN_HEADINGS // columns
    return "\n".join(part for line in text.splitlines() for part in textwrap.wrap(line, letters))


def _draw_lines(axes: Axes, lines: dict[int, np.ndarray], scale: Scale) -> None:
    """Draws lines by number. The number determines the style."""
    axes.tick_params(labelsize=SMALL)
    for number, values in lines.items():
        style, epochs = look(number), np.arange(1, len(values) + 1)
        is_drawn = np.isfinite(values) & ((values >= SMALLEST_DRAWN) | (scale is Scale.SHARE))
        marker = style.marker if is_drawn.sum() == 1 else None
        drawn = np.where(is_drawn, values, np.nan)
        axes.plot(epochs, drawn, color=style.color, linestyle=style.line, marker=marker, linewidth=1.2)


def _finish_row(axes: Axes, row: Row) -> None:
    if row.scale is Scale.SHARE:
        axes.set_ylim(-0.03, 1.03)
        axes.yaxis.set_major_formatter(PercentFormatter(1))
    else:
        log_scale(axes)
    axes.set_ylabel("\n".join(textwrap.wrap(row.label, 22)), fontsize=SMALL)
    axes.yaxis.set_label_coords(-0.58 / (axes.get_position().width * WIDTH), 0.5)


def _finish_columns(top_row: Sequence[Axes], panels: Panels, headings: Sequence[str]) -> None:
    longest = max(len(values) for lines in panels.curves.values() for values in lines.values())
    first = top_row[0]
    first.set_xscale("log")
    first.set_xlim(0.9, max(longest, 2) * 1.2)
    first.xaxis.set_major_formatter(FuncFormatter(lambda epoch, _: f"{epoch:g}"))
    first.xaxis.set_minor_formatter(NullFormatter())
    for axes, heading in zip(top_row, headings, strict=True):
        axes.set_title(heading, fontsize=SMALL, linespacing=1.2)


def _legend(figure: SubFigure, names: Sequence[str], columns: int) -> None:
    handles = [Line2D([], [], color=look(number).color, linestyle=look(number).line) for number in range(len(names))]
    figure.legend(handles, names, loc="lower center", ncol=columns, frameon=False, fontsize=SMALL, handlelength=2.5)
