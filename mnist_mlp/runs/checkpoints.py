"""Checkpoints: the network of a run's best epoch as a standard Keras file."""

from __future__ import annotations

import os
import shutil

from mnist_mlp.files import sha256_of
from mnist_mlp.quiet_tensorflow import keras
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.training.results import TrainingState

CHECKPOINTS_KEPT = 3


def save_checkpoint(run: RunFolder, model: keras.Model, state: TrainingState) -> None:
    """Writes the state's network, names it in the run's record as the best, deletes the oldest beyond CHECKPOINTS_KEPT.

    Args:
        model: of the run's preset; its weights are overwritten.

    Raises:
        OSError: it cannot be written.
    """
    model.set_weights(state.evaluated_weights)
    path = run.checkpoints / f"epoch_{state.epoch:06d}.keras"
    unfinished = path.with_name(f".{path.name}")
    model.save(unfinished)
    run.record.best_epoch = state.epoch
    run.record.best_checkpoint = path.relative_to(run.path).as_posix()
    run.record.best_checkpoint_sha256 = sha256_of(unfinished.read_bytes())
    os.replace(unfinished, path)
    for old in sorted(run.checkpoints.glob("epoch_*.keras"))[:-CHECKPOINTS_KEPT]:
        old.unlink()


def copy_best_checkpoint(run: RunFolder) -> None:
    """Copies the best checkpoint to `best_model.keras`, if there is one.

    Raises:
        OSError: it cannot be written.
    """
    if run.record.best_checkpoint:
        unfinished = run.checkpoints / f".{run.best_model.name}"
        shutil.copyfile(run.best_checkpoint, unfinished)
        os.replace(unfinished, run.best_model)
