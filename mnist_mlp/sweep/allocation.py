"""Decides how many runs train at the same time, and with how many threads each.

The number of threads can change the last bits of a result, so it is chosen once, before a sweep starts, and every run
records it. Does not import TensorFlow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mnist_mlp.host.gpus import visible_gpus
from mnist_mlp.host.resources import available_cpus, available_memory
from mnist_mlp.sweep.jobs import Job
from mnist_mlp.training.cost import FLOPS_PER_THREAD, expected_memory, flops_per_step

MEMORY_OF_RECORDING = 450 << 20  # the process that starts the workers and writes the results; it also uses TensorFlow


@dataclass(frozen=True)
class Allocation:
    """How a sweep uses a machine or a cluster.

    Attributes:
        workers: number of runs that train at the same time.
        threads: number of threads of every run that does not have its own number.
        note: why there are fewer workers than CPUs and jobs; "" if there are not.
    """

    workers: int
    threads: int
    note: str = ""


def allocate(jobs: Sequence[Job], workers: int | None = None) -> Allocation:
    """Divides this machine among the jobs.

    Args:
        workers: number of runs to train at the same time; None means one per CPU, as far as memory allows, or one if
            there is a GPU.
    """
    cpus = available_cpus()
    if workers is not None:
        return _divided(jobs, workers, cpus)
    if visible_gpus():
        return _divided(jobs, 1, cpus)
    wanted = max(1, min(len(jobs), cpus // _fewest_threads(jobs)))
    memory = available_memory()
    fitting = _workers_that_fit(jobs, memory, at_most=wanted)
    note = ""
    if fitting < wanted:
        need = _memory_of_largest(jobs, wanted)
        note = (
            f"Training {fitting} of {wanted} runs at the same time: {wanted} need about {_gigabytes(need)} of memory, "
            f"and {_gigabytes(memory)} is available. Use --workers to choose another number."
        )
    allocation = _divided(jobs, min(wanted, fitting), cpus)
    return Allocation(allocation.workers, allocation.threads, note)


def threads_of(jobs: Sequence[Job], tasks: int, cpus: int) -> int:
    """Returns the number of threads per run, if so many runs share so many CPUs.

    Threads that a network is too small for would only wait.
    """
    useful = max((math.ceil(flops_per_step(job.preset, job.data_set) / FLOPS_PER_THREAD) for job in jobs), default=1)
    return max(1, min(cpus // max(tasks, 1), useful))


def _divided(jobs: Sequence[Job], workers: int, cpus: int) -> Allocation:
    workers = max(1, min(workers, len(jobs)))  # there are no jobs if all runs to resume are lost
    return Allocation(workers, threads_of(jobs, workers, cpus))


def _fewest_threads(jobs: Sequence[Job]) -> int:
    """Returns the smallest number of threads that a job has; 1 if it is not chosen yet."""
    return min((job.threads or 1 for job in jobs), default=1)


def _workers_that_fit(jobs: Sequence[Job], memory: int, at_most: int) -> int:
    """Returns how many workers fit into the memory, at least 1, even if the largest networks train together."""
    return max((count for count in range(2, at_most + 1) if _memory_of_largest(jobs, count) <= memory), default=1)


def _memory_of_largest(jobs: Sequence[Job], count: int) -> int:
    needs = sorted((expected_memory(job.preset, job.data_set) for job in jobs), reverse=True)
    return MEMORY_OF_RECORDING + sum(needs[:count])


def _gigabytes(size: float) -> str:
    return f"{size / 2**30:.1f} GiB"
