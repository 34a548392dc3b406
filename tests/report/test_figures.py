"""Tests the figures and their registry."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_mlp.drawing.style import BLUE, GRAY, MARKERS, look
from mnist_mlp.presets.preset import Preset
from mnist_mlp.report.evidence import Evidence
from mnist_mlp.report.figures import registry
from mnist_mlp.report.figures.importance import importance
from mnist_mlp.report.figures.learning_curve import learning_curve
from mnist_mlp.report.figures.model_graph import model_graph
from mnist_mlp.report.figures.overview import overview
from mnist_mlp.report.figures.registry import Section, draw_all, remove_drawn
from mnist_mlp.report.figures.studies import study_picture
from mnist_mlp.report.figures.training_time import training_time
from tests.report.reported import TRAIN, VALIDATION, content_of, painted, reported_run

from hyperparameters import PRESETS


def curves(axes) -> list[list[float]]:
    """Returns the y values of each curve over the epochs, without markers and lines to labels."""
    return [line.get_ydata().tolist() for line in axes.lines if line.get_xdata()[0] == 1 and len(line.get_xdata()) > 2]


def markers(axes) -> list[tuple[float, float, str]]:
    points = [line for line in axes.lines if len(line.get_xdata()) == 1 and line.get_marker() in MARKERS]
    return [(line.get_xdata()[0], line.get_ydata()[0], line.get_color()) for line in points]


def texts(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_learning_curve_shows_best_run_and_best_epoch():
    best = reported_run(1, Preset())
    figure = painted(learning_curve(content_of(reported_run(2, Preset(dropout=0.5), (0.1, 0.2, 0.3)), best)))
    upper, lower = figure.axes
    assert curves(upper) == [list(TRAIN), list(VALIDATION)]
    np.testing.assert_allclose(curves(lower), [1 - np.array(TRAIN), 1 - np.array(VALIDATION)])
    assert markers(upper) == [(2, 0.9, look(1).color)]
    assert [label.get_text() for label in upper.texts] == ["validation", "training"]  # from the bottom up
    assert upper.texts[0].get_color() == look(1).color
    assert figure.texts[0].get_text() == "Best epoch: 2 of 3"
    assert figure.texts[1].get_text().startswith("Preset 1, seed 1602.")


def test_study_figure_has_one_validation_curve_per_value():
    runs = [
        reported_run(1, Preset(), (0.6, 0.9, 0.8), 0.9),
        reported_run(2, Preset(dropout=0.5), (0.5, 0.6, 0.7), 0.7),
    ]
    (finding,) = content_of(*runs).findings
    upper, lower = painted(study_picture(finding)).axes
    assert curves(upper) == [[0.6, 0.9, 0.8], [0.5, 0.6, 0.7]]
    np.testing.assert_allclose(curves(lower), [[0.4, 0.1, 0.2], [0.5, 0.4, 0.3]])
    assert markers(upper) == [(2, 0.9, look(0).color), (3, 0.7, look(1).color)]
    assert texts(upper) == ["0.5", "0"]


def test_study_figure_shows_mean_and_range_over_seeds():
    runs = [reported_run(1, Preset(), (0.5, 0.9, 0.8), seed=1), reported_run(1, Preset(), (0.7, 0.8, 0.9), seed=2)]
    runs.append(reported_run(2, Preset(dropout=0.5)))
    (finding,) = content_of(*runs).findings
    upper, _ = painted(study_picture(finding)).axes
    np.testing.assert_allclose(curves(upper)[0], [0.6, 0.85, 0.85])
    assert [marker[2] for marker in markers(upper)] == [look(1).color]
    (band,) = upper.collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (0.5, 0.9)


def test_overview_is_sorted_by_test_accuracy():
    content = content_of(
        reported_run(1, Preset(), (0.6, 0.97, 0.8), 0.94), reported_run(2, Preset(dropout=0.5), (0.6, 0.95, 0.8), 0.96)
    )
    figure = painted(overview(content))
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["1", "2"]
    points = {
        (line.get_color(), line.get_ydata()[0]): line.get_xdata()[0]
        for line in axes.lines
        if len(line.get_xdata()) == 1
    }
    assert points == {(GRAY, 0): 0.97, (BLUE, 0): 0.94, (GRAY, 1): 0.95, (BLUE, 1): 0.96}
    intervals = [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 2]
    assert [low < accuracy < high for (low, high), accuracy in zip(intervals, (0.94, 0.96), strict=True)] == [True] * 2
    assert figure.texts[0].get_text() == "Best on validation: preset 1, test accuracy 94.00%"


def test_overview_describes_complex_presets_by_their_change():
    runs = [reported_run(number, PRESETS[number], (0.5, 0.98, 0.97)) for number in (31, 48, 70, 71, 72)]
    (axes,) = painted(overview(content_of(*runs))).axes
    assert "300-200-200-200, he, batch 200, L2 0.0001, dropout 0.2" in texts(axes)
    assert {"48 with shift 1", "71 with scaling 0.07"} <= set(texts(axes))


def test_time_figure_shows_minutes_and_test_accuracy():
    runs = [reported_run(1, Preset(), test_accuracy=0.9), reported_run(2, Preset(dropout=0.5), test_accuracy=0.8)]
    content = content_of(*runs)
    (axes,) = painted(training_time(content)).axes
    assert (axes.lines[0].get_xdata().tolist(), axes.lines[0].get_ydata().tolist()) == ([3, 6], [0.9, 0.8])
    assert sorted(texts(axes)) == ["1", "2"]
    assert training_time(content_of(runs[0])) is None


def test_importance_figure_has_largest_effect_on_top():
    runs = [
        reported_run(1, Preset(), test_accuracy=0.98),
        reported_run(2, Preset(dropout=0.5), test_accuracy=0.97),
        reported_run(3, Preset(learning_rate=0.1), test_accuracy=0.5),
    ]
    (axes,) = painted(importance(content_of(*runs))).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["dropout", "learning rate"]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([1, 48])
    assert texts(axes) == ["\N{MINUS SIGN}1.00", "\N{MINUS SIGN}48.00"]


def test_model_graph_shows_all_layers_of_best_preset():
    runs = [
        reported_run(1, Preset(hidden_sizes=(30, 20))),
        reported_run(2, Preset(hidden_sizes=(40,)), (0.1, 0.2, 0.3)),
    ]
    (axes,) = painted(model_graph(content_of(*runs))).axes
    shown = [text for text in texts(axes) if text]
    expected = ["784 pixels (28 by 28)", "30 relu units", "784 by 30 weights", "20 relu units", "30 by 20 weights"]
    assert shown == [*expected, "10 logits, one per digit", "20 by 10 weights"]
    assert len(axes.patches) >= 4


def test_no_figures_without_finished_runs(tmp_path):
    assert draw_all(content_of(), tmp_path) == {}
    assert list(tmp_path.iterdir()) == []
    assert isinstance(content_of().evidence, Evidence)


def test_only_old_figures_are_removed(tmp_path):
    ours = ["depth.png", "depth_2.svg", "dropout_13.png", "width.svg", "overview.png", "layers_failed.png"]
    ours += ["losses_weight_decay.svg", "weightdecay.png", "xehe_3.png", "mistakes.svg", "model_graph.png"]
    others = ["notes.png", "depth_of_field.png", "depth.jpg", "depth_x.png", "my_overview.png", "layers_mine.png"]
    others += ["overview.png.bak", "report.html", "overview", "overview_2.png", "modelXgraph.png"]
    for name in ours + others:
        (tmp_path / name).touch()
    remove_drawn(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(others)


def test_every_drawn_figure_is_removed(tmp_path):
    runs = [reported_run(number, PRESETS[number], test_accuracy=0.9) for number in (14, 15, 18, 22, 26)]
    drawn = draw_all(content_of(*runs), tmp_path)
    assert {f"{name}{end}" for name in drawn for end in (".png", ".svg")} == {path.name for path in tmp_path.iterdir()}
    assert {"xehe", "optimizer", "losses_weight_decay", "overview", "time_accuracy"} <= set(drawn)
    remove_drawn(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_figure_names_must_be_unique(monkeypatch):
    monkeypatch.setattr(registry, "FIGURES", dict(registry.FIGURES))
    with pytest.raises(ValueError, match="two figures are named overview"):
        registry.figure("overview", alt="", section=Section.RUNS)(lambda content: None)
