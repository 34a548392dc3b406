"""Exports the best network of a run as a TensorFlow SavedModel, which needs neither Keras nor this project."""

from __future__ import annotations

import tempfile
from pathlib import Path

from mnist_mlp.disk import disk_errors
from mnist_mlp.errors import WorkFailed, in_one_line
from mnist_mlp.evaluation.scoring import load_best_model
from mnist_mlp.libraries.quiet_tensorflow import keras, tf
from mnist_mlp.runs.record import InvalidRun
from mnist_mlp.runs.run_folder import RunFolder

PREPARATION = "docs/saved-models.md"
_WRITTEN_LAST = "saved_model.pb"  # without it, TensorFlow does not accept a directory


def export_best_model(run: RunFolder, folder: Path) -> str:
    """Writes the network of the run's best epoch, with Keras's own exporter.

    Args:
        folder: an empty directory.

    Returns:
        What the network takes and returns, in one line.

    Raises:
        WorkFailed: the run has no usable checkpoint, or the directory cannot be written.
    """
    try:
        model = load_best_model(run)
        _write(model, folder)
    except InvalidRun as invalid:
        raise WorkFailed(f"{run.name} cannot be exported: {invalid}") from None
    except UnicodeError:
        raise WorkFailed(f"TensorFlow cannot write to {str(folder)!r}; choose a name with valid characters") from None
    except (OSError, tf.errors.OpError) as error:
        known = error if isinstance(error, OSError) else disk_errors.with_number(in_one_line(error))
        raise WorkFailed(f"cannot write to {folder} {disk_errors.explained(known, folder)}") from None
    return _description(run, model)


def _write(model: keras.Model, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder, prefix=".unfinished.") as unfinished:  # on the same file system
        complete = Path(unfinished, "model")
        model.export(complete, verbose=False)
        for part in sorted(complete.iterdir(), key=lambda part: part.name == _WRITTEN_LAST):
            part.rename(folder / part.name)


def _description(run: RunFolder, model: keras.Model) -> str:
    preset = run.record.preset
    text = (
        f"input: pixels from 0 to 1, float32 [images, {model.input_shape[1]}]; "
        f"output: logits, [images, {model.output_shape[1]}]"
    )
    if preset.upright_beside:
        return f"{text}. Each image must be followed by its deskewed copy: see {PREPARATION}"
    return f"{text}. The images must be deskewed first: see {PREPARATION}" if preset.deskew else text
