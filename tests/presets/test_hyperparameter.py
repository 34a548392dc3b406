"""Tests declarations of hyperparameters: an invalid declaration fails at import."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from mnist_mlp.presets import checks
from mnist_mlp.presets.declarations import HYPERPARAMETERS
from mnist_mlp.presets.hyperparameter import Kind, Role, declared_by, hyperparameter
from mnist_mlp.presets.preset import Preset


def declare(default: object = 0.0, **changes: object):
    values = {"check": checks.fraction, "role": Role.SCHEDULE, "title": "a title", "help": "Some help.", "example": 0.5}
    return hyperparameter(default, **{**values, **changes})


def test_declared_by_returns_declared_values():
    @dataclass
    class Declarations:
        first: float = declare()
        second: int = declare(1, check=checks.whole_number(1, 9), example=2, label="", figure="picture", in_2020=True)

    first, second = declared_by(Declarations).values()
    assert (first.name, first.default, first.title, first.help) == ("first", 0.0, "a title", "Some help.")
    assert (first.label, first.figure, first.kind, first.in_2020) == ("a title ", "first", Kind.NUMBER, False)
    assert (second.label, second.figure, second.kind, second.in_2020) == ("", "picture", Kind.COUNT, True)


def test_undeclared_field_is_an_error():
    @dataclass
    class Declarations:
        plain: float = 0.0

    with pytest.raises(TypeError, match=r"Declarations.plain is not declared with hyperparameter"):
        declared_by(Declarations)


@pytest.mark.parametrize("missing", ["check", "role", "title", "help", "example"])
def test_incomplete_declaration_is_an_error(missing):
    values = {"check": checks.fraction, "role": Role.SCHEDULE, "title": "a title", "help": "Some help.", "example": 0.5}
    del values[missing]
    with pytest.raises(TypeError, match=missing):
        hyperparameter(0.0, **values)


@pytest.mark.parametrize(
    ("default", "example", "complaint"),
    [
        (0.0, 0.0, "the example of value must differ from its default"),
        (0.0, 2.0, "fails its check: .*value"),
        (2.0, 0.5, "fails its check: .*value"),
    ],
)
def test_default_and_example_must_be_valid_and_different(default, example, complaint):
    @dataclass
    class Declarations:
        value: float = declare(default, example=example)

    with pytest.raises(TypeError, match=complaint):
        declared_by(Declarations)


def test_preset_has_declared_defaults():
    preset = Preset()
    assert {name: getattr(preset, name) for name in HYPERPARAMETERS} == {
        name: declared.default for name, declared in HYPERPARAMETERS.items()
    }


def test_titles_are_unique():
    titles = [declared.title for declared in HYPERPARAMETERS.values()]
    assert len(set(titles)) == len(titles)


def test_kind_follows_type_of_default():
    kinds = {name: HYPERPARAMETERS[name].kind for name in ("batch_size", "dropout", "optimizer", "deskew")}
    assert kinds == {"batch_size": Kind.COUNT, "dropout": Kind.NUMBER, "optimizer": Kind.TEXT, "deskew": Kind.TEXT}
