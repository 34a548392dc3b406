"""The content of a figure of small panels: a column per run, a row per measure, curves over the epochs in each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np

from mnist_mlp.report.evidence import ReportedRun
from mnist_mlp.training.results import layer_names

MOST_LAYERS = 6  # that one panel shows


class Scale(Enum):
    """The scale of a row's axis."""

    LOGARITHMIC = auto()
    SHARE = auto()  # 0 to 100%


@dataclass(frozen=True)
class Row:
    """A row of panels: the label of its axis and the scale."""

    label: str
    scale: Scale = Scale.LOGARITHMIC


@dataclass(frozen=True)
class Panels:
    """Panels over the epochs, with common axes.

    Attributes:
        name: of the figure's files.
        headline: what it shows, in a few words.
        subtitle: of which runs, in one or two lines.
        rows: from top to bottom.
        columns: heading of each column.
        curves: float64 [epochs] by (row, column), then by the line's name.
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
    """Returns panels of what each layer does.

    Args:
        measures: the row by the measure's name in `ReportedRun.layers`.
        runs: by the heading of their column; each has layers.
        epochs: how many to show, None for all.
    """
    curves = {
        (row, column): _by_layer(run, measure, epochs)
        for row, measure in enumerate(measures)
        for column, run in enumerate(runs.values())
    }
    return Panels(name, headline, subtitle, list(measures.values()), list(runs), curves)


def _by_layer(run: ReportedRun, measure: str, epochs: int | None) -> dict[str, np.ndarray]:
    """Returns the curve of each layer; of many layers some, the first and the last among them."""
    names = [name.replace("_", " ") for name in layer_names(run.preset)]
    shown = sorted({round(index) for index in np.linspace(0, len(names) - 1, min(len(names), MOST_LAYERS))})
    return {names[index]: run.layers[measure][:epochs, index] for index in shown}
