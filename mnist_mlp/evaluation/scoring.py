"""Computes the outputs of a run's best network for the test images. Imports TensorFlow."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from mnist_mlp.data.dataset import DataSet
from mnist_mlp.data.deskewing import as_seen_by
from mnist_mlp.data.images import LabeledImages
from mnist_mlp.disk.files import unpacked_bytes
from mnist_mlp.errors import in_one_line
from mnist_mlp.evaluation.best_checkpoint import best_checkpoint
from mnist_mlp.libraries.quiet_tensorflow import keras, tf
from mnist_mlp.runs.record import InvalidRun
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.training.compile_key import CompileKey
from mnist_mlp.training.model import build_model

BYTES_PER_WEIGHT = 16  # upper limit: the float32 value, plus optimizer variables if another program wrote the file
OTHER_BYTES = 1 << 22  # upper limit for everything except weights


def load_best_model(run: RunFolder) -> keras.Model:
    """Builds the network from the preset in the run's record and loads the weights of the best epoch.

    Raises:
        InvalidRun: the run is unfinished, has no checkpoint, or its checkpoint cannot be loaded.
    """
    checkpoint = best_checkpoint(run)
    model = build_model(run.record.preset, run.record.seed, run.record.trained_on)
    _load_weights(model, checkpoint.path)
    return model


def logits_of_best(run: RunFolder, checkpoint: Path, test: LabeledImages) -> np.ndarray:
    """Returns the logits of the run's best network for the test images: float32 [images, classes].

    Args:
        checkpoint: the checkpoint of the run's best epoch.
        test: the test images of the run's data set.

    Raises:
        InvalidRun: the checkpoint cannot be loaded.
    """
    record = run.record
    model = _shared_model(CompileKey.of(record.preset), record.trained_on)
    _load_weights(model, checkpoint)
    return logits_of(model, as_seen_by(record.preset, test, record.trained_on))


def order_for_sharing(run: RunFolder) -> tuple[bool, bool, str]:
    """Returns a sort key. In this order, runs with the same input images and runs with the same network are adjacent.

    `logits_of_best` keeps only the latest images and the latest network.
    """
    preset = run.record.preset
    return preset.upright_beside, preset.deskew, f"{run.record.data_set} {CompileKey.of(preset)}"


@functools.lru_cache(maxsize=1)  # building a network takes about as long as computing its logits
def _shared_model(key: CompileKey, data_set: DataSet) -> keras.Model:
    """Returns a network for all presets with this key, which differ only in what inference does not use."""
    return build_model(key.example.but(weight_init="zeros", bias_init="zeros"), 0, data_set)


def _load_weights(model: keras.Model, checkpoint: Path) -> None:
    """Loads all weights of the model from a checkpoint. The file is not trusted.

    Raises:
        InvalidRun: the checkpoint does not contain exactly the model's weights.
    """
    try:
        if unpacked_bytes(checkpoint) > BYTES_PER_WEIGHT * model.count_params() + OTHER_BYTES:
            raise InvalidRun(f"its {checkpoint.name} is too large to be a checkpoint of its preset")
        model.load_weights(checkpoint)
    except InvalidRun:
        raise
    except Exception as error:  # Keras and h5py raise many exception types for damaged files
        raise InvalidRun(f"its {checkpoint.name} cannot be loaded: {in_one_line(error)[:200]}") from None


def logits_of(model: keras.Model, images: LabeledImages) -> np.ndarray:
    """Returns the network's logits in inference mode (no dropout): float32 [images, classes]."""
    return model(_network_input(images), training=False).numpy()


@functools.lru_cache(maxsize=1)
def _network_input(images: LabeledImages) -> tf.Tensor:
    return tf.constant(images.pixels.astype("float32") / 255)
