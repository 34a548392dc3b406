"""Tests presets: the 2020 presets, validation, `but` and comparison."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest

from mnist_mlp.errors import UsageError
from mnist_mlp.presets.preset import Preset
from tests.helpers import PROJECT

from hyperparameters import PRESETS

ROWS_OF_2020 = list(csv.DictReader((PROJECT / "tests" / "seed_presets.csv").open()))[1:]  # preset 0 had no optimizer


@pytest.mark.parametrize("row", ROWS_OF_2020, ids=lambda row: row["preset"])
def test_preset_equals_its_2020_version(row):
    assert PRESETS[int(row["preset"])] == Preset(
        hidden_sizes=tuple(map(int, row["hidden_sizes"].split("-"))),
        activation=row["activation"],
        weight_init=row["weight_init"],
        bias_init="normal",
        batch_size=int(row["batch_size"]),
        epochs=int(row["epochs"]),
        optimizer=row["optimizer"],
        learning_rate=float(row["learning_rate"]),
        weight_decay=float(row["weight_decay"]),
        dropout=float(row["dropout"]),
    )
    assert PRESETS[int(row["preset"])].weight_layers == int(row["weight_layers"])


def test_all_2020_presets_exist():
    assert [int(row["preset"]) for row in ROWS_OF_2020] == list(range(1, 38))
    assert list(PRESETS)[:37] == list(range(1, 38))


def test_2020_presets_have_no_extras():
    assert all(PRESETS[number].extras() == {} for number in range(1, 38))
    later = PRESETS[1].but(standardize=True, elastic=1.5)
    assert later.extras() == {"input standardization": "True", "elastic deformation": "1.5"}


def test_presets_with_cumulative_weight_decay():
    """They are the 2020 presets with weight decay, with numbers that are 200 higher."""
    decayed = [int(row["preset"]) for row in ROWS_OF_2020 if float(row["weight_decay"])]
    assert [number for number in PRESETS if 200 < number <= 300] == [200 + number for number in decayed]
    for number in decayed:
        changes = {"cumulative_weight_decay": (False, True)}
        assert PRESETS[number].differences(PRESETS[200 + number]) == changes
        assert PRESETS[200 + number].parent is PRESETS[number]


def test_penalty_counts():
    preset = Preset(hidden_sizes=(9, 8, 7, 6), weight_decay=0.1)
    assert preset.penalty_counts == (1, 1, 1, 1, 1)
    assert preset.but(cumulative_weight_decay=True).penalty_counts == (5, 4, 3, 2, 1)
    assert Preset(hidden_sizes=(), cumulative_weight_decay=True).penalty_counts == (1,)


def test_but_changes_one_field_and_sets_parent():
    child = PRESETS[18].but(dropout=0.3)
    assert child.parent is PRESETS[18]
    assert PRESETS[18].differences(child) == {"dropout": (0.0, 0.3)}
    assert PRESETS[18].dropout == 0.0


def test_new_optimizer_resets_arguments_and_counts_as_one_difference():
    sgd = PRESETS[31].but(optimizer="sgd", optimizer_arguments={"momentum": 0.9})
    assert PRESETS[31].differences(sgd) == {"optimizer": ("adam", "sgd")}
    assert sgd.but(optimizer="rmsprop").optimizer_arguments == ()
    assert sgd.but(dropout=0.5).optimizer_arguments == (("momentum", 0.9),)


def test_differences_finds_presets_that_differ_only_in_dropout():
    base = PRESETS[22]
    neighbors = {n: d for n, p in PRESETS.items() if len(d := base.differences(p)) == 1 and "dropout" in d}
    assert sorted(neighbors) == [23, 24, 25]


def test_values_are_normalized():
    preset = Preset(hidden_sizes=[300, np.int64(200)], learning_rate=1, dropout=np.float32(0.5), optimizer="RMSprop")
    assert preset.hidden_sizes == (300, 200)
    assert isinstance(preset.learning_rate, float)
    assert preset.dropout == 0.5
    assert preset.optimizer == "rmsprop"
    assert Preset(weight_init="HeNormal") == Preset(weight_init="he_normal")
    assert hash(Preset(optimizer_arguments={"beta_2": 0.99, "beta_1": 0.8})) == hash(
        Preset(optimizer_arguments={"beta_1": 0.8, "beta_2": 0.99})
    )


def test_preset_round_trips_through_dict():
    preset = Preset(hidden_sizes=(40, 30), optimizer="sgd", optimizer_arguments={"momentum": 0.9, "nesterov": True})
    assert Preset.from_dict(preset.to_dict()) == preset


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("dropout", 1.0, "less than 1"),
        ("dropout", -0.1, "at least 0"),
        ("dropout", "0.2", "a number"),
        ("dropout", True, "a number"),
        ("dropout", math.nan, "a number"),
        ("learning_rate", 0, "greater than 0"),
        ("learning_rate", -0.001, "greater than 0"),
        ("learning_rate", math.inf, "finite"),
        ("learning_rate", 10**400, "finite"),
        ("weight_decay", -1, "at least 0"),
        ("hidden_sizes", (300, 0), "from 1"),
        ("hidden_sizes", (300, 2.5), "whole number"),
        ("hidden_sizes", (300, True), "whole number"),
        ("hidden_sizes", 300, "a tuple"),
        ("hidden_sizes", "300-200", "a tuple"),
        ("hidden_sizes", (60_000, 60_000), "weights"),
        ("batch_size", 0, "from 1 to"),
        ("batch_size", 100.0, "whole number"),
        ("epochs", 0, "from 1"),
        ("activation", "rulu", "relu"),
        ("activation", None, "relu"),
        ("activation", ["relu"], "relu"),
        ("weight_init", "hee", "he, xavier, default"),
        ("bias_init", "he", "normal"),
        ("optimizer", "none", "adam"),
        ("normalization", "group", "none, batch, layer"),
        ("normalization", None, "none, batch, layer"),
        ("standardize", 1, "True or False"),
        ("final_fit", "yes", "True or False"),
        ("input_dropout", 1.0, "less than 1"),
        ("label_smoothing", -0.1, "at least 0"),
        ("decoupled_weight_decay", -0.1, "at least 0"),
        ("learning_rate_schedule", "linear", "constant, cosine, one_cycle"),
        ("warmup", 1, "less than 1"),
        ("ema_decay", 1.0, "less than 1"),
        ("rotation", 181, "0 to 180"),
        ("scaling", 1.0, "less than 1"),
        ("shear", math.inf, "finite"),
        ("shift", -1, "at least 0"),
        ("elastic", -1, "at least 0"),
        ("adversarial", -1, "at least 0"),
        ("l1_decay", -0.01, "at least 0"),
        ("optimizer_arguments", {"momentum": 0.9}, "beta_1"),
        ("optimizer_arguments", {"beta_1": 1.0}, "less than 1"),
        ("optimizer_arguments", {"beta_1": "0.9"}, "a number"),
        ("optimizer_arguments", 3, "a dict"),
        ("optimizer_arguments", {"clipnorm": 1.0, "global_clipnorm": 1.0}, "at most one of clipnorm, clipvalue"),
        ("droput", 0.2, "did you mean dropout?"),
        ("batch_norm", True, "allowed: hidden_sizes, "),
    ],
)
def test_error_names_field_value_and_allowed_values(field, value, allowed):
    with pytest.raises(UsageError) as rejected:
        Preset(**{field: value})
    message = str(rejected.value)
    if field == "optimizer_arguments" and isinstance(value, dict):
        field, value = next(iter(value.items()))
    assert field in message
    assert allowed in message
    assert repr(value)[:10] in message or field == "hidden_sizes"
    assert "\n" not in message


def test_preset_rejects_positional_arguments_and_assignment():
    with pytest.raises(UsageError, match="keyword arguments only"):
        Preset((300, 200))
    with pytest.raises(AttributeError):
        PRESETS[1].dropout = 0.5


def test_zero_and_many_hidden_layers_are_allowed():
    assert Preset(hidden_sizes=()).weight_layers == 1
    assert Preset(hidden_sizes=(50,) * 20).weight_layers == 21
