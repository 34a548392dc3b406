"""Tests the figures and their registry."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_mlp.drawing.style import BLUE, GRAY, INK, MARKERS, look
from mnist_mlp.presets.preset import Preset
from mnist_mlp.report.evidence import Evidence
from mnist_mlp.report.figures import registry
from mnist_mlp.report.figures.learning_curve import learning_curve
from mnist_mlp.report.figures.model_graph import model_graph
from mnist_mlp.report.figures.overview import overview
from mnist_mlp.report.figures.registry import Section, draw_all, remove_drawn
from mnist_mlp.report.figures.studies import study_picture
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
    picture = learning_curve(content_of(reported_run(2, Preset(dropout=0.5), (0.1, 0.2, 0.3)), best))
    upper, lower = painted(picture).axes
    assert curves(upper) == [list(TRAIN), list(VALIDATION)]
    np.testing.assert_allclose(curves(lower), [1 - np.array(TRAIN), 1 - np.array(VALIDATION)])
    assert markers(upper) == [(2, 0.9, look(1).color)]
    assert [label.get_text() for label in upper.texts] == ["validation", "training"]  # from the bottom up
    assert {label.get_color() for label in upper.texts} == {INK}  # some colors of lines are too pale for text
    leaders = [
        line.get_color() for line in upper.lines if list(line.get_xdata())[:1] == [1] and len(line.get_xdata()) == 2
    ]
    assert leaders == [look(1).color, look(0).color]
    assert picture.headline == "Best epoch: 2 of 3"
    assert picture.subtitle.startswith("Preset 1, seed 1602.")


def test_single_epoch_is_drawn_as_points_at_a_whole_number():
    run = reported_run(1, Preset(epochs=1), (0.9,))
    run.curves["train accuracy"][0], run.curves["train cross_entropy"][0] = 0.8, 0.2
    upper, lower = painted(learning_curve(content_of(run))).axes
    points = {(x, y) for x, y, _ in markers(upper)}
    assert points == {(1, 0.8), (1, 0.9)}
    assert {tick % 1 for tick in lower.get_xticks()} == {0}


def test_curves_may_end_with_nan_or_have_no_number_at_all():
    run = reported_run(1, Preset())
    run.curves["validation cross_entropy"][-1] = np.nan
    run.curves["train cross_entropy"][:] = np.nan
    content = content_of(run, reported_run(2, Preset(dropout=0.5)))
    _, lower = painted(learning_curve(content)).axes
    assert texts(lower) == ["validation"]
    run.curves["validation cross_entropy"][:] = np.nan
    *_, lower = painted(study_picture(content.findings[0])).axes
    assert texts(lower) == ["0.5"]


def test_study_figure_has_one_validation_curve_per_value():
    runs = [
        reported_run(1, Preset(), (0.6, 0.9, 0.8), 0.9),
        reported_run(2, Preset(dropout=0.5), (0.5, 0.6, 0.7), 0.7),
    ]
    (finding,) = content_of(*runs).findings
    _, upper, lower = painted(study_picture(finding)).axes
    assert curves(upper) == [[0.6, 0.9, 0.8], [0.5, 0.6, 0.7]]
    np.testing.assert_allclose(curves(lower), [[0.4, 0.1, 0.2], [0.5, 0.4, 0.3]])
    assert markers(upper) == [(2, 0.9, look(0).color), (3, 0.7, look(1).color)]
    assert texts(upper) == ["0.5", "0"]


def test_study_figure_shows_test_accuracies_with_intervals_from_top_to_bottom():
    runs = [reported_run(1, Preset(), test_accuracy=0.98, seed=seed) for seed in (1, 2)]
    runs += [reported_run(2, Preset(dropout=0.5), test_accuracy=0.97), reported_run(3, Preset(dropout=0.7))]
    runs += [reported_run(4, Preset(dropout=0.8), test_accuracy=0.96)]
    (finding,) = content_of(*runs).findings
    dots, *_ = painted(study_picture(finding)).axes
    assert [label.get_text() for label in dots.get_yticklabels()] == ["0", "0.5", "0.7", "0.8"]
    assert list(dots.get_yticks()) == [3, 2, 1, 0]
    assert markers(dots) == [(0.98, 3, look(0).color), (0.97, 2, look(1).color), (0.96, 0, look(3).color)]
    intervals = [line.get_xdata() for line in dots.lines if len(line.get_xdata()) == 2]
    scored = [arm.interval for arm in finding.study.arms if arm.scored]
    assert [list(ends) for ends in intervals] == [[interval.low, interval.high] for interval in scored]
    low, high = dots.get_xlim()
    assert all(low < end < high for ends in intervals for end in ends)


def test_study_figure_without_scores_has_no_dots():
    runs = [reported_run(1, Preset()), reported_run(2, Preset(dropout=0.5))]
    unscored, scored = (
        study_picture(content_of(*runs, *more).findings[0])
        for more in ([], [reported_run(3, Preset(dropout=0.7), test_accuracy=0.9)])
    )
    assert (len(painted(unscored).axes), len(painted(scored).axes)) == (2, 3)
    assert unscored.height < scored.height


def test_study_figure_breaks_long_values():
    sizes = [(300, 200, 200), (31, 21, 11)]
    runs = [reported_run(number, Preset(hidden_sizes=size), test_accuracy=0.9) for number, size in enumerate(sizes, 1)]
    dots, upper, _ = painted(study_picture(content_of(*runs).findings[0])).axes
    assert [label.get_text() for label in dots.get_yticklabels()] == ["31-21-11", "300-200-\n200"]
    assert set(texts(upper)) == {"31-21-11", "300-200-200"}


def test_study_figure_wraps_values_to_two_lines_at_most():
    sizes = [(9,) * 5, (300, 200, 200, 200, 200)]
    runs = [reported_run(number, Preset(hidden_sizes=size), test_accuracy=0.9) for number, size in enumerate(sizes, 1)]
    dots, *_ = painted(study_picture(content_of(*runs).findings[0])).axes
    assert [label.get_text() for label in dots.get_yticklabels()] == ["9-9-9-9-9", "300-200-\n200-200-…"]


def test_study_figure_names_the_result_and_explains_the_lines():
    runs = [reported_run(1, Preset(), test_accuracy=0.98), reported_run(2, Preset(dropout=0.5), test_accuracy=0.9)]
    (finding,) = content_of(*runs).findings
    picture = study_picture(finding)
    assert picture.headline == finding.headline
    assert picture.subtitle == (
        "Top: test accuracy. Curves: accuracy and cross-entropy of the 5,000 validation images. Marker on a curve: "
        "best epoch."
    )
    (finding,) = content_of(*runs, reported_run(1, Preset(), seed=7)).findings
    assert study_picture(finding).subtitle.endswith(" Bands: range over seeds. Marker on a curve: best epoch.")


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


def test_overview_is_sorted_by_validation_accuracy():
    content = content_of(
        reported_run(1, Preset(), (0.6, 0.97, 0.8), 0.94), reported_run(2, Preset(dropout=0.5), (0.6, 0.95, 0.8), 0.96)
    )
    (axes,) = painted(overview(content)).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["2", "1"]  # from the bottom up
    points = {
        (line.get_color(), line.get_ydata()[0]): line.get_xdata()[0]
        for line in axes.lines
        if len(line.get_xdata()) == 1
    }
    assert points == {(GRAY, 1): 0.97, (BLUE, 1): 0.94, (GRAY, 0): 0.95, (BLUE, 0): 0.96}
    intervals = [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 2]
    assert [low < accuracy < high for (low, high), accuracy in zip(intervals, (0.96, 0.94), strict=True)] == [True] * 2
    assert overview(content).headline == "Best on validation: preset 1, test accuracy 94.00%"


def test_overview_marks_presets_with_several_seeds_with_squares():
    runs = [reported_run(1, Preset(), test_accuracy=0.95, seed=seed) for seed in (1, 2)]
    content = content_of(*runs, reported_run(2, Preset(dropout=0.5), test_accuracy=0.96))
    (axes,) = painted(overview(content)).axes
    dots = [line for line in axes.lines if line.get_color() == BLUE and len(line.get_xdata()) == 1]
    assert {dot.get_ydata()[0]: dot.get_marker() for dot in dots} == {0: "s", 1: "o"}
    assert "square: several seeds" in overview(content).subtitle
    unscored = overview(content_of(reported_run(1, Preset())))
    assert (unscored.headline, "\n" in unscored.subtitle) == ("Best on validation: preset 1", False)


def test_overview_describes_complex_presets_by_their_change():
    runs = [reported_run(number, PRESETS[number], (0.5, 0.98, 0.97)) for number in (31, 48, 70, 71, 72)]
    (axes,) = painted(overview(content_of(*runs))).axes
    assert "300-200-200-200, he, batch ..." in texts(axes)  # as much as fits
    assert {"as 48, but shift 1", "as 71, but scaling 0.07"} <= set(texts(axes))


def test_overview_and_study_show_failed_networks_without_interval():
    runs = [reported_run(1, Preset(), test_accuracy=0.96), reported_run(2, Preset(dropout=0.5), (0.1, 0.15, 0.1), 0.14)]
    content = content_of(*runs)
    for picture, color in ((overview(content), BLUE), (study_picture(content.findings[0]), look(1).color)):
        axes = painted(picture).axes[0]
        assert 0.14 in [line.get_xdata()[0] for line in axes.lines if line.get_color() == color]
        (interval,) = (line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 2)
        assert interval[0] < 0.96 < interval[1]


def test_model_graph_shows_all_layers_of_best_preset():
    runs = [
        reported_run(1, Preset(hidden_sizes=(30, 20))),
        reported_run(2, Preset(hidden_sizes=(40,)), (0.1, 0.2, 0.3)),
    ]
    (axes,) = painted(model_graph(content_of(*runs))).axes
    shown = [text for text in texts(axes) if text]
    expected = ["784 pixels (28 by 28)", "30 relu units", "784 by 30 weights", "20 relu units", "30 by 20 weights"]
    assert shown == [*expected, "10 logits (digits)", "20 by 10 weights"]
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
    runs = [reported_run(number, PRESETS[number], test_accuracy=0.9 + number / 1000) for number in (14, 15, 18, 22, 26)]
    drawn = draw_all(content_of(*runs), tmp_path)
    assert {f"{name}{end}" for name in drawn for end in (".png", ".svg")} == {path.name for path in tmp_path.iterdir()}
    assert {"xehe", "optimizer", "losses_weight_decay", "overview", "effects"} <= set(drawn)
    remove_drawn(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_figure_names_must_be_unique(monkeypatch):
    monkeypatch.setattr(registry, "FIGURES", dict(registry.FIGURES))
    with pytest.raises(ValueError, match="two figures are named overview"):
        registry.figure("overview", section=Section.RUNS)(lambda content: None)
