"""Checkpoints: the network after each new best epoch of a run, saved as a standard Keras file."""

from __future__ import annotations

import shutil

from mnist_mlp.disk.files import replace_file, sha256_of
from mnist_mlp.libraries.quiet_tensorflow import keras
from mnist_mlp.runs.keras_file import for_older_keras
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.training.results import TrainingState

CHECKPOINTS_KEPT = 3


def save_checkpoint(run: RunFolder, model: keras.Model, state: TrainingState) -> None:
    """Saves the network of a new best epoch and deletes old checkpoints.

    The run's record in memory is updated to name the new checkpoint. The newest CHECKPOINTS_KEPT checkpoints are kept.

    Args:
        run: the run that the network belongs to.
        model: a model of the run's preset. Its weights are overwritten.
        state: the state after the best epoch.

    Raises:
        OSError: the checkpoint cannot be written.
    """
    model.set_weights(state.evaluated_weights)
    run.checkpoints.mkdir(exist_ok=True)  # users delete it to save disk space
    path = run.checkpoints / f"epoch_{state.epoch:06d}.keras"
    temporary = path.with_name(f".{path.name}")
    model.save(temporary)
    content = for_older_keras(temporary.read_bytes())
    temporary.write_bytes(content)
    run.record.best_epoch = state.epoch
    run.record.best_checkpoint = path.relative_to(run.path).as_posix()
    run.record.best_checkpoint_sha256 = sha256_of(content)
    replace_file(temporary, path)
    for old in sorted(run.checkpoints.glob("epoch_*.keras"))[:-CHECKPOINTS_KEPT]:
        old.unlink()


def copy_best_checkpoint(run: RunFolder) -> None:
    """Copies the best checkpoint, if there is one, to `best_model.keras`. Keeps the copy if it is all that is left.

    Raises:
        OSError: the copy cannot be written.
    """
    intact = run.intact_best_checkpoint() if run.record.best_checkpoint else None
    if run.record.best_checkpoint and (not intact or intact.path != run.best_model):
        temporary = run.checkpoints / f".{run.best_model.name}"
        shutil.copyfile(run.best_checkpoint, temporary)
        replace_file(temporary, run.best_model)
