"""Tests the choice of the engine, the number of workers and threads, and the data sets."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from mnist_mlp.data.dataset import MNIST
from mnist_mlp.sweep import engines
from mnist_mlp.sweep.allocation import Allocation
from mnist_mlp.sweep.engines import choose_engine
from mnist_mlp.sweep.jobs import Job
from tests.helpers import TINY

DATA = Path("data")
OTHER = dataclasses.replace(MNIST, name="another")
JOBS = [Job(7, TINY, seed, data_set=data_set) for seed, data_set in ((1, MNIST), (2, OTHER), (3, MNIST))]


@pytest.fixture(autouse=True)
def fake_engines(monkeypatch):
    for name in ("InThisProcess", "WorkerProcesses"):
        monkeypatch.setattr(engines, name, lambda *arguments, name=name: (name, *arguments))
    monkeypatch.setattr(engines, "can_train_here", lambda threads: True)


def allocated(monkeypatch, workers: int, threads: int, note: str = "") -> None:
    monkeypatch.setattr(engines, "allocate", lambda jobs, requested: Allocation(workers, threads, note))


def test_multiple_workers_are_processes(monkeypatch):
    allocated(monkeypatch, 2, 4)
    assert choose_engine("local", JOBS, None, None, DATA) == ("WorkerProcesses", 2, 4, DATA, {MNIST, OTHER})


def test_one_worker_trains_in_this_process(monkeypatch):
    allocated(monkeypatch, 1, 4)
    assert choose_engine("local", JOBS, None, None, DATA) == ("InThisProcess", 4, DATA, {MNIST, OTHER})


def test_threads_of_jobs_come_first(monkeypatch):
    allocated(monkeypatch, 1, 4)
    jobs = [dataclasses.replace(job, threads=2) for job in JOBS]
    assert choose_engine("local", jobs, None, None, DATA)[:2] == ("InThisProcess", 2)
    different = [*jobs[:2], JOBS[2]]
    assert choose_engine("local", different, None, None, DATA)[:3] == ("WorkerProcesses", 1, 4)


def test_many_shapes_train_in_a_process_that_can_be_replaced(monkeypatch):
    allocated(monkeypatch, 1, 1)
    jobs = [Job(7, TINY.but(hidden_sizes=(units,)), 1) for units in range(1, 12)]
    assert choose_engine("local", jobs[:10], None, None, DATA)[0] == "InThisProcess"
    assert choose_engine("local", jobs, None, None, DATA)[0] == "WorkerProcesses"


def test_note_is_printed(monkeypatch):
    allocated(monkeypatch, 1, 1, "memory is short")
    notes = []
    choose_engine("local", JOBS, None, None, DATA, notes.append)
    assert notes == ["memory is short"]


def test_ray_gets_address_jobs_and_workers(monkeypatch):
    ray_engine = pytest.importorskip("mnist_mlp.sweep.ray_engine")
    monkeypatch.setattr(ray_engine, "RayTasks", lambda *arguments: arguments)
    assert choose_engine("ray", JOBS, 4, "host:1", DATA) == ("host:1", JOBS, 4, DATA, {MNIST, OTHER})
    assert choose_engine("ray", JOBS[:1], None, None, DATA) == (None, JOBS[:1], None, DATA, {MNIST})
