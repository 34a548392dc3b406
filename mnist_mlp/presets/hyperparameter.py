"""How a hyperparameter is declared: once, with everything that any part of the program needs to know about it.

`declarations.Hyperparameters` declares its fields by `hyperparameter(...)`. Validation, defaults, the compile key, the
tensors of the compiled step, the columns of the INFOS tables, TensorBoard's HParams values, the report's titles and the
list of `hyperparameters.py --help` all come from that declaration. A declaration that lacks something fails at import.
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
    """The part of a training that a hyperparameter acts on."""

    CONSTANT = "constant of the compiled step"
    STEP_INPUT = "tensor input of the compiled step"
    OPTIONAL_STEP_INPUT = "tensor input of the compiled step, which leaves its part out while the value is the default"
    DEFORMATION = "one of the strengths that deform the training images; deformations are left out while all are 0"
    INITIAL_WEIGHTS = "initial weights"
    SCHEDULE = "number of epochs and learning rate of each step"
    IMAGES = "images that the network sees"


class Kind(Enum):
    """What a column of values holds."""

    COUNT = "count"
    NUMBER = "number"
    TEXT = "text"


@dataclass(frozen=True)
class Hyperparameter:
    """Everything that the program knows about one hyperparameter.

    Attributes:
        name: of the field of `Preset`, the column in tables and the value in TensorBoard.
        default: value of a preset that does not give one, and of records and tables from before it existed.
        check: of a single value.
        role: the part of a training that it acts on.
        title: in the report and in progress lines.
        help: one or two sentences for the documentation: meaning, unit, source.
        example: a value that is worth trying and that changes a training of the default preset.
        label: in figures, where room is short: what stands before the value, such as "L2 ".
        figure: the report's figure of studies of it.
        in_2020: whether the experiment of 2020 had it.
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
        """What a column of its values holds."""
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
    """Returns the dataclass field that declares a hyperparameter; the arguments are those of `Hyperparameter`.

    Args:
        label: the title where it is None.
        figure: the field's name where it is None.
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
        TypeError: a field is not declared by `hyperparameter`, or its default or example fails its own check.
    """
    declared = {}
    for field in dataclasses.fields(declarations):
        if _METADATA_KEY not in field.metadata:
            raise TypeError(f"{declarations.__name__}.{field.name} is not declared by hyperparameter(...)")
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
        raise TypeError(f"the default or the example of a hyperparameter fails its own check: {error}") from None
    if default != declared.default:
        raise TypeError(f"the default of {declared.name} must be written as its check returns it: {default!r}")
    if example == default:
        raise TypeError(f"the example of {declared.name} must differ from its default")
