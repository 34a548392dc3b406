"""A run folder -> how well its best checkpoint does on the test set."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mnist_mlp.data.dataset import LabeledImages
from mnist_mlp.errors import in_one_line
from mnist_mlp.evaluation.intervals import share_interval
from mnist_mlp.evaluation.predictions import TestPredictions, softmax
from mnist_mlp.files import sha256_of, unpacked_bytes
from mnist_mlp.quiet_tensorflow import keras
from mnist_mlp.runs.run_folder import InvalidRun, RunFolder
from mnist_mlp.training.model import build_model, cross_entropy

MOST_BYTES_A_WEIGHT = 16  # its value, and the optimizer's where another program wrote the file
MOST_BYTES_BESIDE = 1 << 22


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
        InvalidRun: the run has not ended, has no checkpoint, or its checkpoint cannot be loaded; the text says which.
    """
    if run.record.status not in ("finished", "diverged"):
        raise InvalidRun(f"its status is {run.record.status}, not finished")
    if not run.record.best_checkpoint:
        raise InvalidRun("it ended without a checkpoint")
    model = build_model(run.record.preset, run.record.seed)
    whole = _whole_copy(run)
    try:
        if unpacked_bytes(whole) > MOST_BYTES_A_WEIGHT * model.count_params() + MOST_BYTES_BESIDE:
            raise InvalidRun(f"its {whole.name} is larger than a checkpoint of its preset can be")
        model.load_weights(whole)
    except InvalidRun:
        raise
    except Exception as error:  # Keras and h5py raise whatever a damaged file leads them to
        raise InvalidRun(f"its {whole.name} cannot be loaded: {in_one_line(error)[:200]}") from None
    return model


def _whole_copy(run: RunFolder) -> Path:
    """Returns the best checkpoint or, where its bytes are not those that were written, the copy of it."""
    expected = run.record.best_checkpoint_sha256
    for path in (run.best_checkpoint, run.best_model):
        with contextlib.suppress(OSError):
            if not expected or sha256_of(path.read_bytes()) == expected:
                if path == run.best_model:
                    print(f"Warning: {run.best_checkpoint} is damaged; its copy {path.name} is scored", file=sys.stderr)
                return path
    raise InvalidRun(
        f"its {run.record.best_checkpoint} and {run.best_model.name} are damaged: not the bytes that were written"
    )


def logits_of(model: keras.Model, images: LabeledImages) -> np.ndarray:
    """Returns what the network gives for the images, dropout off: float32 [images, 10]."""
    return model(images.pixels.astype("float32") / 255, training=False).numpy()


def logits_of_ensemble(logits: Sequence[np.ndarray]) -> np.ndarray:
    """Returns logits that give the networks' mean probabilities, out of the logits [images, 10] of each network."""
    mean = np.mean([softmax(each) for each in logits], axis=0)
    return np.log(np.maximum(mean, np.finfo(mean.dtype).tiny))


def score(logits: np.ndarray, labels: np.ndarray) -> tuple[TestScore, TestPredictions]:
    """Returns how well logits [images, 10] match the labels [images], and what they say of each image."""
    predictions = TestPredictions.from_logits(logits, labels)
    correct = int((predictions.predicted == labels).sum())
    return TestScore(correct, len(labels), float(cross_entropy(logits, labels))), predictions
