"""Scores the best checkpoint of a run on the test set."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mnist_mlp.data.images import LabeledImages
from mnist_mlp.disk.files import unpacked_bytes
from mnist_mlp.errors import in_one_line
from mnist_mlp.evaluation.predictions import TestPredictions, softmax
from mnist_mlp.evaluation.scores import TestScore
from mnist_mlp.libraries.quiet_tensorflow import keras
from mnist_mlp.runs.record import InvalidRun, RunStatus
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.training.model import build_model, cross_entropy

BYTES_PER_WEIGHT = 16  # upper limit: the float32 value, plus optimizer variables if another program wrote the file
OTHER_BYTES = 1 << 22  # upper limit for everything except weights


def load_best_model(run: RunFolder) -> keras.Model:
    """Builds the network from the preset in the run's record and loads the weights of the best epoch.

    Raises:
        InvalidRun: the run is unfinished, has no checkpoint, or its checkpoint cannot be loaded.
    """
    record = run.record
    if record.status not in (RunStatus.FINISHED, RunStatus.DIVERGED):
        raise InvalidRun(f"its status is {record.status}, not finished")
    if not record.best_checkpoint:
        raise InvalidRun("it has no checkpoint")
    model = build_model(record.preset, record.seed, record.trained_on)
    checkpoint = _undamaged_checkpoint(run)
    try:
        if unpacked_bytes(checkpoint) > BYTES_PER_WEIGHT * model.count_params() + OTHER_BYTES:
            raise InvalidRun(f"its {checkpoint.name} is too large to be a checkpoint of its preset")
        model.load_weights(checkpoint)
    except InvalidRun:
        raise
    except Exception as error:  # Keras and h5py raise many exception types for damaged files
        raise InvalidRun(f"its {checkpoint.name} cannot be loaded: {in_one_line(error)[:200]}") from None
    return model


def _undamaged_checkpoint(run: RunFolder) -> Path:
    """Returns the path of the best checkpoint, or of its copy if the checkpoint is damaged or missing.

    Raises:
        InvalidRun: both are damaged or missing.
    """
    path = run.intact_best_checkpoint()
    if path is None:
        raise InvalidRun(
            f"its {run.record.best_checkpoint} and {run.best_model.name} are damaged (wrong checksum) or missing"
        )
    if path == run.best_model and run.best_checkpoint.exists():  # users delete checkpoints to save disk space
        print(f"Warning: {run.best_checkpoint} is damaged; using its copy {path.name}", file=sys.stderr)
    return path


def logits_of(model: keras.Model, images: LabeledImages) -> np.ndarray:
    """Returns the network's logits in inference mode (no dropout): float32 [images, classes]."""
    return model(images.pixels.astype("float32") / 255, training=False).numpy()


def logits_of_ensemble(logits: Sequence[np.ndarray]) -> np.ndarray:
    """Averages the class probabilities of several networks. Returns the average as logits (log probabilities).

    Args:
        logits: the logits of each network, [images, classes].
    """
    mean = np.mean([softmax(network_logits) for network_logits in logits], axis=0)
    return np.log(np.maximum(mean, np.finfo(mean.dtype).tiny))


def score(logits: np.ndarray, labels: np.ndarray) -> tuple[TestScore, TestPredictions]:
    """Scores logits [images, classes] against labels [images]; also returns the prediction for each image."""
    predictions = TestPredictions.from_logits(logits, labels)
    correct = int((predictions.predicted == labels).sum())
    return TestScore(correct, len(labels), float(cross_entropy(logits, labels))), predictions
