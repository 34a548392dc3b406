"""Stores a run's logits with its predictions, so that an unchanged run does not have to be scored again.

Does not import TensorFlow.
"""

from __future__ import annotations

import numpy as np

from mnist_mlp.disk.files import sha256_of
from mnist_mlp.disk.strict_json import to_json
from mnist_mlp.evaluation.predictions import TestPredictions, read_arrays
from mnist_mlp.runs.record import InvalidRun
from mnist_mlp.runs.run_folder import RunFolder

EVENTS_SUFFIX = ".evaluation"  # at the end of the name of the event file that an evaluation writes
FORMAT = 1  # to be increased when the same checkpoint and images would give other logits, predictions, or events


def source_of_logits(run: RunFolder, checkpoint_sha256: str) -> str:
    """Returns everything that decides the run's logits and predictions, as JSON."""
    record = run.record
    source = {
        "format": FORMAT,
        "checkpoint_sha256": checkpoint_sha256,
        "preset_sha256": sha256_of(to_json(record.preset.to_dict()).encode()),
        "test_images_sha256": record.trained_on.test_images_file.sha256,
        "test_labels_sha256": record.trained_on.test_labels_file.sha256,
    }
    return to_json(source)


def store_logits(run: RunFolder, logits: np.ndarray, predictions: TestPredictions, source: str) -> None:
    """Writes logits, predictions, and source to the run directory. To be called after everything else is written.

    Raises:
        OSError: the file cannot be written.
    """
    predictions.save(run.path, logits=logits, source=np.array(source))


def stored_logits(run: RunFolder, source: str) -> np.ndarray | None:
    """Returns the run's stored logits: float32 [images, classes].

    Returns None if the run must be scored: the logits do not exist, are damaged, or have another source, or
    the TensorBoard events of the evaluation have been deleted.
    """
    data_set = run.record.trained_on
    try:
        arrays = read_arrays(run.path, ("logits", "source"), data_set)
    except InvalidRun:
        return None
    if arrays is None or str(arrays["source"]) != source:
        return None
    logits = arrays["logits"]
    is_valid = logits.shape == (data_set.test_images, data_set.classes) and logits.dtype == np.float32
    has_events = any(run.summaries.glob(f"*/*{EVENTS_SUFFIX}"))
    return logits if is_valid and has_events else None


def are_stored(run: RunFolder, predictions: TestPredictions) -> bool:
    """Returns whether these are the run's stored predictions, which the report reads."""
    try:
        stored = TestPredictions.load(run.path, run.record.trained_on)
    except InvalidRun:
        return False
    return stored is not None and stored.equals(predictions)
