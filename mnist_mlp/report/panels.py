"""Data for a grid of small panels with curves over the epochs: one column per run, one row per quantity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np

from mnist_mlp.report.evidence import ReportedRun
from mnist_mlp.training.results import layer_names

MAX_CURVES = 6  # in one panel


class Scale(Enum):
    """Scale of a row's vertical axis."""

    LOGARITHMIC = auto()
    SHARE = auto()  # linear, 0 to 100%


@dataclass(frozen=True)
class Row:
    """A row of panels: axis label and scale."""

    label: str
    scale: Scale = Scale.LOGARITHMIC


@dataclass(frozen=True)
class Panels:
    """A grid of panels with shared axes; the horizontal axis is the epoch.

    Attributes:
        name: file name of the figure, without extension.
        headline: short title.
        subtitle: which runs are shown, in one or two lines.
        rows: the rows, from top to bottom.
        columns: heading of each column.
        curves: for each (row, column), the lines by name; each is float64 [epochs].
    """

    name: str
    headline: str
    subtitle: str
    rows: Sequence[Row]
    columns: Sequence[str]
    curves: Mapping[tuple[int, int], Mapping[str, np.ndarray]]


def panels_of_layers(
    name: str,
    headline: str,
    subtitle: str,
    measures: Mapping[str, Row],
    runs: Mapping[str, ReportedRun],
    epochs: int | None = None,
) -> Panels:
    """Returns panels with one curve per layer.

    Args:
        name: file name of the figure, without extension.
        headline: short title.
        subtitle: which runs are shown.
        measures: the row for each quantity, by the quantity's name in `ReportedRun.layers`.
        runs: runs with layer statistics, by column heading.
        epochs: number of epochs to show, or None for all.
    """
    curves = {
        (row, column): curves_by_layer(run, measure, epochs)
        for row, measure in enumerate(measures)
        for column, run in enumerate(runs.values())
    }
    return Panels(name, headline, subtitle, list(measures.values()), list(runs), curves)


def curves_by_layer(run: ReportedRun, measure: str, epochs: int | None = None) -> dict[str, np.ndarray]:
    """Returns the curve of each layer. For deep networks, picks evenly spaced layers, including first and last."""
    names = [name.replace("_", " ") for name in layer_names(run.preset)]
    shown = sorted({round(index) for index in np.linspace(0, len(names) - 1, min(len(names), MAX_CURVES))})
    return {names[index]: run.layers[measure][:epochs, index] for index in shown}
