"""Stores a network's predictions for the test images in the run directory. Does not import TensorFlow."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.special

from mnist_mlp.data.dataset import MNIST, DataSet
from mnist_mlp.disk.files import unpacked_bytes, write_bytes_atomically
from mnist_mlp.runs.record import InvalidRun

PREDICTIONS_FILE = "test_predictions.npz"
_ARRAYS = {"predicted": np.uint8, "confidence": np.float32, "true_probability": np.float32}
_BYTES_PER_IMAGE = 16  # upper limit; the arrays take 9
_HEADER_BYTES = 4096  # upper limit for the .npy headers


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

    def save(self, run_folder: Path) -> None:
        """Writes the predictions to the run directory atomically."""
        content = io.BytesIO()
        np.savez_compressed(content, **vars(self))
        write_bytes_atomically(run_folder / PREDICTIONS_FILE, content.getvalue())

    @classmethod
    def load(cls, run_folder: Path, data_set: DataSet = MNIST) -> TestPredictions | None:
        """Loads the run's predictions for the test images of its data set; returns None if there is no file.

        Raises:
            InvalidRun: the file is damaged or does not contain valid predictions.
        """
        try:
            if unpacked_bytes(run_folder / PREDICTIONS_FILE) > _largest_file(data_set):
                raise InvalidRun(f"its {PREDICTIONS_FILE} is too large to be a predictions file")
            with np.load(run_folder / PREDICTIONS_FILE, allow_pickle=False) as file:
                arrays = {name: file[name] for name in _ARRAYS}
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise InvalidRun(f"its {PREDICTIONS_FILE} cannot be read ({type(error).__name__})") from None
        _require_valid(arrays, data_set)
        return cls(**arrays)


def _largest_file(data_set: DataSet) -> int:
    return _BYTES_PER_IMAGE * data_set.test_images + _HEADER_BYTES


def _require_valid(arrays: Mapping[str, np.ndarray], data_set: DataSet) -> None:
    images = data_set.test_images
    for name, kind in _ARRAYS.items():
        if arrays[name].shape != (images,) or arrays[name].dtype != kind:
            raise InvalidRun(f"its {PREDICTIONS_FILE} does not contain {name!r} as {images:,} {np.dtype(kind)} values")
    if arrays["predicted"].max() >= data_set.classes:
        raise InvalidRun(f"its {PREDICTIONS_FILE} contains classes that {data_set.name} does not have")
