"""Finds the checkpoint that a run is scored with. Does not import TensorFlow."""

from __future__ import annotations

import sys

from mnist_mlp.runs.record import InvalidRun, RunStatus
from mnist_mlp.runs.run_folder import Checkpoint, RunFolder


def best_checkpoint(run: RunFolder) -> Checkpoint:
    """Returns the checkpoint of the run's best epoch, or its copy if the checkpoint is damaged or missing.

    Raises:
        InvalidRun: the run is unfinished or has no checkpoint, or both files are damaged or missing.
    """
    record = run.record
    if record.status not in (RunStatus.FINISHED, RunStatus.DIVERGED):
        hint = "" if record.status is RunStatus.FAILED else "; MNIST_train.py --resume continues it"
        raise InvalidRun(f"its status is {record.status}, not finished{hint}")
    if not record.best_checkpoint:
        raise InvalidRun("it has no checkpoint")
    checkpoint = run.intact_best_checkpoint()
    if not checkpoint:
        raise InvalidRun(
            f"its {record.best_checkpoint} and {run.best_model.name} are damaged (wrong checksum) or missing"
        )
    if checkpoint.path == run.best_model and run.best_checkpoint.exists():  # users delete checkpoints to save space
        print(f"Warning: {run.best_checkpoint} is damaged; using its copy {run.best_model.name}", file=sys.stderr)
    return checkpoint
