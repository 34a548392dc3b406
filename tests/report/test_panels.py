"""Tests panel figures and their data."""

from __future__ import annotations

import numpy as np

from mnist_mlp.presets.preset import Preset
from mnist_mlp.report.figures.panels import panels_picture
from mnist_mlp.report.panels import Panels, Row, Scale, panels_of_layers
from tests.report.reported import painted, reported_run


def test_panels_of_deep_network_include_first_and_last_layer():
    run = reported_run(1, Preset(hidden_sizes=(20,) * 9), layers={})
    run.layers["weight_norm"] = np.arange(30.0).reshape(3, 10)
    panels = panels_of_layers("name", "finding", "runs", {"weight_norm": Row("norm")}, {"one": run}, epochs=2)
    lines = panels.curves[0, 0]
    assert list(lines) == ["hidden 1", "hidden 3", "hidden 5", "hidden 6", "hidden 8", "logits"]
    assert [curve.tolist() for curve in (lines["hidden 1"], lines["logits"])] == [[0, 10], [9, 19]]


def test_row_scale_does_not_depend_on_label():
    rows = [Row("share in words only"), Row("dead units", Scale.SHARE)]
    values = np.array([0.5, 1e-9, 0.25])
    panels = Panels("name", "finding", "runs", rows, ["one"], {(row, 0): {"line": values} for row in (0, 1)})
    upper, lower = painted(panels_picture(panels)).axes
    assert (upper.get_yscale(), lower.get_yscale()) == ("log", "linear")
    assert lower.get_ylim() == (-0.03, 1.03)
    np.testing.assert_array_equal(upper.lines[0].get_ydata(), [0.5, np.nan, 0.25])  # too small to draw
    np.testing.assert_array_equal(lower.lines[0].get_ydata(), values)
