"""Scores on the test set. Imports no TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_mlp.evaluation.intervals import share_interval
from mnist_mlp.runs.run_folder import RunFolder


@dataclass(frozen=True)
class TestScore:
    """A network's score on a set of images.

    Attributes:
        correct: number of images that are classified correctly.
        images: number of images.
        loss: mean cross-entropy in nats.
    """

    __test__ = False  # not a test class of pytest

    correct: int
    images: int
    loss: float

    @property
    def accuracy(self) -> float:
        """Share of the images that are classified correctly, 0 to 1."""
        return self.correct / self.images

    @property
    def interval(self) -> tuple[float, float]:
        """95% interval of the accuracy over samples of as many images."""
        return share_interval(self.correct, self.images)


@dataclass(frozen=True)
class ScoredRun:
    """A run with its score on the test set."""

    run: RunFolder
    score: TestScore
