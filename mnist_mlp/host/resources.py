"""The processors and the memory that this process can use, on the machine and within the limits of a container."""

from __future__ import annotations

import math
import os

import psutil

from mnist_mlp.host.cgroups import Cgroups


def available_cpus() -> int:
    """Returns the number of CPUs that this process can use, at least 1.

    A process may be bound to some of the machine's CPUs. A container may be limited to a share of them, for example to
    half a CPU, which counts as one.
    """
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = Cgroups().cpus()
    return cpus if quota is None else max(1, min(cpus, math.ceil(quota)))


def available_memory() -> int:
    """Returns the memory in bytes that new processes can use without swapping and within the limits of a container."""
    left = Cgroups().memory_left()
    on_machine = psutil.virtual_memory().available
    return on_machine if left is None else min(on_machine, left)


def memory_of(process_id: int) -> int:
    """Returns the memory in bytes that a process uses; 0 if it has ended."""
    try:
        return psutil.Process(process_id).memory_info().rss
    except psutil.Error:
        return 0
