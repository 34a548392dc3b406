"""Defines how hyperparameters are declared: in one place, with everything that the program needs to know about them.

`declarations.Hyperparameters` declares its fields with `hyperparameter(...)`. Validation, defaults, the compile key,
the tensors of the compiled step, the columns of the INFOS tables, TensorBoard's HParams values, the report's titles and
the output of `hyperparameters.py --help` are derived from that declaration. An incomplete declaration fails at import.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any

from mnist_mlp.errors import UsageError
from mnist_mlp.presets.checks import Check

_METADATA_KEY = "hyperparameter"


class Role(Enum):
    """The part of training that a hyperparameter affects."""

    CONSTANT = "constant of the compiled step"
    STEP_INPUT = "tensor input of the compiled step"
    OPTIONAL_STEP_INPUT = "tensor input of the compiled step; its code is left out if the value is the default"
    DEFORMATION = "strength of one kind of data augmentation; its code is left out if all strengths are 0"
    INITIAL_WEIGHTS = "initial weights"
    SCHEDULE = "number of epochs and learning rate of each step"
    IMAGES = "input images of the network"


class Kind(Enum):
    """The type of the values in a table column."""

    COUNT = "count"
    NUMBER = "number"
    TEXT = "text"


@dataclass(frozen=True)
class Hyperparameter:
    """The declaration of one hyperparameter.

    Attributes:
        name: name of the `Preset` field, of the table column and in TensorBoard.
        default: value if a preset does not set it, or if a record or table is older than the hyperparameter.
        check: validates one value.
        role: the part of training that it affects.
        title: name in the report and in progress lines.
        help: description for `--help` and the documentation, with effect, unit, source and typical value.
        example: a value that changes the result of training the default preset with weight decay; used by the tests.
        label: prefix of the value in figures, where space is limited, such as "rate ".
        figure: file name of its figure in the report, without the extension.
        in_2020: whether the 2020 experiment already had it.
    """

    name: str
    default: Any
    check: Check
    role: Role
    title: str
    help: str
    example: Any
    label: str
    figure: str
    in_2020: bool

    @property
    def kind(self) -> Kind:
        """The type of its values in a table column."""
        if isinstance(self.default, bool):
            return Kind.TEXT
        return {int: Kind.COUNT, float: Kind.NUMBER}.get(type(self.default), Kind.TEXT)


def hyperparameter(
    default: Any,
    *,
    check: Check,
    role: Role,
    title: str,
    help: str,
    example: Any,
    label: str | None = None,
    figure: str | None = None,
    in_2020: bool = False,
) -> Any:
    """Returns a dataclass field that declares a hyperparameter. `Hyperparameter` describes the arguments.

    Args:
        label: defaults to the title.
        figure: defaults to the field name.
    """
    declaration = {
        "check": check,
        "role": role,
        "title": title,
        "help": help,
        "example": example,
        "label": f"{title} " if label is None else label,
        "figure": figure,
        "in_2020": in_2020,
    }
    return dataclasses.field(default=default, metadata={_METADATA_KEY: declaration})


def declared_by(declarations: type) -> Mapping[str, Hyperparameter]:
    """Returns the hyperparameters of a dataclass by name, in the order of its fields.

    Raises:
        TypeError: a field is not declared with `hyperparameter`, or its default or example fails its check.
    """
    declared = {}
    for field in dataclasses.fields(declarations):
        if _METADATA_KEY not in field.metadata:
            raise TypeError(f"{declarations.__name__}.{field.name} is not declared with hyperparameter(...)")
        values = dict(field.metadata[_METADATA_KEY])
        values["figure"] = values["figure"] or field.name
        declaration = Hyperparameter(name=field.name, default=field.default, **values)
        _require_consistent(declaration)
        declared[field.name] = declaration
    return MappingProxyType(declared)


def _require_consistent(declared: Hyperparameter) -> None:
    try:
        default, example = (declared.check(declared.name, value) for value in (declared.default, declared.example))
    except UsageError as error:
        raise TypeError(f"the default or example of a hyperparameter fails its check: {error}") from None
    if default != declared.default:
        raise TypeError(f"the default of {declared.name} must be in the form that its check returns: {default!r}")
    if example == default:
        raise TypeError(f"the example of {declared.name} must differ from its default")
