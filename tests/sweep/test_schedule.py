"""Tests the order of jobs and the number of workers."""

from __future__ import annotations

import itertools
import os

import pytest

from mnist_mlp.presets.preset import Preset
from mnist_mlp.sweep import schedule
from mnist_mlp.sweep.jobs import Job
from mnist_mlp.sweep.schedule import default_workers, expected_seconds, longest_first
from mnist_mlp.training.results import TrainingState

from hyperparameters import PRESETS

JOBS = [Job(1, PRESETS[1], seed) for seed in range(100)]


def test_longest_jobs_first_and_equal_shapes_together():
    jobs = [Job(number, PRESETS[number], seed) for number in (1, 13, 31, 14, 22, 3) for seed in (1, 2)]
    ordered = longest_first(jobs)
    seconds = [expected_seconds(job.preset) * job.preset.epochs for job in ordered]
    assert seconds == sorted(seconds, reverse=True)
    shapes = [(job.preset.hidden_sizes, job.preset.batch_size, job.preset.dropout > 0) for job in ordered]
    assert len([shape for shape, following in itertools.pairwise(shapes) if shape != following]) == len(set(shapes)) - 1
    assert ordered[0].preset_number == 3
    assert ordered[-1].preset_number == 1


def test_resumed_jobs_count_only_remaining_epochs():
    short, resumed = Preset(epochs=10), Preset(epochs=100)
    jobs = [Job(1, short, 1), Job(2, resumed, 1, resume_from=TrainingState(99, [], []))]
    assert [job.epochs_left for job in jobs] == [10, 1]
    assert longest_first(jobs) == jobs
    assert longest_first(jobs[::-1]) == jobs


@pytest.mark.parametrize(
    ("faster", "slower"),
    [
        (Preset(hidden_sizes=(100,)), Preset(hidden_sizes=(200,))),
        (Preset(hidden_sizes=(100,)), Preset(hidden_sizes=(100, 100))),
        (Preset(batch_size=200), Preset(batch_size=100)),
        (Preset(), Preset(adversarial=1.0)),
        (Preset(), Preset(upright_beside=True)),
    ],
)
def test_estimated_epoch_time_grows_with_work(faster, slower):
    assert 1.1 * expected_seconds(faster) < expected_seconds(slower)


@pytest.mark.parametrize(("cores", "jobs", "workers"), [(4, 100, 4), (4, 3, 3), (1, 100, 1), (4, 0, 1)])
def test_one_worker_per_core_and_at_most_one_per_job(monkeypatch, cores, jobs, workers):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(cores)))
    monkeypatch.setattr(schedule, "visible_gpus", lambda: "")
    assert default_workers(JOBS[:jobs]) == workers


def test_one_worker_if_there_is_a_gpu(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(4)))
    monkeypatch.setattr(schedule, "visible_gpus", lambda: "NVIDIA H200")
    assert default_workers(JOBS) == 1
