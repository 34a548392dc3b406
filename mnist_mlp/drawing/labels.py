"""Places labels at the ends of lines so that they do not overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from mnist_mlp.drawing.style import INK, SMALL

MAX_ROUNDS = 200  # limit for moving overlapping labels apart


class EndLabel(NamedTuple):
    """The label at the end of a line: last value of the line, label text and color."""

    value: float
    text: str
    color: str


def label_ends(axes: Axes, labels: Sequence[EndLabel], points: float = SMALL) -> None:
    """Writes each label to the right of the axes, next to the end of its line. Overlapping labels are moved apart.

    Args:
        points: font size, in points.
    """
    spacing = points * 1.35 * axes.figure.dpi / 72
    right = axes.get_xlim()[1]
    low, high = (axes.transAxes.transform((1, edge))[1] for edge in (0, 1))
    ends = [float(np.clip(axes.transData.transform((right, label.value))[1], low, high)) for label in labels]
    order = sorted(range(len(labels)), key=lambda index: (ends[index], labels[index].text, labels[index].color))
    heights = _moved_apart([ends[index] for index in order], spacing)
    for index, height in zip(order, heights, strict=True):
        label = labels[index]
        line, text = (ends[index] - low) / (high - low), (height - low) / (high - low)
        outside = {"transform": axes.transAxes, "clip_on": False}
        axes.plot([1, 1.035], [line, text], linewidth=1.5, color=label.color, **outside)
        # Not in the line's color, because some colors are too pale for text.
        axes.text(1.045, text, label.text, fontsize=points, va="center", color=INK, **outside)


def _moved_apart(heights: Sequence[float], spacing: float) -> list[float]:
    """Moves ascending heights apart until neighbors have at least the given spacing."""
    heights = list(heights)
    for _ in range(MAX_ROUNDS):
        moved = False
        for index in range(1, len(heights)):
            overlap = spacing - (heights[index] - heights[index - 1])
            if overlap > 0.01 * spacing:
                heights[index - 1] -= overlap / 2
                heights[index] += overlap / 2
                moved = True
        if not moved:
            break
    return heights
