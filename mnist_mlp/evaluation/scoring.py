"""A run folder -> the score of its best checkpoint on the test set."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mnist_mlp.data.images import LabeledImages
from mnist_mlp.errors import in_one_line
from mnist_mlp.evaluation.predictions import TestPredictions, softmax
from mnist_mlp.evaluation.scores import TestScore
from mnist_mlp.files import sha256_of, unpacked_bytes
from mnist_mlp.quiet_tensorflow import keras
from mnist_mlp.runs.record import InvalidRun, RunStatus
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.training.model import build_model, cross_entropy

BYTES_PER_WEIGHT = 16  # at most: its value, and the optimizer's where another program wrote the file
BYTES_BESIDES = 1 << 22


def load_best_model(run: RunFolder) -> keras.Model:
    """Returns the run's network at its best epoch, rebuilt from the preset in its record; only weights are read.

    Raises:
        InvalidRun: the run has not ended, has no checkpoint, or its checkpoint cannot be loaded; the text says which.
    """
    record = run.record
    if record.status not in (RunStatus.FINISHED, RunStatus.DIVERGED):
        raise InvalidRun(f"its status is {record.status}, not finished")
    if not record.best_checkpoint:
        raise InvalidRun("it ended without a checkpoint")
    model = build_model(record.preset, record.seed, record.trained_on)
    checkpoint = _undamaged_checkpoint(run)
    try:
        if unpacked_bytes(checkpoint) > BYTES_PER_WEIGHT * model.count_params() + BYTES_BESIDES:
            raise InvalidRun(f"its {checkpoint.name} is larger than a checkpoint of its preset can be")
        model.load_weights(checkpoint)
    except InvalidRun:
        raise
    except Exception as error:  # a damaged file makes Keras and h5py raise errors of any kind
        raise InvalidRun(f"its {checkpoint.name} cannot be loaded: {in_one_line(error)[:200]}") from None
    return model


def _undamaged_checkpoint(run: RunFolder) -> Path:
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
    """Returns the network's logits without dropout: float32 [images, classes]."""
    return model(images.pixels.astype("float32") / 255, training=False).numpy()


def logits_of_ensemble(logits: Sequence[np.ndarray]) -> np.ndarray:
    """Returns logits whose softmax is the mean of the networks' probabilities.

    Args:
        logits: [images, classes] of each network.
    """
    mean = np.mean([softmax(of_network) for of_network in logits], axis=0)
    return np.log(np.maximum(mean, np.finfo(mean.dtype).tiny))


def score(logits: np.ndarray, labels: np.ndarray) -> tuple[TestScore, TestPredictions]:
    """Returns the score of logits [images, classes] against labels [images], and the prediction for each image."""
    predictions = TestPredictions.from_logits(logits, labels)
    correct = int((predictions.predicted == labels).sum())
    return TestScore(correct, len(labels), float(cross_entropy(logits, labels))), predictions
