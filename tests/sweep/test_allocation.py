"""Tests how many runs train at the same time, and with how many threads."""

from __future__ import annotations

import dataclasses

import pytest

from mnist_mlp.presets.preset import Preset
from mnist_mlp.sweep import allocation
from mnist_mlp.sweep.allocation import Allocation, allocate
from mnist_mlp.sweep.jobs import Job

GIB = 2**30
LARGE = Preset(hidden_sizes=(2500, 2000, 1500, 1000, 500), batch_size=200)  # 14 GFLOP per step
TINY = Preset(hidden_sizes=(10,), batch_size=100)


@pytest.fixture
def machine(monkeypatch):
    """Sets what the machine has: machine(cpus=4, memory=8 * GIB)."""

    def has(cpus: int, memory: int = 1000 * GIB, gpu: bool = False) -> None:
        monkeypatch.setattr(allocation, "available_cpus", lambda: cpus)
        monkeypatch.setattr(allocation, "available_memory", lambda: memory)
        monkeypatch.setattr(allocation, "visible_gpus", lambda: "NVIDIA H200" if gpu else "")

    return has


def jobs(number: int, preset: Preset = LARGE, threads: int | None = None) -> list[Job]:
    return [Job(1, preset, seed, threads=threads) for seed in range(number)]


@pytest.mark.parametrize(
    ("cpus", "number", "workers", "threads"),
    [(2, 10, 2, 1), (2, 1, 1, 2), (16, 100, 16, 1), (16, 3, 3, 5), (16, 1, 1, 16), (1, 5, 1, 1), (4, 0, 1, 1)],
)
def test_no_core_is_idle(machine, cpus, number, workers, threads):
    machine(cpus)
    assert allocate(jobs(number)) == Allocation(workers, threads)


@pytest.mark.parametrize(("requested", "workers", "threads"), [(1, 1, 4), (2, 2, 2), (3, 3, 1), (8, 5, 1)])
def test_requested_workers_share_the_cores(machine, requested, workers, threads):
    machine(4, memory=1)
    assert allocate(jobs(5), requested) == Allocation(workers, threads)


def test_small_network_gets_no_threads_that_only_wait(machine):
    machine(16)
    assert allocate(jobs(1, TINY)) == Allocation(1, 1)
    assert allocate(jobs(1, TINY) + jobs(1)) == Allocation(2, 8)  # one number for the whole sweep


def test_workers_leave_cores_for_the_threads_of_their_jobs(machine):
    machine(8)
    assert allocate(jobs(10, threads=4)).workers == 2
    assert allocate(jobs(10, threads=16)).workers == 1
    mixed = [*jobs(5, threads=4), *(dataclasses.replace(job, threads=2) for job in jobs(5))]
    assert allocate(mixed).workers == 4


def test_gpu_trains_one_run_at_a_time(machine):
    machine(4, gpu=True)
    assert allocate(jobs(10)).workers == 1
    assert allocate(jobs(10), 3).workers == 3


def test_fewer_workers_if_memory_is_short(machine):
    machine(4, memory=int(1.1 * GIB))
    few = allocate(jobs(10, TINY))
    assert (few.workers, few.threads) == (1, 1)
    assert few.note == (
        "Training 1 of 4 runs at the same time: 4 need about 2.6 GiB of memory, and 1.1 GiB is available. "
        "Use --workers to choose another number."
    )
    machine(4, memory=int(1.7 * GIB))
    assert allocate(jobs(10, TINY)).workers == 2
    machine(4, memory=3 * GIB)
    assert allocate(jobs(10, TINY)) == Allocation(4, 1)


def test_largest_networks_may_train_together(machine):
    machine(2, memory=int(1.8 * GIB))
    assert allocate(jobs(10, TINY)).workers == 2
    assert allocate([*jobs(10, TINY), *jobs(1)]).workers == 1
