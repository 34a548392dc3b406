"""A network's prediction for every test image, stored in its run folder. Imports no TensorFlow."""

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
from mnist_mlp.files import unpacked_bytes, write_bytes_atomically
from mnist_mlp.runs.record import InvalidRun

PREDICTIONS_FILE = "test_predictions.npz"
_ARRAYS = {"predicted": np.uint8, "confidence": np.float32, "true_probability": np.float32}
_BYTES_PER_IMAGE = 16  # at most: the arrays take nine
_HEADER_BYTES = 4096  # at most: the .npy headers


def softmax(logits: np.ndarray) -> np.ndarray:
    """Returns the probabilities of logits [images, 10], as float64."""
    return scipy.special.softmax(logits.astype(np.float64), axis=1)


@dataclass(frozen=True, eq=False)
class TestPredictions:
    """A network's answer to each image, in the order of the test set.

    Attributes:
        predicted: uint8 [images], the class with the largest logit.
        confidence: float32 [images], the probability it gave to that class.
        true_probability: float32 [images], the probability it gave to the label.
    """

    __test__ = False  # not a test class of pytest

    predicted: np.ndarray
    confidence: np.ndarray
    true_probability: np.ndarray

    @classmethod
    def from_logits(cls, logits: np.ndarray, labels: np.ndarray) -> TestPredictions:
        """Returns the predictions of logits [images, 10] for labels [images]."""
        probabilities = softmax(logits)
        predicted, images = logits.argmax(axis=1), np.arange(len(labels))
        return cls(
            predicted.astype(np.uint8),
            probabilities[images, predicted].astype(np.float32),
            probabilities[images, labels].astype(np.float32),
        )

    def save(self, run_folder: Path) -> None:
        """Writes the run's file atomically."""
        content = io.BytesIO()
        np.savez_compressed(content, **vars(self))
        write_bytes_atomically(run_folder / PREDICTIONS_FILE, content.getvalue())

    @classmethod
    def load(cls, run_folder: Path, data_set: DataSet = MNIST) -> TestPredictions | None:
        """Returns the predictions of the run for the test images of its data set, or None if there is no file.

        Raises:
            InvalidRun: the file is damaged or holds something else.
        """
        try:
            if unpacked_bytes(run_folder / PREDICTIONS_FILE) > _largest_file(data_set):
                raise InvalidRun(f"its {PREDICTIONS_FILE} is larger than predictions can be")
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
            raise InvalidRun(f"its {PREDICTIONS_FILE} does not hold {name} as {np.dtype(kind)} of {images:,} images")
    if arrays["predicted"].max() >= data_set.classes:
        raise InvalidRun(f"its {PREDICTIONS_FILE} holds classes that {data_set.name} does not have")
