"""Tests the choice of the engine, the number of workers and the data sets."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from mnist_mlp.data.dataset import MNIST
from mnist_mlp.sweep import engines
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
    monkeypatch.setattr(engines, "default_workers", lambda jobs: 2)


@pytest.mark.parametrize(("requested", "jobs", "workers"), [(None, 3, 2), (3, 3, 3), (5, 3, 3), (2, 3, 2)])
def test_multiple_jobs_use_worker_processes(requested, jobs, workers):
    chosen = choose_engine("local", JOBS[:jobs], requested, None, DATA)
    assert chosen == ("WorkerProcesses", workers, DATA, {MNIST, OTHER})


@pytest.mark.parametrize(("requested", "jobs"), [(1, 3), (None, 1), (4, 1)])
def test_one_worker_or_job_trains_in_this_process(requested, jobs):
    assert choose_engine("local", JOBS[:jobs], requested, None, DATA)[:2] == ("InThisProcess", DATA)


def test_ray_gets_address_and_workers(monkeypatch):
    ray_engine = pytest.importorskip("mnist_mlp.sweep.ray_engine")
    monkeypatch.setattr(ray_engine, "RayTasks", lambda *arguments: arguments)
    assert choose_engine("ray", JOBS, 4, "host:1", DATA) == ("host:1", 4, DATA, {MNIST, OTHER})
    assert choose_engine("ray", JOBS[:1], None, None, DATA) == (None, None, DATA, {MNIST})
