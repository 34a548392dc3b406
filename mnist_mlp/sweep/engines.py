"""Chooses where a sweep is trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mnist_mlp.sweep.jobs import Engine, Job
from mnist_mlp.sweep.local_engine import InThisProcess, WorkerProcesses
from mnist_mlp.sweep.schedule import fitting_workers


def choose_engine(
    name: str, jobs: Sequence[Job], workers: int | None, ray_address: str | None, data_dir: Path
) -> Engine:
    """Returns the engine for these jobs.

    Args:
        name: "local" or "ray".
        workers: trainings side by side; None leaves the number to the engine.

    Raises:
        UsageError, WorkFailed: as the engines do.
    """
    data_sets = {job.data_set for job in jobs}
    if name == "ray":
        from mnist_mlp.sweep.ray_engine import RayTasks

        return RayTasks(ray_address, workers, data_dir, data_sets)
    workers = min(workers or fitting_workers(jobs), len(jobs))
    return WorkerProcesses(workers, data_dir, data_sets) if workers > 1 else InThisProcess(data_dir, data_sets)
