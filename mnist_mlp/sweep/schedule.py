"""Decides the order of jobs and the number of workers, so that all cores are busy but not overloaded."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence

from mnist_mlp.data.dataset import MNIST, DataSet
from mnist_mlp.host.gpus import visible_gpus
from mnist_mlp.presets.preset import Preset
from mnist_mlp.sweep.jobs import Job
from mnist_mlp.training.compile_key import CompileKey

SECONDS_PER_WEIGHT_AND_IMAGE = 4.2e-11
SECONDS_PER_WEIGHT_AND_STEP = 2.9e-9


def expected_seconds(preset: Preset, data_set: DataSet = MNIST) -> float:
    """Estimates the seconds per epoch on one core of the machine where the constants were measured.

    Only the ratios between presets are meaningful on other machines. Each weight costs time per image (multiplication)
    and per step (update). Adversarial training doubles the number of images.
    """
    weights = sum(inputs * outputs for inputs, outputs in itertools.pairwise(data_set.layer_sizes(preset)))
    images = data_set.training_images * (2 if preset.adversarial else 1)
    steps = data_set.training_images // preset.batch_size
    return weights * (SECONDS_PER_WEIGHT_AND_IMAGE * images + SECONDS_PER_WEIGHT_AND_STEP * steps)


def longest_first(jobs: Sequence[Job]) -> list[Job]:
    """Sorts jobs by expected duration, longest first, so that no long job runs alone at the end.

    Jobs of equal duration are placed next to each other if they share a compiled epoch.
    """

    def order(job: Job) -> tuple[float, str]:
        return -expected_seconds(job.preset, job.data_set) * job.epochs_left, repr(CompileKey.of(job.preset))

    return sorted(jobs, key=order)


def default_workers(jobs: Sequence[Job]) -> int:
    """Returns the default number of workers: one per core and at most one per job; one if there is a GPU."""
    if visible_gpus():
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(len(jobs), cores))
