"""What a training hands out after every epoch: plain numbers and arrays, that travel between processes and machines."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Metrics:
    """One set's figures for one epoch.

    Attributes:
        cross_entropy: mean over the images, in nats, of the labels as they are. Of training: while the epoch ran,
            dropout and deformations on; of validation: after it, both off, with the averaged weights where there are.
        l2_penalty: weight decay times half the squared norm of the weight matrices that are trained, as the epoch
            left them.
        accuracy: share of the images classified rightly, 0 to 1.
    """

    cross_entropy: float
    l2_penalty: float
    accuracy: float

    @property
    def loss(self) -> float:
        """Cross-entropy and L2 penalty together: what training minimizes, where it smooths no labels."""
        return self.cross_entropy + self.l2_penalty


@dataclass(frozen=True)
class LayerStatistics:
    """What one layer is like after an epoch.

    Activations are of the first 1,000 validation images, dropout off, after the activation function. Gradient and
    update are those of the training step that comes next, for the layer's weight matrix. All of it is of the weights
    that are trained, not of their average.

    Attributes:
        activation_mean, activation_std: over images and units.
        dead_units: share of the units that give every one of the images the same value, 0 to 1.
        gradient_norm: L2 norm of the gradient of the loss, L2 penalty included.
        weight_norm: L2 norm of the weight matrix.
        update_ratio: L2 norm of the step's change of the weight matrix over `weight_norm`.
        l2_penalty: the matrix's part of `Metrics.l2_penalty`.
    """

    activation_mean: float
    activation_std: float
    dead_units: float
    gradient_norm: float
    weight_norm: float
    update_ratio: float
    l2_penalty: float


@dataclass(frozen=True, eq=False)
class TrainingState:
    """What a training needs to go on, beside its preset and seed, with the same bits as if it had never stopped.

    Attributes:
        epoch: how many are done.
        weights: of the network, in the order of Keras's `get_weights`.
        optimizer_state: the optimizer's variables, in the order of Keras's `Optimizer.variables`.
        average: the moving average of the weights, in the order of `weights` and with statistics of its own for batch
            normalization; [] where the preset keeps none.
    """

    epoch: int
    weights: list[np.ndarray]
    optimizer_state: list[np.ndarray]
    average: list[np.ndarray] = field(default_factory=list)

    @property
    def evaluated_weights(self) -> list[np.ndarray]:
        """The weights that are validated and kept: the average, where there is one."""
        return self.average or self.weights


@dataclass(frozen=True, eq=False)
class EpochResult:
    """What one epoch came to.

    Attributes:
        seconds: wall-clock time of the compiled call, compilation included where this epoch had to compile.
        learning_rate: of the epoch's last step.
        train: over the epoch's training batches.
        validation: over the validation images.
        layers: by name, from the pixels to the logits.
        histograms: float64 [buckets, 3], of lower end, upper end and count, by "weights/hidden_1",
            "activations/hidden_1" and so on; a layer with values that are no finite numbers has none.
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
        """Whether the loss is no finite number any more; no later epoch can bring it back."""
        return not (math.isfinite(self.train.loss) and math.isfinite(self.validation.loss))
