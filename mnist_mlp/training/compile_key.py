"""Decides which hyperparameters are compiled into an epoch and which are inputs. Does not import TensorFlow."""

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
Enabled.__doc__ = "Whether each optional part of a step is compiled: a bool per hyperparameter, one for augmentation."


@dataclass(frozen=True)
class CompileKey:
    """Identifies a compiled epoch. Presets with equal keys share one if they train on the same data.

    Attributes:
        constants: (name, value) pairs of the hyperparameters that are constants in the compiled step.
        enabled: which optional parts of the step are compiled.
        views: number of versions of each image in the network's input (2 with a deskewed copy).
        example: a preset with this key, used to build the network. Ignored when keys are compared.
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
    """Returns (name, value) pairs of the preset's hyperparameters that have this role."""
    return tuple((name, getattr(preset, name)) for name, declared in HYPERPARAMETERS.items() if declared.role is role)
