"""The result of one epoch: numbers and arrays that travel between processes and machines. Imports no TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from mnist_mlp.presets.preset import Preset


@dataclass(frozen=True)
class Metrics:
    """One set's metrics for one epoch.

    Attributes:
        cross_entropy: mean over the images, in nats, without label smoothing. For training: during the epoch, with
            dropout and deformations; for validation: after it, without both, with the averaged weights if any.
        l2_penalty: weight decay times half the squared norm of the weight matrices that are trained, after the epoch.
        accuracy: share of the images that are classified correctly, 0 to 1.
    """

    cross_entropy: float
    l2_penalty: float
    accuracy: float

    @property
    def loss(self) -> float:
        """Cross-entropy plus L2 penalty: what training minimizes when it smooths no labels."""
        return self.cross_entropy + self.l2_penalty


@dataclass(frozen=True)
class LayerStatistics:
    """Statistics of one layer after an epoch.

    Activations are of the first 1,000 validation images, without dropout, after the activation function. Gradient and
    update are those of the next training step, for the layer's weight matrix. All are of the weights that are trained,
    not of their average.

    Attributes:
        activation_mean, activation_std: over images and units.
        dead_units: share of the units with the same output for every one of the images, 0 to 1.
        gradient_norm: L2 norm of the gradient of the loss, including the L2 penalty.
        weight_norm: L2 norm of the weight matrix.
        update_ratio: L2 norm of the step's change of the weight matrix divided by `weight_norm`.
        l2_penalty: the matrix's part of `Metrics.l2_penalty`.
    """

    activation_mean: float
    activation_std: float
    dead_units: float
    gradient_norm: float
    weight_norm: float
    update_ratio: float
    l2_penalty: float


_PARTS = {"weight": "weights", "optimizer": "optimizer_state", "average": "average"}
"""The fields of `TrainingState` that hold arrays, by the name that their arrays have on disk."""


@dataclass(frozen=True, eq=False)
class TrainingState:
    """What a training needs, besides its preset and seed, to continue with the same bits as if it had never stopped.

    Attributes:
        epoch: number of finished epochs.
        weights: of the network, in the order of Keras's `get_weights`.
        optimizer_state: the optimizer's variables, in the order of Keras's `Optimizer.variables`.
        average: the moving average of the weights, in the order of `weights`, with its own statistics for batch
            normalization; [] where the preset keeps none.
    """

    epoch: int
    weights: list[np.ndarray]
    optimizer_state: list[np.ndarray]
    average: list[np.ndarray] = field(default_factory=list)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Returns the arrays by name: weight_000, ..., optimizer_000, ...; `from_arrays` is the inverse."""
        return {
            f"{part}_{index:03}": np.asarray(array, order="C")
            for part, name in _PARTS.items()
            for index, array in enumerate(getattr(self, name))
        }

    @classmethod
    def from_arrays(cls, epoch: int, arrays: Mapping[str, np.ndarray]) -> TrainingState:
        """Returns the state of `to_arrays`; a part without arrays is empty, as in files from before it existed."""
        parts = {
            name: [arrays[key] for key in sorted(arrays) if key.startswith(f"{part}_")] for part, name in _PARTS.items()
        }
        return cls(epoch, **parts)

    @property
    def evaluated_weights(self) -> list[np.ndarray]:
        """The weights that are validated and kept: the average, where there is one."""
        return self.average or self.weights


@dataclass(frozen=True, eq=False)
class EpochResult:
    """The result of one epoch.

    Attributes:
        seconds: wall-clock time of the epoch, including compilation if this epoch had to compile.
        learning_rate: of the epoch's last step.
        train: over the epoch's training batches.
        validation: over the validation images.
        layers: by name, from the pixels to the logits.
        histograms: float64 [buckets, 3] of lower end, upper end and count, by "weights/hidden_1",
            "activations/hidden_1" and so on; layers with values that are not finite have none.
        state: after the epoch.
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
        """Counted from 1."""
        return self.state.epoch

    @property
    def diverged(self) -> bool:
        """Whether the loss is NaN or infinite; no later epoch can recover from that."""
        return not (math.isfinite(self.train.loss) and math.isfinite(self.validation.loss))


def layer_names(preset: Preset) -> list[str]:
    """Returns the names of the layers that have weights, from the pixels to the logits."""
    return [*(f"hidden_{index}" for index in range(1, len(preset.hidden_sizes) + 1)), "logits"]
