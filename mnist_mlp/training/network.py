"""A network with its optimizer and, where the preset asks for it, the moving average of its weights."""

from __future__ import annotations

import itertools

import numpy as np

from mnist_mlp.data.dataset import DataSet
from mnist_mlp.presets.preset import Preset
from mnist_mlp.quiet_tensorflow import keras
from mnist_mlp.training.model import build_model, build_optimizer
from mnist_mlp.training.results import TrainingState


class Network:
    """The variables that a training step changes; they hold a training's state only while an epoch runs.

    Attributes:
        model: the network that is trained.
        averaged_model: the same network with averaged weights, None where the preset keeps no average.
        optimizer: with the state of `model`'s variables.
    """

    def __init__(self, preset: Preset, data_set: DataSet) -> None:
        blank = preset.but(weight_init="zeros", bias_init="zeros")  # the weights come with a TrainingState
        self.model = build_model(blank, 0, data_set)
        self.averaged_model = build_model(blank, 0, data_set) if preset.ema_decay else None
        self.optimizer = build_optimizer(preset)
        self.optimizer.build(self.model.trainable_variables)
        self._initial_optimizer_state = [variable.numpy() for variable in self.optimizer.variables]

    @property
    def evaluated_model(self) -> keras.Sequential:
        """The network that is validated: the averaged one, where there is one."""
        return self.averaged_model or self.model

    @property
    def dense_layers(self) -> list[keras.layers.Dense]:
        """The layers of `model` that have a weight matrix, from the pixels to the logits."""
        return [layer for layer in self.model.layers if isinstance(layer, keras.layers.Dense)]

    @property
    def variables(self) -> list[keras.Variable]:
        """Everything that a training step changes."""
        return list(itertools.chain.from_iterable(self._parts.values()))

    @property
    def _parts(self) -> dict[str, list[keras.Variable]]:
        """The variables of each list of a `TrainingState`, by its name there."""
        return {
            "weights": self.model.weights,
            "optimizer_state": self.optimizer.variables,
            "average": self.averaged_model.weights if self.averaged_model else [],
        }

    def initial_state(self, weights: list[np.ndarray]) -> TrainingState:
        """Returns the state before the first epoch."""
        return TrainingState(0, weights, self._initial_optimizer_state, weights if self.averaged_model else [])

    def set_state(self, state: TrainingState) -> None:
        """Makes the variables those of a training."""
        for name, variables in self._parts.items():
            for variable, value in zip(variables, getattr(state, name), strict=True):
                variable.assign(value)

    def state_after(self, epoch: int) -> TrainingState:
        """Returns the variables as the state after an epoch."""
        return TrainingState(epoch, **{name: [part.numpy() for part in parts] for name, parts in self._parts.items()})
