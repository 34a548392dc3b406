"""Tests how much each hyperparameter matters: the data, and the figure."""

from __future__ import annotations

import pytest
from matplotlib.axes import Axes

from mnist_mlp.drawing.style import BLUE, GRAY, VERMILION
from mnist_mlp.presets.preset import Preset
from mnist_mlp.report.effects import Effect
from mnist_mlp.report.evidence import ReportedRun
from mnist_mlp.report.figures.effects import effects
from tests.report.reported import content_of, painted, reported_run

FAILED = (0.1, 0.12, 0.11)
MINUS = "\N{MINUS SIGN}"


def run(number: int, test: float | None, validation=(0.5, 0.98, 0.97), **changes) -> ReportedRun:
    return reported_run(number, Preset(**changes), validation, test)


def some_runs() -> list[ReportedRun]:
    """Returns runs with a clear positive, a clear negative, and an undecided effect, and a failure."""
    return [
        run(1, 0.98),
        run(2, 0.95, dropout=0.8),
        run(3, 0.96, dropout=0.7),
        run(4, 0.99, deskew=True),
        run(5, 0.981, epochs=50),
        run(6, 0.1, FAILED, learning_rate=1.0),
    ]


def labels(effect: Effect) -> tuple[str, str]:
    return effect.comparison.reference.label, effect.comparison.arm.label


def drawn_axes(*runs: ReportedRun) -> Axes:
    (axes,) = painted(effects(content_of(*runs))).axes
    return axes


def test_hyperparameters_are_sorted_by_their_largest_effect():
    found = content_of(*some_runs()).importances
    assert [one.title for one in found] == ["Dropout", "Deskewing", "Epochs", "Learning rate"]
    assert [effect.amount for effect in found[0].effects] == pytest.approx([-0.03, -0.02])
    assert (found[0].largest.change, labels(found[0].largest)) == ("0 → 0.8", ("1", "2"))


def test_failed_networks_have_no_effect_but_count_as_failures():
    runs = [*some_runs(), run(7, 0.981, learning_rate=0.002)]
    (rate,) = (one for one in content_of(*runs).importances if one.title == "Learning rate")
    assert [effect.change for effect in rate.failures] == ["0.001 → 1"]
    assert [effect.amount for effect in rate.effects] == pytest.approx([0.001])
    assert not rate.largest.is_significant


def test_hyperparameter_of_several_studies_is_listed_once():
    other = {"epochs": 7, "activation": "gelu"}
    runs = [*some_runs()[:2], run(8, 0.98, **other), run(9, 0.93, **other, dropout=0.8)]
    (dropout,) = content_of(*runs).importances
    assert [labels(effect) for effect in dropout.effects] == [("8", "9"), ("1", "2")]


def test_width_and_depth_are_different_hyperparameters():
    runs = [run(1, 0.98), run(2, 0.97, hidden_sizes=(30, 20, 20)), run(3, 0.95, hidden_sizes=(300,))]
    runs.append(run(4, 0.92, hidden_sizes=(30,)))
    assert {one.title for one in content_of(*runs[:2]).importances} == {"Width"}
    assert {one.title for one in content_of(runs[0], runs[2]).importances} == {"Depth"}


def test_unscored_and_identical_runs_have_no_effects():
    assert content_of(run(1, None), run(2, 0.98, dropout=0.5)).importances == []
    assert content_of(run(1, 0.98), run(2, 0.98, dropout=0.5)).importances == []
    assert effects(content_of(run(1, 0.98), run(2, 0.98, dropout=0.5))) is None


def test_figure_has_one_row_per_hyperparameter_and_the_largest_effect_on_top():
    axes = drawn_axes(*some_runs())
    rows = [label.get_text() for label in axes.get_yticklabels()]
    assert rows == ["Epochs\n100 → 50", "Deskewing\noff → on", "Dropout\n0 → 0.8"]
    assert axes.get_ylim()[0] < 0 < 2 < axes.get_ylim()[1]  # drawn from the bottom up
    assert [text.get_text() for text in axes.texts] == ["+0.10", "+1.00", f"{MINUS}3.00"]


def test_figure_shows_each_largest_effect_with_its_interval_and_all_others_as_small_dots():
    content = content_of(*some_runs())
    axes = drawn_axes(*some_runs())
    intervals = {
        line.get_ydata()[0]: line for line in axes.lines if len(line.get_xdata()) == 2 and line.get_ydata()[0] != 1
    }
    dots = [line for line in axes.lines if line.get_marker() == "o" and line.get_markersize() > 5]
    assert {dot.get_ydata()[0]: dot.get_xdata()[0] for dot in dots} == pytest.approx({0: 0.1, 1: 1, 2: -3})
    assert [dot.get_color() for dot in dots] == [GRAY, BLUE, VERMILION]
    assert [dot.get_markerfacecolor() for dot in dots] == ["white", BLUE, VERMILION]  # filled if significant
    difference = content.importances[0].largest.comparison.difference
    assert list(intervals[2].get_xdata()) == pytest.approx([difference.low * 100, difference.high * 100])
    (small,) = (line for line in axes.lines if 0 < line.get_markersize() < 5 and len(line.get_xdata()))
    assert (list(small.get_xdata()), list(small.get_ydata())) == (pytest.approx([-2]), [2])


