"""What is trained: a preset, possibly with changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mnist_mlp.presets.preset import Preset

from hyperparameters import PRESETS


@dataclass(frozen=True)
class Network:
    """A preset, possibly with changes.

    Attributes:
        number: of the preset.
        changes: hyperparameters that differ from it.
    """

    number: int
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def preset(self) -> Preset:
        return PRESETS[self.number].but(**self.changes)

    @property
    def options(self) -> tuple[str, ...]:
        """The options of MNIST_train.py that select this network."""
        changes = [f"--set={name}={value}" for name, value in self.changes.items()]
        return ("--presets", str(self.number), *changes)
