"""The registry: presets by number, in sections, and how they are selected."""

from __future__ import annotations

import pytest

from mnist_mlp.errors import UsageError
from mnist_mlp.presets.preset import Preset
from mnist_mlp.presets.registry import Registry, ranges_of

from hyperparameters import PRESETS


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("31", [31]), ("9-13,31", [9, 10, 11, 12, 13, 31]), (" 9 - 11 , 2", [9, 10, 11, 2]), ([31, 9], [31, 9])],
)
def test_select(text, numbers):
    assert list(PRESETS.select(text)) == numbers
    assert all(preset is PRESETS[number] for number, preset in PRESETS.select(text).items())


@pytest.mark.parametrize("numbers", [[1], [1, 2, 3], [9, 10, 11, 31, 36, 37]])
def test_ranges_of_is_understood_by_select(numbers):
    assert list(PRESETS.select(ranges_of(numbers))) == numbers


@pytest.mark.parametrize(
    ("chosen", "complaint"),
    [
        ("9-", "'9-' is not understood"),
        ("-9", "'-9' is not understood"),
        ("13-9", "'13-9' is not understood"),
        ("9,,10", "'' is not understood"),
        ("nine", "'nine' is not understood"),
        ("1.5", "'1.5' is not understood"),
        ("", "no preset is chosen"),
        ([], "no preset is chosen"),
        ("99", "preset 99 is unknown; known: 1-"),
        ("1-999999999", "preset 999999999 is unknown"),
        ("9,9", "preset 9 is chosen twice"),
        ([9, 9], "preset 9 is chosen twice"),
        (["9"], "preset '9' is not the number of a preset"),
        ([[9]], "preset [9] is not the number of a preset"),
        (31, "is not a list of preset numbers"),
    ],
)
def test_select_refuses(chosen, complaint):
    with pytest.raises(UsageError) as refused:
        PRESETS.select(chosen)
    assert complaint in str(refused.value)


def test_registry_refuses_a_number_twice_and_values_that_are_not_presets():
    registry = Registry()
    registry[1] = Preset()
    for number, preset, complaint in (
        (1, Preset(), "defined twice"),
        (0, Preset(), "from 1"),
        (2, {}, "must be a Preset"),
    ):
        with pytest.raises(UsageError, match=complaint):
            registry[number] = preset


def test_sections_hold_the_presets_that_follow_them():
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


def test_every_preset_of_the_file_is_in_one_section():
    numbers = [number for section in PRESETS.sections for number in section.numbers]
    assert numbers == list(PRESETS)


def test_change_names_the_parent_by_its_number():
    registry = Registry()
    registry[7] = Preset(hidden_sizes=(5,))
    registry[9] = registry[7].but(dropout=0.5, epochs=3)
    registry[10] = registry[9].but()
    registry[11] = registry[9].but(epochs=4).but(epochs=5)
    assert [registry.change_of(preset) for preset in registry.values()] == [
        "base preset",
        "7: epochs 100 -> 3, dropout 0 -> 0.5",
        "9: no change",
        "unnumbered: epochs 4 -> 5",
    ]
    assert [registry.number_of(preset) for preset in (registry[9], Preset(hidden_sizes=(5,)))] == [9, None]
