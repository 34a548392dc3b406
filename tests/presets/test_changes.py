"""Tests changes to presets from the command line."""

from __future__ import annotations

import json

import pytest

from mnist_mlp.errors import UsageError
from mnist_mlp.presets.changes import PresetName, lines_to_keep, parse_changes, with_changes
from mnist_mlp.presets.preset import Preset
from mnist_mlp.presets.registry import Registry
from mnist_mlp.runs.record import InvalidRun, RunRecord

from hyperparameters import PRESETS


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("learning_rate=0.01", "learning_rate", 0.01),
        ("learning-rate = 1e-2", "learning_rate", 0.01),
        ("hidden_sizes=400,300", "hidden_sizes", (400, 300)),
        ("hidden_sizes=(400,)", "hidden_sizes", (400,)),
        ("hidden_sizes=400", "hidden_sizes", (400,)),
        ("standardize=True", "standardize", True),
        ("standardize=false", "standardize", False),
        ("optimizer=sgd", "optimizer", "sgd"),
        ("optimizer='sgd'", "optimizer", "sgd"),
        ("optimizer_arguments={'momentum': 0.9}", "optimizer_arguments", {"momentum": 0.9}),
        ("dropout=1if", "dropout", "1if"),
        ("dropout=", "dropout", ""),
        ("dropout=((((", "dropout", "(((("),
    ],
)
def test_values_are_literals_or_text(text, name, value):
    assert parse_changes([text]) == {name: value}


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["learning_rate"], "--set learning_rate: write NAME=VALUE, such as --set learning_rate=0.01"),
        (["dropuot=0.5"], "--set dropuot=0.5: there is no such hyperparameter; did you mean dropout?"),
        (["lr=0.1"], "--set lr=0.1: there is no such hyperparameter; did you mean learning_rate?"),
        (["batch=10"], "--set batch=10: there is no such hyperparameter; did you mean batch_size?"),
        (["parent=1"], "--set parent=1: there is no such hyperparameter; allowed: hidden_sizes, "),
        (["dropout=0.5", "dropout=0.6"], "--set dropout=0.6: dropout is set twice"),
    ],
)
def test_invalid_change_is_rejected(texts, message):
    with pytest.raises(UsageError) as rejected:
        parse_changes(texts)
    assert str(rejected.value).startswith(message)


@pytest.mark.parametrize("value", [2, "half", None, (0.5,), True])
def test_value_is_validated_like_preset(value):
    with pytest.raises(UsageError, match=r"^dropout: must be a number that is at least 0 and less than 1, not "):
        with_changes(PRESETS[31], {"dropout": value})


def test_change_without_effect_gives_preset_itself():
    assert with_changes(PRESETS[31], {"learning_rate": 0.001}) == (PRESETS[31], ())
    changed, names = with_changes(PRESETS[31], {"optimizer": "SGD", "learning_rate": 1})
    assert (changed, names) == (PRESETS[31].but(optimizer="sgd", learning_rate=1), ("optimizer", "learning_rate"))
    assert str(PresetName.of(31, changed, names)) == "31 (optimizer=sgd, learning_rate=1)"


def test_lines_to_keep_use_next_free_numbers_and_give_same_presets():
    registry = Registry()
    registry[31] = Preset()
    registry[48] = Preset(dropout=0.2)
    registry[302] = Preset(dropout=0.3)
    changes = {"optimizer": "sgd", "optimizer_arguments": {"momentum": 0.9}, "hidden_sizes": [9]}
    lines = lines_to_keep(registry, {31: registry[31], 48: registry[48]}, changes)
    assert lines == [
        'PRESETS[301] = PRESETS[31].but(optimizer="sgd", optimizer_arguments={"momentum": 0.9}, hidden_sizes=(9,))',
        'PRESETS[303] = PRESETS[48].but(optimizer="sgd", optimizer_arguments={"momentum": 0.9}, hidden_sizes=(9,))',
    ]
    for line in lines:
        exec(line, {"PRESETS": registry})
    assert registry[303] == with_changes(registry[48], changes)[0]
    assert lines_to_keep(registry, {31: registry[31], 302: registry[302]}, {"dropout": 0.3}) == [
        "# PRESETS[31].but(dropout=0.3) is PRESETS[302]"
    ]


def test_plain_and_changed_preset_differ_in_tables():
    plain, changed = PresetName(31), PresetName(31, "dropout=0.5")
    assert (plain.cell, changed.cell) == (31, "31 (dropout=0.5)")
    assert sorted([PresetName(32), changed, plain]) == [plain, changed, PresetName(32)]


@pytest.mark.parametrize("changed", [["dropuot"], "dropout", {"dropout": 0.5}, [["dropout"]], None])
def test_record_with_invalid_changes_is_rejected(changed):
    text = RunRecord(31, Preset(dropout=0.5), 1602, changed=["dropout"]).to_json()
    assert RunRecord.from_json(text).preset_name == PresetName(31, "dropout=0.5")
    with pytest.raises(InvalidRun, match=r"^its record\.json is damaged"):
        RunRecord.from_json(json.dumps({**json.loads(text), "changed": changed}))
