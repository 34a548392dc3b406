"""Tests labels at the ends of lines."""

from __future__ import annotations

from itertools import pairwise

import pytest
from matplotlib.figure import Figure

from mnist_mlp.drawing.labels import EndLabel, label_ends
from mnist_mlp.drawing.style import INK


@pytest.fixture
def axes():
    return Figure().subplots()


def test_end_labels_do_not_overlap_and_keep_order_and_color(axes):
    axes.set_ylim(0, 1)
    ends = [EndLabel(0.52, "high", "red"), EndLabel(0.5, "low", "blue"), EndLabel(0.51, "middle", "green")]
    label_ends(axes, ends, points=10)
    assert [(text.get_text(), text.get_color()) for text in axes.texts] == [
        (end, INK) for end in ("low", "middle", "high")
    ]
    assert [line.get_color() for line in axes.lines] == ["blue", "green", "red"]  # the lines to the labels
    heights = [axes.transAxes.transform(text.get_position())[1] for text in axes.texts]
    gap = 10 * axes.figure.dpi / 72
    assert all(after - before >= gap for before, after in pairwise(heights))
    assert [line.get_ydata()[0] for line in axes.lines] == pytest.approx([0.5, 0.51, 0.52])


def test_labels_of_values_outside_the_axes_are_next_to_the_edge(axes):
    axes.set_ylim(0, 1)
    label_ends(axes, [EndLabel(7.0, "above", "red"), EndLabel(-3.0, "below", "blue")])
    assert [line.get_ydata()[0] for line in axes.lines] == pytest.approx([0, 1])
    assert [text.get_text() for text in axes.texts] == ["below", "above"]
