"""Decides the order of jobs."""

from __future__ import annotations

from collections.abc import Sequence

from mnist_mlp.sweep.jobs import Job
from mnist_mlp.training.compile_key import CompileKey
from mnist_mlp.training.cost import expected_seconds


def longest_first(jobs: Sequence[Job]) -> list[Job]:
    """Sorts jobs by expected duration, longest first, so that no long job runs alone at the end.

    Jobs of equal duration are placed next to each other if they share a compiled epoch.
    """

    def order(job: Job) -> tuple[float, str]:
        return -expected_seconds(job.preset, job.data_set) * job.epochs_left, repr(CompileKey.of(job.preset))

    return sorted(jobs, key=order)
