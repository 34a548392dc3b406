"""The variables of a training run: model, optimizer and, if the preset uses one, the moving average of the weights."""

from __future__ import annotations

import itertools

import numpy as np

from mnist_mlp.data.dataset import DataSet
from mnist_mlp.libraries.quiet_tensorflow import keras
from mnist_mlp.presets.preset import Preset
from mnist_mlp.training.model import build_model, build_optimizer
from mnist_mlp.training.results import TrainingState


class Network:
    """The variables that a training step updates.

    Several runs can share a network. Its variables belong to a run only while an epoch of that run is in progress.

    Attributes:
        model: the network that is trained.
        averaged_model: the same network with averaged weights; None if the preset does not average weights.
        optimizer: the optimizer for `model`'s variables, including its state.
    """

    def __init__(self, preset: Preset, data_set: DataSet) -> None:
        blank = preset.but(weight_init="zeros", bias_init="zeros")  # set_state sets the actual weights
        self.model = build_model(blank, 0, data_set)
        self.averaged_model = build_model(blank, 0, data_set) if preset.ema_decay else None
        self.optimizer = build_optimizer(preset)
        self.optimizer.build(self.model.trainable_variables)
        self._initial_optimizer_state = [variable.numpy() for variable in self.optimizer.variables]

    @property
    def evaluated_model(self) -> keras.Sequential:
        """The network that is validated: the averaged one if there is one."""
        return self.averaged_model or self.model

    @property
    def dense_layers(self) -> list[keras.layers.Dense]:
        """The dense layers of `model`, from input to output."""
        return [layer for layer in self.model.layers if isinstance(layer, keras.layers.Dense)]

    @property
    def variables(self) -> list[keras.Variable]:
        """All variables that a training step updates."""
        return list(itertools.chain.from_iterable(self._parts.values()))

    @property
    def _parts(self) -> dict[str, list[keras.Variable]]:
        """The variables of each array field of `TrainingState`, by field name."""
        return {
            "weights": self.model.weights,
            "optimizer_state": self.optimizer.variables,
            "average": self.averaged_model.weights if self.averaged_model else [],
        }

    def initial_state(self, weights: list[np.ndarray]) -> TrainingState:
        """Returns the state before the first epoch, with these initial weights."""
        return TrainingState(0, weights, self._initial_optimizer_state, weights if self.averaged_model else [])

    def set_state(self, state: TrainingState) -> None:
        """Sets all variables to a saved state."""
        for name, variables in self._parts.items():
            for variable, value in zip(variables, getattr(state, name), strict=True):
                variable.assign(value)

    def state_after(self, epoch: int) -> TrainingState:
        """Returns a copy of the variables as the state after this epoch."""
        return TrainingState(epoch, **{name: [part.numpy() for part in parts] for name, parts in self._parts.items()})
