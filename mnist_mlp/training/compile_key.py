"""What decides the compiled program of an epoch, and what the program takes as tensors. Imports no TensorFlow."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass, field
from typing import Any

from mnist_mlp.presets.declarations import HYPERPARAMETERS
from mnist_mlp.presets.hyperparameter import Role
from mnist_mlp.presets.preset import Preset

OPTIONAL_INPUTS = tuple(name for name, declared in HYPERPARAMETERS.items() if declared.role is Role.OPTIONAL_STEP_INPUT)
INPUTS = tuple(
    name for name, declared in HYPERPARAMETERS.items() if declared.role in (Role.STEP_INPUT, Role.OPTIONAL_STEP_INPUT)
)

Enabled = namedtuple("Enabled", [*OPTIONAL_INPUTS, "deformations"])
Enabled.__doc__ = "Whether each optional part of a training step is compiled: bools by the hyperparameter's name."


@dataclass(frozen=True)
class CompileKey:
    """Presets with equal keys share a compiled epoch on the same data.

    Attributes:
        constants: (name, value) of the hyperparameters that are constants of the compiled step.
        enabled: the optional parts of the step.
        views: number of versions of an image that the network sees at once.
        example: a preset with this key, to build the network from; not compared.
    """

    constants: tuple[tuple[str, Any], ...]
    enabled: Enabled
    views: int
    example: Preset = field(compare=False, repr=False)

    @classmethod
    def of(cls, preset: Preset) -> CompileKey:
        """Returns the key of a preset."""
        return cls(
            constants=settings_of(preset, Role.CONSTANT),
            enabled=Enabled(
                **{name: getattr(preset, name) != HYPERPARAMETERS[name].default for name in OPTIONAL_INPUTS},
                deformations=any(preset.deformations),
            ),
            views=preset.views,
            example=preset,
        )


def settings_of(preset: Preset, role: Role) -> tuple[tuple[str, Any], ...]:
    """Returns (name, value) of the preset's hyperparameters with this role."""
    return tuple((name, getattr(preset, name)) for name, declared in HYPERPARAMETERS.items() if declared.role is role)
