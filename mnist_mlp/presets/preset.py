"""A preset: the validated, immutable hyperparameters of one training run. Does not import TensorFlow."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mnist_mlp.errors import UsageError
from mnist_mlp.presets.checks import not_allowed
from mnist_mlp.presets.declarations import DEFORMATIONS, HYPERPARAMETERS, Hyperparameters
from mnist_mlp.presets.keras_names import check_optimizer_arguments, unknown_name

MAX_WEIGHTS = 250_000_000  # 1 GB as float32; 3 GB with Adam's moments


@dataclass(frozen=True, kw_only=True)
class Preset(Hyperparameters):
    """The hyperparameters of one training run, validated and normalized.

    Limits that depend on the data set are checked by `data.requirements.require_fit`.

    Raises:
        UsageError: a field is unknown, has the wrong type or is out of range.
    """

    parent: Preset | None = field(default=None, compare=False, repr=False)

    def __new__(cls, *positional: Any, **values: Any) -> Preset:
        if positional:
            raise UsageError(
                "Preset takes keyword arguments only, such as Preset(hidden_sizes=(300, 200), dropout=0.2)"
            )
        for name, value in values.items():
            if name not in cls.__dataclass_fields__:
                raise unknown_name(name, value, "hyperparameter", cls.field_names())
        return super().__new__(cls)

    def __post_init__(self) -> None:
        for name, declaration in HYPERPARAMETERS.items():
            object.__setattr__(self, name, declaration.check(name, getattr(self, name)))
        arguments = check_optimizer_arguments(self.optimizer, self.optimizer_arguments)
        object.__setattr__(self, "optimizer_arguments", arguments)
        if self.deskew and self.upright_beside:
            raise not_allowed("upright_beside", True, "False if deskew is True (which already deskews every image)")
        require_few_weights(self.hidden_sizes, self.hidden_sizes)

    @property
    def views(self) -> int:
        """Number of versions of each image that the network gets as input."""
        return 2 if self.upright_beside else 1

    @property
    def weight_layers(self) -> int:
        """Number of weight matrices: the hidden layers and the output layer."""
        return len(self.hidden_sizes) + 1

    @property
    def penalty_counts(self) -> tuple[int, ...]:
        """How often each weight matrix counts in the L2 penalty, from input to output."""
        layers = self.weight_layers
        return tuple(range(layers, 0, -1)) if self.cumulative_weight_decay else (1,) * layers

    @property
    def deformations(self) -> tuple[float, ...]:
        """Strengths of the data augmentation, in the order of DEFORMATIONS; all 0 without augmentation."""
        return tuple(getattr(self, name) for name in DEFORMATIONS)

    def extras(self) -> dict[str, str]:
        """Returns {title: value as text} of the non-default hyperparameters that the 2020 experiment did not have."""
        return {
            declaration.title: format_field(getattr(self, name))
            for name, declaration in HYPERPARAMETERS.items()
            if not declaration.in_2020 and getattr(self, name) != declaration.default
        }

    @classmethod
    def field_names(cls) -> list[str]:
        """Returns the names of the hyperparameters, in the order of their declarations."""
        return list(HYPERPARAMETERS)

    def but(self, **changes: Any) -> Preset:
        """Returns a copy of this preset with these changes. The parent of the copy is this preset.

        Changing the optimizer resets `optimizer_arguments`, because each optimizer has its own arguments.
        """
        kept = {name: getattr(self, name) for name in HYPERPARAMETERS}
        if "optimizer" in changes:
            kept["optimizer_arguments"] = ()
        return Preset(**{**kept, **changes, "parent": self})

    def differences(self, other: Preset) -> dict[str, tuple[Any, Any]]:
        """Returns {field: (value in this preset, value in the other)} for the fields that differ.

        A different optimizer and its arguments count as one difference.
        """
        changed = {
            name: (getattr(self, name), getattr(other, name))
            for name in HYPERPARAMETERS
            if getattr(self, name) != getattr(other, name)
        }
        if "optimizer" in changed:
            changed.pop("optimizer_arguments", None)
        return changed

    def to_dict(self) -> dict[str, Any]:
        """Returns the hyperparameters as JSON values; `from_dict` is the inverse."""
        values = {name: getattr(self, name) for name in HYPERPARAMETERS}
        return {
            **values,
            "hidden_sizes": list(self.hidden_sizes),
            "optimizer_arguments": dict(self.optimizer_arguments),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Preset:
        """Returns the preset with these values, in the format of `to_dict`. Missing fields get their defaults.

        Raises:
            UsageError: a field is unknown, has the wrong type or is out of range.
        """
        if not isinstance(values, Mapping) or "parent" in values:
            raise UsageError("a preset must be a JSON object with the fields " + ", ".join(cls.field_names()))
        return cls(**values)


def require_few_weights(layer_sizes: tuple[int, ...], hidden_sizes: tuple[int, ...]) -> None:
    """Raises UsageError if layers of these sizes have more than MAX_WEIGHTS weights."""
    weights = sum(inputs * outputs for inputs, outputs in itertools.pairwise(layer_sizes))
    if weights > MAX_WEIGHTS:
        raise UsageError(
            f"hidden_sizes: {format_field(hidden_sizes)} has {weights:,} weights; at most {MAX_WEIGHTS:,} are allowed"
        )


def format_field(value: Any) -> str:
    """Returns a field's value as text for tables and logs: 300-200-200, momentum=0.9, 0.001."""
    if isinstance(value, tuple) and value and isinstance(value[0], tuple):
        return " ".join(f"{name}={format_field(argument)}" for name, argument in value)
    if isinstance(value, tuple):
        return "-".join(map(str, value)) or "none"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
