"""The result of an epoch, as numbers and arrays that can be sent between processes. Does not import TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from mnist_mlp.presets.preset import Preset


@dataclass(frozen=True)
class Metrics:
    """Metrics of one epoch on the training or validation images.

    Attributes:
        cross_entropy: mean over the images, in nats, without label smoothing. Training: measured during the epoch,
            with dropout and data augmentation. Validation: measured after the epoch, without either, and with the
            averaged weights if there are any.
        l2_penalty: weight decay times half the squared norm of the weight matrices (not averaged), after the epoch.
            With cumulative weight decay, earlier matrices count more often.
        accuracy: fraction of images that are classified correctly, 0 to 1.
    """

    cross_entropy: float
    l2_penalty: float
    accuracy: float

    @property
    def loss(self) -> float:
        """Cross-entropy plus L2 penalty. Without label smoothing, this is what training minimizes."""
        return self.cross_entropy + self.l2_penalty


@dataclass(frozen=True)
class LayerStatistics:
    """Statistics of one layer after an epoch.

    Activations are outputs of the activation function for the first 1,000 validation images, without dropout. The
    gradient and the update are those of the layer's weight matrix in the next training step. All statistics use the
    current weights, not their moving average.

    Attributes:
        activation_mean, activation_std: mean and standard deviation over images and units.
        dead_units: fraction of units that have the same output for all of these images, 0 to 1.
        gradient_norm: L2 norm of the gradient of the loss, including the L2 penalty.
        weight_norm: L2 norm of the weight matrix.
        update_ratio: L2 norm of the step's update divided by `weight_norm`.
        l2_penalty: this layer's part of `Metrics.l2_penalty`.
    """

    activation_mean: float
    activation_std: float
    dead_units: float
    gradient_norm: float
    weight_norm: float
    update_ratio: float
    l2_penalty: float


_PARTS = {"weight": "weights", "optimizer": "optimizer_state", "average": "average"}
"""Array fields of `TrainingState` by the prefix of their array names on disk."""


@dataclass(frozen=True, eq=False)
class TrainingState:
    """The state of a run after an epoch.

    Together with the preset and seed, it is all that is needed to continue with bit-identical results.

    Attributes:
        epoch: number of finished epochs.
        weights: the network's weights, in the order of Keras's `get_weights`.
        optimizer_state: the optimizer's variables, in the order of Keras's `Optimizer.variables`.
        average: the moving average of the weights, in the order of `weights`, with its own batch normalization
            statistics; [] if the preset does not average weights.
    """

    epoch: int
    weights: list[np.ndarray]
    optimizer_state: list[np.ndarray]
    average: list[np.ndarray] = field(default_factory=list)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Returns all arrays by name: weight_000, ..., optimizer_000, ... `from_arrays` is the inverse."""
        return {
            f"{part}_{index:03}": np.asarray(array, order="C")
            for part, name in _PARTS.items()
            for index, array in enumerate(getattr(self, name))
        }

    @classmethod
    def from_arrays(cls, epoch: int, arrays: Mapping[str, np.ndarray]) -> TrainingState:
        """Returns the state that `to_arrays` wrote. A field is empty if the file has no arrays for it (old files)."""
        parts = {
            name: [arrays[key] for key in sorted(arrays) if key.startswith(f"{part}_")] for part, name in _PARTS.items()
        }
        return cls(epoch, **parts)

    @property
    def evaluated_weights(self) -> list[np.ndarray]:
        """The weights that are validated and saved in checkpoints: the moving average if there is one."""
        return self.average or self.weights


@dataclass(frozen=True, eq=False)
class EpochResult:
    """The result of one epoch.

    Attributes:
        seconds: wall-clock time of the epoch, including compilation if there was any.
        learning_rate: learning rate of the last step.
        train: metrics over the training batches of the epoch.
        validation: metrics over the validation images.
        layers: statistics by layer name, from input to output.
        histograms: float64 [buckets, 3] with lower edge, upper edge and count, by name ("weights/hidden_1",
            "activations/hidden_1" and so on). There is no histogram if a value is NaN or infinite.
        state: the state after the epoch.
    """

    seconds: float
    learning_rate: float
    train: Metrics
    validation: Metrics
    layers: dict[str, LayerStatistics]
    histograms: dict[str, np.ndarray]
    state: TrainingState

    @property
    def epoch(self) -> int:
        """Epoch number, starting at 1."""
        return self.state.epoch

    @property
    def diverged(self) -> bool:
        """Whether the loss is NaN or infinite. Training cannot recover from that."""
        return not (math.isfinite(self.train.loss) and math.isfinite(self.validation.loss))


def layer_names(preset: Preset) -> list[str]:
    """Returns the names of the dense layers, from input to output."""
    return [*(f"hidden_{index}" for index in range(1, len(preset.hidden_sizes) + 1)), "logits"]
