"""A run folder -> how well its best checkpoint does on the test set."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_mlp.data import LabelledImages
from mnist_mlp.errors import in_one_line
from mnist_mlp.intervals import share_interval
from mnist_mlp.model import build_model, cross_entropy
from mnist_mlp.predictions import TestPredictions
from mnist_mlp.quiet_tensorflow import keras
from mnist_mlp.run_folder import NotARun, RunFolder


@dataclass(frozen=True)
class TestScore:
    """A network's score on a set of images.

    Attributes:
        correct: how many images were classified rightly.
        images: of how many.
        loss: mean cross-entropy in nats.
    """

    __test__ = False  # pytest, this is no test

    correct: int
    images: int
    loss: float

    @property
    def accuracy(self) -> float:
        return self.correct / self.images

    @property
    def interval(self) -> tuple[float, float]:
        """95% interval of the accuracy: how far another 10,000 images could have led elsewhere."""
        return share_interval(self.correct, self.images)


def load_best_model(run: RunFolder) -> keras.Model:
    """Returns the run's network at its best epoch, rebuilt from its record's preset; only weights are read.

    Raises:
        NotARun: the run has not ended, has no checkpoint, or its checkpoint cannot be loaded; the text says which.
    """
    if run.record.status not in ("finished", "diverged"):
        raise NotARun(f"its status is {run.record.status}, not finished")
    if not run.record.best_checkpoint:
        raise NotARun("it ended without a checkpoint")
    model = build_model(run.record.preset, run.record.seed)
    try:
        model.load_weights(run.best_checkpoint)
    except Exception as error:  # Keras and h5py raise whatever a damaged file leads them to
        raise NotARun(f"its {run.record.best_checkpoint} cannot be loaded: {in_one_line(error)[:200]}") from None
    return model


def score(model: keras.Model, data: LabelledImages) -> tuple[TestScore, TestPredictions]:
    """Returns how the network does on the images, and what it says of each, dropout off."""
    logits = model(data.pixels.astype("float32") / 255, training=False)
    predictions = TestPredictions.from_logits(logits.numpy(), data.labels)
    correct = int((predictions.predicted == data.labels).sum())
    return TestScore(correct, len(data), float(cross_entropy(logits, data.labels))), predictions
