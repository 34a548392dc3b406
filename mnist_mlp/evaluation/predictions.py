"""Computes scores from logits, and stores predictions in the run directory. Does not import TensorFlow."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.special

from mnist_mlp.data.dataset import MNIST, DataSet
from mnist_mlp.disk.files import unpacked_bytes, write_bytes_atomically
from mnist_mlp.evaluation.scores import TestScore
from mnist_mlp.runs.record import InvalidRun

PREDICTIONS_FILE = "test_predictions.npz"
_KINDS = {"predicted": np.uint8, "confidence": np.float32, "true_probability": np.float32}
_BYTES_PER_IMAGE = 16  # upper limit; the arrays take 9, without logits
_OTHER_BYTES = 8192  # upper limit for the .npy headers and the description of the source


def softmax(logits: np.ndarray) -> np.ndarray:
    """Returns the class probabilities for logits [images, classes]: float64, same shape."""
    return scipy.special.softmax(logits.astype(np.float64), axis=1)


@dataclass(frozen=True, eq=False)
class TestPredictions:
    """A network's predictions, in the order of the test set.

    Attributes:
        predicted: the class with the largest logit, uint8 [images].
        confidence: the probability of the predicted class, float32 [images].
        true_probability: the probability of the true class, float32 [images].
    """

    __test__ = False  # stops pytest from collecting this class

    predicted: np.ndarray
    confidence: np.ndarray
    true_probability: np.ndarray

    @classmethod
    def from_logits(cls, logits: np.ndarray, labels: np.ndarray) -> TestPredictions:
        """Creates the predictions from logits [images, classes] and labels [images]."""
        probabilities = softmax(logits)
        predicted, images = logits.argmax(axis=1), np.arange(len(labels))
        return cls(
            predicted.astype(np.uint8),
            probabilities[images, predicted].astype(np.float32),
            probabilities[images, labels].astype(np.float32),
        )

    def equals(self, other: TestPredictions) -> bool:
        """Returns whether all values are equal. NaN equals NaN."""
        return all(np.array_equal(getattr(self, name), getattr(other, name), equal_nan=True) for name in _KINDS)

    def save(self, run_folder: Path, **others: np.ndarray) -> None:
        """Writes the predictions and other arrays to the run directory atomically."""
        content = io.BytesIO()
        np.savez_compressed(content, **vars(self), **others)
        write_bytes_atomically(run_folder / PREDICTIONS_FILE, content.getvalue())

    @classmethod
    def load(cls, run_folder: Path, data_set: DataSet = MNIST) -> TestPredictions | None:
        """Loads the run's predictions for the test images of its data set; returns None if there is no file.

        Raises:
            InvalidRun: the file is damaged or does not contain valid predictions.
        """
        arrays = read_arrays(run_folder, list(_KINDS), data_set)
        if arrays is None:
            return None
        for name, kind in _KINDS.items():
            if arrays[name].shape != (data_set.test_images,) or arrays[name].dtype != kind:
                wanted = f"{data_set.test_images:,} {np.dtype(kind)} values"
                raise InvalidRun(f"its {PREDICTIONS_FILE} does not contain {name!r} as {wanted}")
        if arrays["predicted"].max() >= data_set.classes:
            raise InvalidRun(f"its {PREDICTIONS_FILE} contains classes that {data_set.name} does not have")
        return cls(**arrays)


def read_arrays(run_folder: Path, names: Sequence[str], data_set: DataSet) -> dict[str, np.ndarray] | None:
    """Returns these arrays of the predictions file; None if there is no file. The file is not trusted.

    Raises:
        InvalidRun: the file is damaged, is too large, or lacks one of the arrays.
    """
    bytes_per_image = _BYTES_PER_IMAGE + data_set.classes * np.float32().itemsize
    try:
        if unpacked_bytes(run_folder / PREDICTIONS_FILE) > bytes_per_image * data_set.test_images + _OTHER_BYTES:
            raise InvalidRun(f"its {PREDICTIONS_FILE} is too large to be a predictions file")
        with np.load(run_folder / PREDICTIONS_FILE, allow_pickle=False) as file:
            arrays = {name: file[name] for name in names}
        if not all(isinstance(array, np.ndarray) for array in arrays.values()):
            raise TypeError  # NumPy returns the bytes of a member that is not an array
    except FileNotFoundError:
        return None
    except InvalidRun:
        raise
    except Exception as error:  # zipfile and NumPy raise many exception types for damaged files, even MemoryError
        raise InvalidRun(f"its {PREDICTIONS_FILE} cannot be read ({type(error).__name__})") from None
    return arrays


def score(logits: np.ndarray, labels: np.ndarray) -> tuple[TestScore, TestPredictions]:
    """Scores logits [images, classes] against labels [images]; also returns the prediction for each image."""
    with np.errstate(invalid="ignore"):  # infinite logits give a loss of NaN
        predictions = TestPredictions.from_logits(logits, labels)
        log_probabilities = scipy.special.log_softmax(logits.astype(np.float64), axis=1)
    correct = int((predictions.predicted == labels).sum())
    loss = -log_probabilities[np.arange(len(labels)), labels].mean()
    return TestScore(correct, len(labels), float(loss)), predictions


def logits_of_ensemble(logits: Sequence[np.ndarray]) -> np.ndarray:
    """Averages the class probabilities of several networks. Returns the average as logits (log probabilities).

    Args:
        logits: the logits of each network, [images, classes].
    """
    with np.errstate(invalid="ignore"):
        mean = np.mean([softmax(network_logits) for network_logits in logits], axis=0)
    return np.log(np.maximum(mean, np.finfo(mean.dtype).tiny))
