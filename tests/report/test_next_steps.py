"""Tests which runs the report suggests, and the commands for them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from math import exp, log, sqrt
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm, t

from mnist_mlp.evaluation.seed_spread import LEARNED_PRIOR, VARIANCE_FREEDOM
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


def above_98(deviations: float) -> float:
    """Returns the accuracy that is above 98% by so many standard deviations of a single run."""
    return 1 / (1 + exp(-log(0.98 / 0.02) - deviations * LEARNED_PRIOR.deviation))


def steps(*runs: ReportedRun, registered: Mapping[int, Preset] = MappingProxyType({})) -> list[tuple[str, list[str]]]:
    """Returns the reason and the arguments of each suggested command."""
    found = content_of(*runs, registered=registered).conclusions.next_steps
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
        f"{title} {value} with preset {preset}: not tried yet, and the validation accuracy rises in this direction "
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
    (comparison,) = content_of(run(1, 0.98, 0.98), run(2, 0.97, 0.983, dropout=0.5)).findings[0].compared
    # 98.3%, 97.5%, and 98.5% are 0.165, -0.228, and 0.293 above 98% in log odds.
    for seeds, is_enough in ((2, False), (3, True)):
        error = LEARNED_PRIOR.deviation * sqrt(2 / seeds)
        own = 1 / (1 / VARIANCE_FREEDOM + 1 / LEARNED_PRIOR.freedom) + seeds - 1  # degrees of freedom of each preset
        half = t.ppf(1 - comparison.difference.level / 2, 2 * own) * error
        shifts = 0.165 + error * norm.ppf((np.arange(10_000) + 0.5) / 10_000)
        is_decided = (abs(shifts) > half) | ((shifts - half > -0.228) & (shifts + half < 0.293))
        assert (np.mean(is_decided) > 0.8) == is_enough
    assert reason == (
        "dropout 0 → 0.5: +0.30 points so far, inconclusive. About 3 seeds of each preset in total will probably "
        "decide it"
    )
    assert arguments == ["--presets", "1", "2", "--repeats", "3", "--skip-done"]


def test_presets_that_were_changed_on_the_command_line_have_no_command_for_more_seeds():
    changed = run(1, 0.97, 0.983, dropout=0.5)
    changed.record.changed = ["dropout"]
    assert steps(run(1, 0.98, 0.98), changed) == []


def test_comparison_that_takes_more_than_two_additional_seeds_is_not_suggested():
    near, far = ([run(1, 0.98, low), run(2, 0.97, high, dropout=0.5)] for low, high in ((0.98, 0.983), (0.95, 0.957)))
    needed = [content_of(*runs).findings[0].compared[0].seeds_needed for runs in (near, far)]
    assert needed[0] == 3 < needed[1]
    ((_, arguments),) = steps(*near)
    assert arguments[arguments.index("--repeats") + 1] == "3"
    assert steps(*far) == []


def test_decided_and_unscored_comparisons_get_no_more_seeds():
    assert steps(run(1, 0.98, 0.98), run(2, 0.97, 0.95, dropout=0.5)) == []
    assert steps(run(1, 0.98, 0.98), run(2, 0.97, dropout=0.5)) == []


def test_values_come_before_seeds_and_good_networks_before_bad_ones():
    bad = {"epochs": 5, "batch_size": 50}
    runs = [run(1, 0.9, 0.98, **bad), run(2, 0.9, above_98(3.7), **bad, activation="gelu")]  # clearer, but not good
    runs += [run(3, 0.98, 0.98), run(4, 0.97, above_98(3.1), activation="gelu")]
    runs += study("dropout", {0.2: 0.975, 0.3: 0.981}, first=5)
    first, *others = [arguments[1:] for _, arguments in steps(*runs)]
    assert first == ["6", "--set", "dropout=0.4"]
    assert [arguments[:2] for arguments in others] == [["3", "4"], ["1", "2"]]


def test_comparisons_that_need_few_seeds_come_first_and_at_most_five_are_shown():
    tests = [above_98(deviations) for deviations in (3.7, 3.9, 4.1, 4.3, 4.5, 4.6)]
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


def test_epochs_of_shortened_runs_are_part_of_the_commands():
    runs = study("dropout", {0.1: 0.96, 0.2: 0.97, 0.3: 0.98}, epochs=3)
    registered = {1: Preset(dropout=0.1, epochs=3), 3: Preset(dropout=0.3, epochs=100)}
    ((_, arguments),) = steps(*runs, registered=registered)
    assert arguments == ["--presets", "3", "--epochs", "3", "--set", "dropout=0.4"]
    registered[3] = registered[3].but(epochs=3)
    ((_, arguments),) = steps(*runs, registered=registered)
    assert arguments == ["--presets", "3", "--set", "dropout=0.4"]


def test_more_seeds_of_shortened_runs_have_their_epochs():
    arms = [run(1, 0.98, 0.98, epochs=3), run(2, 0.97, above_98(-2.5), dropout=0.1, epochs=3)]
    registered = {2: Preset(dropout=0.1, epochs=100)}
    ((_, arguments),) = [step for step in steps(*arms, registered=registered) if "--repeats" in step[1]]
    assert arguments[:5] == ["--presets", "1", "2", "--epochs", "3"]


def test_runs_that_were_shortened_differently_get_no_common_command():
    arms = [run(1, 0.98, 0.98, epochs=3), run(2, 0.97, above_98(-2.5), epochs=2)]
    assert [step for step in steps(*arms) if "--repeats" in step[1]]
    assert [step for step in steps(*arms, registered={1: Preset(), 2: Preset()}) if "--repeats" in step[1]] == []
