"""Tests which runs the report suggests, and the commands for them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import pytest
from scipy.stats import norm

from mnist_mlp.presets.preset import Preset
from mnist_mlp.report.evidence import ReportedRun
from mnist_mlp.report.next_steps import MOST_STEPS
from tests.report.reported import content_of, reported_run


def run(number: int, validation: float, test: float | None = None, seed: int = 1602, **changes: Any) -> ReportedRun:
    return reported_run(number, Preset(**changes), (0.1, validation, 0.1), test, seed)


def study(field: str, accuracies: Mapping[Any, float], first: int = 1, **base: Any) -> list[ReportedRun]:
    """Returns one unscored run per value, numbered in this order."""
    return [
        run(first + index, validation, **base, **{field: value})
        for index, (value, validation) in enumerate(accuracies.items())
    ]


def steps(*runs: ReportedRun) -> list[tuple[str, list[str]]]:
    """Returns the reason and the arguments of each suggested command."""
    found = content_of(*runs).conclusions.next_steps
    for step in found:
        assert "MNIST_train.py " in step.command
    return [(step.reason, shlex.split(step.command.partition("MNIST_train.py ")[2])) for step in found]


@pytest.mark.parametrize(
    ("field", "accuracies", "preset", "value"),
    [
        ("dropout", {0.1: 0.96, 0.2: 0.97, 0.3: 0.98}, 3, "0.4"),  # the same distance again
        ("dropout", {0.4: 0.96, 0.3: 0.97}, 2, "0.2"),
        ("learning_rate", {0.1: 0.96, 0.01: 0.98}, 2, "0.001"),  # the same ratio again, because 0 is not allowed
        ("learning_rate", {0.01: 0.96, 0.03: 0.98}, 2, "0.09"),
        ("weight_decay", {0.01: 0.96, 0.001: 0.98}, 2, "0"),
        ("batch_size", {100: 0.96, 200: 0.98}, 2, "400"),
        ("batch_size", {200: 0.96, 30: 0.98}, 2, "4"),  # 30 * 30 / 200 = 4.5, rounded to even
    ],
)
def test_value_beyond_the_better_edge_is_suggested(field, accuracies, preset, value):
    ((reason, arguments),) = steps(*study(field, accuracies))
    assert arguments == ["--presets", str(preset), "--set", f"{field}={value}"]
    title, (neighbor, edge) = field.replace("_", " "), sorted(accuracies, key=accuracies.get)[-2:]
    assert reason == (
        f"{title} {value} with preset {preset}: the validation accuracy still rises at the last value tried "
        f"({neighbor}: {accuracies[neighbor]:.2%}, {edge}: {accuracies[edge]:.2%})"
    )


@pytest.mark.parametrize(("last", "suggested"), [(0.99, ["epochs=300"]), (0.97, [])])
def test_twice_as_many_epochs_are_suggested_if_the_last_ones_were_the_best(last, suggested):
    runs = [
        reported_run(1, Preset(epochs=5), (0.1, 0.2, 0.96), 0.96),
        reported_run(2, Preset(epochs=150), (0.1, 0.98, last), 0.98),
    ]
    assert [arguments[-1] for _, arguments in steps(*runs)] == suggested


@pytest.mark.parametrize(
    ("field", "accuracies"),
    [
        ("dropout", {0.1: 0.96, 0.2: 0.98, 0.3: 0.97}),  # the best value is in the middle
        ("dropout", {0.1: 0.97, 0.2: 0.97}),
        ("dropout", {0.1: 0.96, 0.6: 0.98}),  # 1.1 and 3.6 are no probabilities
        ("dropout", {0.2: 0.97, 0.0: 0.98}),
        ("batch_size", {20_000: 0.96, 40_000: 0.98}),  # there are only 55,000 training images
        ("batch_size", {2: 0.96, 1: 0.98}),
        ("optimizer", {"adam": 0.96, "sgd": 0.98}),
        ("deskew", {False: 0.96, True: 0.98}),
        ("hidden_sizes", {(20,): 0.96, (20, 20): 0.98}),
    ],
)
def test_nothing_is_suggested_without_a_better_edge_and_an_allowed_value_beyond_it(field, accuracies):
    assert steps(*study(field, accuracies)) == []


def test_value_beyond_the_edge_is_not_suggested_if_it_exists_or_other_networks_are_better():
    rising = {0.1: 0.96, 0.2: 0.97}
    assert len(steps(*study("dropout", rising))) == 1
    tried = run(9, 0.95, dropout=0.3)
    assert steps(*study("dropout", rising), tried) == []
    better, as_good = (run(9, validation, activation="gelu", epochs=7) for validation in (0.976, 0.974))
    assert steps(*study("dropout", rising), better) == []
    assert len(steps(*study("dropout", rising), as_good)) == 1


def test_value_beyond_the_edge_of_a_changed_preset_is_not_suggested():
    runs = study("dropout", {0.1: 0.96, 0.2: 0.97})
    runs[1].record.preset_number, runs[1].record.changed = 1, ["dropout"]
    content = content_of(*runs)
    assert [experiment.label for experiment in content.experiments] == ["1", "1 (dropout=0.2)"]
    assert content.conclusions.next_steps == []


def test_undecided_comparison_gets_the_seeds_that_would_decide_it():
    ((reason, arguments),) = steps(run(1, 0.98, 0.98), run(2, 0.97, 0.983, dropout=0.5))
    # With two seeds, half the width of the interval is 2.23 * 0.072 = 0.161 log odds. The difference, 0.165, varies by
    # 0.072. It is significant above 0.161, and small below 0.293 - 0.161 = 0.132, where 0.293 leads to 98.5%.
    assert norm.sf(0.161, 0.165, 0.072) + norm.cdf(0.132, 0.165, 0.072) > 0.8
    assert reason == (
        "dropout 0 → 0.5 (+0.30 points so far): about 2 seeds of each preset in total will probably show that the "
        "difference is significant or less than 0.5 points"
    )
    assert arguments == ["--presets", "1", "2", "--repeats", "2", "--skip-done"]


def test_presets_that_were_changed_on_the_command_line_have_no_command_for_more_seeds():
    changed = run(1, 0.97, 0.983, dropout=0.5)
    changed.record.changed = ["dropout"]
    assert steps(run(1, 0.98, 0.98), changed) == []


def test_comparison_that_takes_more_than_two_additional_seeds_is_not_suggested():
    # With n seeds, the difference must exceed (2.23 + 0.84) * 0.072 * sqrt(2 / n) = 0.313 / sqrt(n) log odds. From 95%,
    # that of 95.8% is 0.183, and that of 95.7% is 0.158: it takes 2.9 and 3.9 seeds.
    ((_, arguments),) = steps(run(1, 0.98, 0.95), run(2, 0.97, 0.958, dropout=0.5))
    assert arguments[arguments.index("--repeats") + 1] == "3"
    assert steps(run(1, 0.98, 0.95), run(2, 0.97, 0.957, dropout=0.5)) == []


def test_decided_and_unscored_comparisons_get_no_more_seeds():
    assert steps(run(1, 0.98, 0.98), run(2, 0.97, 0.95, dropout=0.5)) == []
    assert steps(run(1, 0.98, 0.98), run(2, 0.97, dropout=0.5)) == []


def test_values_come_before_seeds_and_good_networks_before_bad_ones():
    bad = {"epochs": 5, "batch_size": 50}
    runs = [run(1, 0.9, 0.98, **bad), run(2, 0.9, 0.9846, **bad, activation="gelu")]  # clearer, but not good
    runs += [run(3, 0.98, 0.98), run(4, 0.97, 0.983, activation="gelu")]
    runs += study("dropout", {0.2: 0.975, 0.3: 0.981}, first=5)
    first, *others = [arguments[1:] for _, arguments in steps(*runs)]
    assert first == ["6", "--set", "dropout=0.4"]
    assert [arguments[:2] for arguments in others] == [["3", "4"], ["1", "2"]]


def test_comparisons_that_need_few_seeds_come_first_and_at_most_five_are_shown():
    tests = [0.984, 0.9842, 0.9844, 0.9846, 0.9848, 0.985]
    activations = ["gelu", "tanh", "elu", "selu", "silu", "softplus"]
    runs = [run(1, 0.98, 0.98)]
    runs += [run(2 + index, 0.97, test, activation=activations[index]) for index, test in enumerate(tests)]
    found = steps(*runs)
    undecided = content_of(*runs).findings[0].compared
    assert [comparison.seeds_needed for comparison in undecided if comparison.seeds_needed > 3] == []
    assert (len(undecided), len(found)) == (6, MOST_STEPS)
    repeats = [int(arguments[arguments.index("--repeats") + 1]) for _, arguments in found]
    assert (repeats == sorted(repeats), len(set(repeats)) > 1) == (True, True)
    assert found[0][1][:3] == ["--presets", "1", "7"]
