"""Scores on the test set. Does not import TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_mlp.evaluation.intervals import share_interval
from mnist_mlp.runs.run_folder import RunFolder


@dataclass(frozen=True)
class TestScore:
    """A network's score on a set of images.

    Attributes:
        correct: number of correctly classified images.
        images: number of images.
        loss: mean cross-entropy in nats.
    """

    __test__ = False  # stops pytest from collecting this class

    correct: int
    images: int
    loss: float

    @property
    def accuracy(self) -> float:
        """Fraction of correctly classified images, 0 to 1."""
        return self.correct / self.images

    @property
    def interval(self) -> tuple[float, float]:
        """95% Wilson interval of the accuracy, treating the images as a random sample."""
        return share_interval(self.correct, self.images)


@dataclass(frozen=True)
class ScoredRun:
    """A run and its score on the test set."""

    run: RunFolder
    score: TestScore
