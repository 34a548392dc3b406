"""Tests the registry: numbers, sections and selection of presets."""

from __future__ import annotations

import pytest

from mnist_mlp.errors import UsageError
from mnist_mlp.presets.preset import Preset
from mnist_mlp.presets.registry import Registry, ranges_of

from hyperparameters import PRESETS


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("31", [31]),
        ("9-13,31", [9, 10, 11, 12, 13, 31]),
        (" 9 - 11 , 2", [9, 10, 11, 2]),
        ("9 10  31", [9, 10, 31]),
        ("9-11, 31 32", [9, 10, 11, 31, 32]),
        ([31, 9], [31, 9]),
    ],
)
def test_select_returns_presets_in_given_order(text, numbers):
    assert list(PRESETS.select(text)) == numbers
    assert all(preset is PRESETS[number] for number, preset in PRESETS.select(text).items())


@pytest.mark.parametrize("numbers", [[1], [1, 2, 3], [9, 10, 11, 31, 36, 37]])
def test_select_accepts_output_of_ranges_of(numbers):
    assert list(PRESETS.select(ranges_of(numbers))) == numbers


@pytest.mark.parametrize(
    ("chosen", "complaint"),
    [
        ("9-", "'9-' is invalid"),
        ("-9", "'-9' is invalid"),
        ("13-9", "'13-9' is invalid"),
        ("9,,10", "'' is invalid"),
        ("nine", "'nine' is invalid"),
        ("1.5", "'1.5' is invalid"),
        ("", "no preset is selected"),
        ([], "no preset is selected"),
        ("99", "preset 99 does not exist; available: 1-"),
        ("1-999999999", "preset 999999999 does not exist"),
        ("9,9", "preset 9 is selected twice"),
        ([9, 9], "preset 9 is selected twice"),
        (["9"], "presets: '9' is not a preset number"),
        ([[9]], "presets: [9] is not a preset number"),
        (31, "is not a list of preset numbers"),
    ],
)
def test_select_rejects_invalid_input(chosen, complaint):
    with pytest.raises(UsageError) as rejected:
        PRESETS.select(chosen)
    assert complaint in str(rejected.value)


def test_registry_rejects_duplicate_number_invalid_number_and_wrong_type():
    registry = Registry()
    registry[1] = Preset()
    for number, preset, complaint in (
        (1, Preset(), "defined twice"),
        (0, Preset(), "whole number greater than 0"),
        (2, {}, "must be a Preset"),
    ):
        with pytest.raises(UsageError, match=complaint):
            registry[number] = preset


def test_section_contains_presets_added_after_it():
    registry = Registry()
    registry[1] = Preset()
    registry.section("Depth")
    registry[2], registry[5] = Preset(hidden_sizes=(5,)), Preset(hidden_sizes=(5, 5))
    registry.section("Dropout")
    registry[3] = Preset(dropout=0.5)
    assert [(section.title, section.numbers) for section in registry.sections] == [
        ("", [1]),
        ("Depth", [2, 5]),
        ("Dropout", [3]),
    ]


def test_every_preset_is_in_exactly_one_section():
    numbers = [number for section in PRESETS.sections for number in section.numbers]
    assert numbers == list(PRESETS)


def test_change_of_includes_parent_number():
    registry = Registry()
    registry[7] = Preset(hidden_sizes=(5,))
    registry[9] = registry[7].but(dropout=0.5, epochs=3)
    registry[10] = registry[9].but()
    registry[11] = registry[9].but(epochs=4).but(epochs=5)
    assert [registry.change_of(preset) for preset in registry.values()] == [
        "none (base preset)",
        "7: epochs 100 -> 3, dropout 0 -> 0.5",
        "9: no change",
        "unnumbered: epochs 4 -> 5",
    ]
    assert [registry.number_of(preset) for preset in (registry[9], Preset(hidden_sizes=(5,)))] == [9, None]
