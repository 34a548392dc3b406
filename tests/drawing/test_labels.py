"""Tests labels next to lines and points."""

from __future__ import annotations

from itertools import pairwise

import pytest
from matplotlib.figure import Figure

from mnist_mlp.drawing.labels import EndLabel, label_ends, label_points


@pytest.fixture
def axes():
    return Figure().subplots()


def test_end_labels_do_not_overlap_and_keep_order_and_color(axes):
    axes.set_ylim(0, 1)
    ends = [EndLabel(0.52, "high", "red"), EndLabel(0.5, "low", "blue"), EndLabel(0.51, "middle", "green")]
    label_ends(axes, ends, points=10)
    labels = [(text.get_text(), text.get_color()) for text in axes.texts]
    assert labels == [("low", "blue"), ("middle", "green"), ("high", "red")]
    heights = [axes.transAxes.transform(text.get_position())[1] for text in axes.texts]
    gap = 10 * axes.figure.dpi / 72
    assert all(after - before >= gap for before, after in pairwise(heights))
    assert [line.get_ydata()[0] for line in axes.lines] == pytest.approx([0.5, 0.51, 0.52])


def test_highest_point_is_labeled_first_and_labels_that_do_not_fit_are_skipped(axes):
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    label_points(axes, [0.5] * 8 + [0.9], [0.5 + index / 1000 for index in range(8)] + [0.2], [*"abcdefgh", "alone"])
    labels = [text.get_text() for text in axes.texts]
    assert labels[0] == "h"
    assert "alone" in labels
    assert len(labels) < 9
