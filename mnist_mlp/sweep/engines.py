"""Selects the engine that trains a sweep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from mnist_mlp.disk.files import require_temporary_folder
from mnist_mlp.libraries.tensorflow_state import can_train_here, require_float32
from mnist_mlp.sweep.allocation import allocate
from mnist_mlp.sweep.jobs import Engine, Job
from mnist_mlp.sweep.local_engine import InThisProcess, WorkerProcesses
from mnist_mlp.training.compile_key import CompileKey

MAX_SHAPES_IN_THIS_PROCESS = 10  # each one takes memory until the process ends; a worker process can be replaced


def choose_engine(
    name: str,
    jobs: Sequence[Job],
    workers: int | None,
    ray_address: str | None,
    data_dir: Path,
    print_note: Callable[[str], object] = lambda note: None,
) -> Engine:
    """Creates the engine for these jobs.

    Args:
        name: "local" or "ray".
        workers: number of runs to train in parallel; None lets the engine decide.
        ray_address: address of a running Ray cluster, or "auto"; None starts Ray on this machine.
        data_dir: directory with the data set files.
        print_note: called if there are fewer workers than cores.

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

        return RayTasks(ray_address, jobs, workers, data_dir, data_sets)
    allocation = allocate(jobs, workers)
    if allocation.note:
        print_note(allocation.note)
    threads = {job.threads or allocation.threads for job in jobs}
    shapes = {CompileKey.of(job.preset) for job in jobs}
    if allocation.workers == 1 and len(threads) == 1 and len(shapes) <= MAX_SHAPES_IN_THIS_PROCESS:
        (number,) = threads
        if can_train_here(number):
            return InThisProcess(number, data_dir, data_sets)
    return WorkerProcesses(allocation.workers, allocation.threads, data_dir, data_sets)
