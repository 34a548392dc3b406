"""Tests which values the report calls safe. Each difference here is clear, small, or undecided with a single seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from mnist_mlp.presets.preset import Preset
from mnist_mlp.report.evidence import ReportedRun
from mnist_mlp.report.safe_values import safe_values_in_words
from tests.report.reported import content_of, reported_run

BEST, SMALL, UNDECIDED, CLEAR = 0.99, 0.9895, 0.9872, 0.98  # compared with the first one
FAILED = 0.1


def study(
    field: str, accuracies: Mapping[Any, float | None], first: int = 1, validation: float = 0.98, **base: Any
) -> list[ReportedRun]:
    """Returns one run per value. The first value gets the lowest preset number.

    The reference is the default value or, without it, the first one. A test accuracy below 20% also is the validation
    accuracy.
    """
    presets = [Preset(**base, **{field: value}) for value in accuracies]
    return [
        reported_run(number, preset, _validation(validation, accuracy), accuracy)
        for number, preset, accuracy in zip(range(first, 100), presets, accuracies.values(), strict=False)
    ]


def _validation(validation: float, test: float | None) -> tuple[float, ...]:
    return (0.1, test if test and test < 0.2 else validation, 0.1)


def answer(*runs: ReportedRun) -> list[str]:
    return safe_values_in_words(content_of(*runs).findings)


def unclear(titles: str) -> str:
    return f"For {titles}, the differences are still unclear: more seeds are needed."


def safe_choices(values: str) -> str:
    return (
        f"Safe choices in these runs: {values}. In no comparison is another value better than these by 0.5 points or "
        "more."
    )


@pytest.mark.parametrize(
    ("field", "accuracies", "safe"),
    [
        ("dropout", {0.0: BEST, 0.2: SMALL, 0.5: CLEAR}, "dropout up to 0.2"),
        ("dropout", {0.0: BEST, 0.2: CLEAR}, "dropout 0"),
        ("dropout", {0.2: BEST, 0.1: CLEAR, 0.5: SMALL}, "dropout 0.2 to 0.5"),
        ("dropout", {0.0: CLEAR, 0.2: BEST, 0.5: SMALL}, "dropout 0.2 to 0.5"),  # the reference is the worst
        ("learning_rate", {0.001: BEST, 0.1: CLEAR, 0.0001: SMALL}, "learning rate 0.0001 to 0.001"),
        ("batch_size", {100: BEST, 800: 0.5}, "batch size 100"),
        ("learning_rate", {0.001: BEST, 0.01: SMALL, 0.1: FAILED}, "learning rate 0.001 to 0.01"),
        ("learning_rate", {0.001: BEST, 0.1: FAILED}, "learning rate 0.001"),
        # the longest run of neighbors: 0.2 is harmful
        ("dropout", {0.1: BEST, 0.2: CLEAR, 0.3: SMALL, 0.4: SMALL}, "dropout 0.3 to 0.4"),
        ("dropout", {0.1: BEST, 0.2: SMALL, 0.3: UNDECIDED, 0.4: CLEAR}, "dropout 0.1 to 0.2"),
        ("hidden_sizes", {(9, 9): BEST, (9,): CLEAR, (9, 9, 9): SMALL, (9,) * 9: CLEAR}, "3 to 4 weight layers"),
        ("hidden_sizes", {(): CLEAR, (9,): BEST}, "2 weight layers"),
        ("hidden_sizes", {(300,): BEST, (30,): CLEAR}, "width 300"),
        ("optimizer", {"adam": BEST, "sgd": CLEAR, "adagrad": SMALL}, "optimizer adagrad or adam"),
        ("deskew", {False: CLEAR, True: BEST}, "deskewing on"),
        ("standardize", {False: BEST, True: CLEAR}, "input standardization off"),
    ],
)
def test_values_without_harm_are_safe(field, accuracies, safe):
    assert answer(*study(field, accuracies)) == [safe_choices(safe)]


def test_hyperparameter_without_any_clear_difference_has_a_sentence_of_its_own():
    dropout, epochs = study("dropout", {0.0: BEST, 0.2: SMALL}), study("epochs", {100: BEST, 50: SMALL}, 1)
    start, end = "In networks that are within 1 point of the best,", "made a difference of less than 0.5 points."
    assert answer(*dropout) == [f"{start} dropout {end}"]
    assert answer(*dropout, *epochs[1:]) == [f"{start} epochs and dropout {end}"]


def test_undecided_hyperparameters_are_listed():
    undecided = study("dropout", {0.0: BEST, 0.2: SMALL, 0.5: UNDECIDED})
    assert answer(*undecided) == [unclear("dropout")]
    other = study("epochs", {100: BEST, 50: UNDECIDED})[1:]
    assert answer(*undecided, *other) == [unclear("epochs and dropout")]


def test_hyperparameter_with_harmful_values_only_is_undecided_as_long_as_a_better_one_is_possible():
    better = {0.001: UNDECIDED, 0.002: BEST, 0.1: 0.95}  # 0.002 may be better than the reference
    assert answer(*study("learning_rate", better)) == [unclear("learning rate")]


def test_values_that_fail_are_not_safe():
    assert answer(*study("learning_rate", {0.001: FAILED, 0.01: BEST, 0.1: FAILED})) == [
        safe_choices("learning rate 0.01")
    ]
    assert answer(*study("learning_rate", {0.001: FAILED, 0.1: 0.12})) == []


def test_value_is_not_safe_if_another_one_is_clearly_better():
    accuracies = {0.0: 0.95, 0.2: 0.97, 0.5: 0.99}  # both are clearly better than the reference
    assert answer(*study("dropout", accuracies)) == [safe_choices("dropout 0.5")]


@pytest.mark.parametrize(
    ("values", "others", "safe"),
    [
        ({0.0: BEST, 0.2: SMALL, 0.5: SMALL}, {0.0: BEST, 0.2: SMALL, 0.5: CLEAR}, "dropout up to 0.2"),
        ({0.0: BEST, 0.2: SMALL, 0.5: CLEAR}, {0.0: BEST, 0.2: UNDECIDED, 0.5: CLEAR}, "dropout 0"),
        ({0.0: BEST, 0.2: UNDECIDED, 0.5: CLEAR}, {0.0: BEST, 0.2: CLEAR, 0.5: UNDECIDED}, "dropout 0"),
        ({0.0: BEST, 0.2: SMALL, 0.5: SMALL}, {0.0: BEST, 0.2: SMALL, 0.5: FAILED}, "dropout up to 0.2"),
        ({0.0: BEST, 0.2: SMALL, 0.5: CLEAR}, {0.0: BEST, 0.2: None, 0.5: CLEAR}, "dropout up to 0.2"),
    ],
    ids=["harm beats safety", "doubt beats safety", "harm beats doubt", "failure is harm", "unscored is nothing"],
)
def test_worst_judgment_of_several_studies_counts(values, others, safe):
    runs = study("dropout", values), study("dropout", others, first=11, activation="gelu", epochs=50)
    assert answer(*(run for same in runs for run in same)) == [safe_choices(safe)]


def test_studies_of_networks_with_a_much_lower_validation_accuracy_do_not_count():
    good = study("dropout", {0.0: BEST, 0.5: CLEAR})
    other = study("dropout", {0.0: CLEAR, 0.5: BEST}, first=11, validation=0.96, activation="tanh", epochs=50)
    assert answer(*good, *other) == [safe_choices("dropout 0")]
    assert answer(*other) == [safe_choices("dropout 0.5")]
    near = study("dropout", {0.0: CLEAR, 0.5: BEST}, first=21, validation=0.975, activation="elu", epochs=50)
    assert answer(*good, *near) == []  # each value is harmful in one of the studies


def test_several_hyperparameters_are_in_one_list():
    base = study("dropout", {0.0: BEST, 0.5: CLEAR})
    changed = [
        reported_run(number, preset, _validation(0.98, accuracy), accuracy)
        for number, preset, accuracy in (
            (11, Preset(learning_rate=0.1), 0.5),
            (12, Preset(epochs=50), SMALL),
            (13, Preset(batch_size=50), UNDECIDED),
        )
    ]
    assert answer(*base, *changed) == [
        safe_choices("learning rate 0.001 and dropout 0"),
        "In networks that are within 1 point of the best, epochs made a difference of less than 0.5 points.",
        unclear("batch size"),
    ]


def test_nothing_is_said_without_differences():
    assert answer(*study("dropout", {0.0: None, 0.5: None})) == []
    assert answer(*study("dropout", {0.0: BEST, 0.5: BEST})) == []  # identical networks
    assert answer(reported_run(1, Preset(), test_accuracy=BEST)) == []
