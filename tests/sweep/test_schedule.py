"""Tests the order of jobs."""

from __future__ import annotations

import itertools

from mnist_mlp.presets.preset import Preset
from mnist_mlp.sweep.jobs import Job
from mnist_mlp.sweep.schedule import longest_first
from mnist_mlp.training.cost import expected_seconds
from mnist_mlp.training.results import TrainingState

from hyperparameters import PRESETS


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
