"""What a figure of small panels shows: a column a run, a row a measure, curves over the epochs in each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mnist_mlp.report.evidence import ReportedRun, layer_names

MOST_LAYERS = 6  # that one panel shows


@dataclass(frozen=True)
class Panels:
    """Panels over the epochs, with axes in common.

    Attributes:
        name: of the figure's files.
        finding: what it shows, in a few words.
        what: of which runs, in a line.
        rows: label of each row's axis; "share" in it makes the axis one of shares, others are logarithmic.
        columns: heading of each column.
        curves: float64 [epochs] by (row, column), then by the line's name.
    """

    name: str
    finding: str
    what: str
    rows: Sequence[str]
    columns: Sequence[str]
    curves: Mapping[tuple[int, int], Mapping[str, np.ndarray]]


def of_layers(
    name: str,
    finding: str,
    what: str,
    measures: Mapping[str, str],
    runs: Mapping[str, ReportedRun],
    epochs: int | None = None,
) -> Panels:
    """Returns panels of what each layer does.

    Args:
        measures: label of the axis by the measure's name in `ReportedRun.layers`.
        runs: by the heading of their column; each has layers.
        epochs: how many to show, None for all.
    """
    curves = {
        (row, column): _by_layer(run, measure, epochs)
        for row, measure in enumerate(measures)
        for column, run in enumerate(runs.values())
    }
    return Panels(name, finding, what, list(measures.values()), list(runs), curves)


def _by_layer(run: ReportedRun, measure: str, epochs: int | None) -> dict[str, np.ndarray]:
    """Returns the curve of each layer, the first and the last of them at least."""
    names = [name.replace("_", " ") for name in layer_names(run.preset)]
    shown = sorted({round(place) for place in np.linspace(0, len(names) - 1, min(len(names), MOST_LAYERS))})
    return {names[place]: run.layers[measure][:epochs, place] for place in shown}
