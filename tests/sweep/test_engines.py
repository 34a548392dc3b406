"""Which engine trains a sweep, with how many workers and on which data sets."""

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
def engines_that_do_not_start(monkeypatch):
    for name in ("InThisProcess", "WorkerProcesses"):
        monkeypatch.setattr(engines, name, lambda *arguments, name=name: (name, *arguments))
    monkeypatch.setattr(engines, "fitting_workers", lambda jobs: 2)


@pytest.mark.parametrize(("asked", "jobs", "workers"), [(None, 3, 2), (3, 3, 3), (5, 3, 3), (2, 3, 2)])
def test_several_workers_train_several_jobs(asked, jobs, workers):
    chosen = choose_engine("local", JOBS[:jobs], asked, None, DATA)
    assert chosen == ("WorkerProcesses", workers, DATA, {MNIST, OTHER})


@pytest.mark.parametrize(("asked", "jobs"), [(1, 3), (None, 1), (4, 1)])
def test_one_worker_trains_in_this_process(asked, jobs):
    assert choose_engine("local", JOBS[:jobs], asked, None, DATA)[:2] == ("InThisProcess", DATA)


def test_ray_gets_what_was_asked_for(monkeypatch):
    ray_engine = pytest.importorskip("mnist_mlp.sweep.ray_engine")
    monkeypatch.setattr(ray_engine, "RayTasks", lambda *arguments: arguments)
    assert choose_engine("ray", JOBS, 4, "host:1", DATA) == ("host:1", 4, DATA, {MNIST, OTHER})
    assert choose_engine("ray", JOBS[:1], None, None, DATA) == (None, None, DATA, {MNIST})
