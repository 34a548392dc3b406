"""Selects the engine that trains a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mnist_mlp.disk.files import require_temporary_folder
from mnist_mlp.libraries.tensorflow_state import can_train_here, require_float32
from mnist_mlp.sweep.jobs import Engine, Job
from mnist_mlp.sweep.local_engine import InThisProcess, WorkerProcesses
from mnist_mlp.sweep.schedule import default_workers


def choose_engine(
    name: str, jobs: Sequence[Job], workers: int | None, ray_address: str | None, data_dir: Path
) -> Engine:
    """Creates the engine for these jobs.

    Args:
        name: "local" or "ray".
        workers: number of runs to train in parallel; None lets the engine decide.
        ray_address: address of a running Ray cluster, or "auto"; None starts Ray on this machine.
        data_dir: directory with the data set files.

    Raises:
        UsageError: Ray is not installed, the address is not valid, no directory for temporary files is writable, or
            another cell of a notebook has set up Keras differently.
        WorkFailed: the cluster cannot be reached, or the training data is missing and cannot be downloaded.
    """
    require_temporary_folder()
    require_float32()  # this process saves the networks, even if others train them
    data_sets = {job.data_set for job in jobs}
    if name == "ray":
        from mnist_mlp.sweep.ray_engine import RayTasks

        return RayTasks(ray_address, workers, data_dir, data_sets)
    workers = max(min(workers or default_workers(jobs), len(jobs)), 1)  # there are no jobs if all runs are lost
    if workers == 1 and can_train_here():
        return InThisProcess(data_dir, data_sets)
    return WorkerProcesses(workers, data_dir, data_sets)