def test_axis_covers_all_intervals_and_has_round_ticks():
    axes = drawn_axes(*some_runs(), run(7, 0.7, batch_size=7))
    low, high = axes.get_xlim()
    for line in axes.lines[1:]:
        assert all(low < x < high for x in line.get_xdata())
    assert list(axes.get_xticks()) == [-50, -10, -3, -1, 0, 1]
    assert axes.xaxis.get_major_formatter()(-30, 0) == f"{MINUS}30"


def test_numbers_stay_within_the_axes():
    axes = drawn_axes(*some_runs(), run(7, 0.68, batch_size=7))
    left = axes.get_window_extent().x0
    assert {text.get_window_extent().x0 > left for text in axes.texts} == {True}  # so they do not cover the labels


def test_axis_of_tiny_effects_has_more_ticks_than_0():
    runs = [
        reported_run(number, Preset(dropout=dropout), test_accuracy=0.998, seed=seed)
        for number, dropout in ((1, 0.0), (2, 0.1))
        for seed in range(4)
    ]
    runs[0].test_accuracy = 0.9981
    assert list(drawn_axes(*runs).get_xticks()) == [-1, 0, 1]


def test_headline_names_significant_effects_the_largest_first():
    picture = effects(content_of(*some_runs()))
    assert picture.headline == "Significant effects: dropout and deskewing"
    assert picture.subtitle.startswith("Largest change in test accuracy when nothing else changes, with 95% interval")
    assert effects(content_of(*some_runs()[:2])).headline == "Effect of dropout"


def test_headline_keeps_abbreviations():
    runs = [*some_runs()[:2], run(3, 0.95, ema_decay=0.5)]
    assert effects(content_of(*runs)).headline == "Significant effects: dropout and EMA decay"


def test_headline_names_at_most_five_effects():
    changes = [{"dropout": 0.5}, {"epochs": 7}, {"deskew": True}, {"warmup": 0.5}, {"elastic": 1.5}, {"shift": 1.0}]
    runs = [run(1, 0.98), *(run(2 + at, 0.95 + at / 1000, **change) for at, change in enumerate(changes[:5]))]

    assert effects(content_of(*runs)).headline.startswith(
        "Significant effects: dropout, epochs, deskewing, warmup, and "
    )
    headline = effects(content_of(*runs, run(7, 0.955, **changes[5]))).headline
    assert headline.startswith("Significant effects: dropout, epochs, deskewing, warmup, ") and headline.endswith(
        ", and others"
    )


def test_headline_does_not_name_effects_that_are_not_significant():
    runs = [run(1, 0.98), run(2, 0.982, dropout=0.1), run(3, 0.981, epochs=50)]
    assert effects(content_of(*runs)).headline == "No significant effect so far"
    # Below 90%, the accuracy varies more with the seed, so a larger effect is not significant.
    base = {"activation": "gelu", "batch_size": 50}
    runs += [run(4, 0.85, (0.5, 0.9, 0.8), **base), run(5, 0.81, (0.5, 0.9, 0.8), **base, warmup=0.5)]
    runs.append(run(6, 0.96, normalization="batch"))
    found = content_of(*runs)
    amounts = {one.title: one.largest.amount for one in found.importances}
    assert (list(amounts)[:2], abs(amounts["Warmup"]) > abs(amounts["Normalization"])) == (
        ["Normalization", "Warmup"],
        True,
    )
    assert effects(found).headline == "Significant effect: normalization"


def test_largest_significant_effect_is_shown_even_if_another_is_larger():
    low = {"validation": (0.5, 0.9, 0.8)}
    runs = [reported_run(1, Preset(), low["validation"], 0.91, seed) for seed in range(4)]
    runs += [reported_run(2, Preset(dropout=0.1), low["validation"], 0.925, seed) for seed in range(4)]
    runs.append(run(3, 0.885, low["validation"], dropout=0.2))
    (dropout,) = content_of(*runs).importances
    assert [(effect.comparison.arm.label, effect.is_significant) for effect in dropout.effects] == [
        ("2", True),
        ("3", False),
    ]


def test_figure_lists_values_with_which_training_fails():
    runs = [*some_runs(), run(7, 0.1, FAILED, learning_rate=0.1), run(8, 0.1, FAILED, dropout=0.9)]
    note = "Not shown, because training fails: "
    assert effects(content_of(*runs)).subtitle.endswith(f"\n{note}dropout 0.9; learning rate 0.1 and 1.")
    assert note not in effects(content_of(*some_runs()[:-1])).subtitle


def test_no_figure_if_all_other_values_fail():
    assert effects(content_of(run(1, 0.98), run(2, 0.1, FAILED, learning_rate=1.0))) is None
