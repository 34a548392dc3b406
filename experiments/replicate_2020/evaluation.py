"""Evaluates networks with dropout left on, as the 2020 experiment did by mistake. Uses only NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from mnist_mlp.data.images import LabeledImages


def logits_of(
    weights: Sequence[np.ndarray], pixels: np.ndarray, dropout: float = 0.0, random: np.random.Generator | None = None
) -> np.ndarray:
    """Returns the logits of a ReLU network, float32 [images, classes].

    Args:
        weights: weight matrix and biases of each layer, from input to output.
        pixels: float32 [images, pixels], 0 to 1.
        dropout: probability of dropping a hidden unit. The other ones are divided by 1 minus this probability.
        random: source of the dropout masks; not needed without dropout.
    """
    activations = pixels
    matrices, biases = weights[::2], weights[1::2]
    for matrix, bias in zip(matrices[:-1], biases[:-1], strict=True):
        activations = np.maximum(activations @ matrix + bias, 0)
        if dropout:
            is_kept = random.random(activations.shape, np.float32) >= dropout
            activations *= is_kept / np.float32(1 - dropout)
    return activations @ matrices[-1] + biases[-1]


class Evaluation:
    """Measures accuracies on a fixed set of images."""

    def __init__(self, images: LabeledImages) -> None:
        self._pixels = images.pixels.astype(np.float32) / 255
        self._labels = images.labels

    def accuracy(self, weights: Sequence[np.ndarray], dropout: float = 0.0, key: Sequence[int] = ()) -> float:
        """Returns the share of images that are classified correctly, 0 to 1.

        Args:
            weights: weight matrix and biases of each layer, from input to output.
            dropout: as in `logits_of`.
            key: numbers that determine the dropout masks; the same ones give the same masks.
        """
        logits = logits_of(weights, self._pixels, dropout, np.random.default_rng(list(key)))
        return float((logits.argmax(axis=1) == self._labels).mean())


@dataclass
class BestEpoch:
    """The epoch with the highest validation accuracy so far; the first of several equal ones.

    Attributes:
        epoch: its number; None if there is none yet.
        accuracy: its validation accuracy.
        weights: the network after this epoch.
    """

    epoch: int | None = None
    accuracy: float = -inf
    weights: Sequence[np.ndarray] = ()

    def see(self, epoch: int, accuracy: float, weights: Sequence[np.ndarray]) -> None:
        """Takes a new epoch into account."""
        if accuracy > self.accuracy:
            self.epoch, self.accuracy, self.weights = epoch, accuracy, weights
