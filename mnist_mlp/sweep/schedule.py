"""In which order jobs are trained and by how many workers, so that a machine is neither idle nor crowded."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

from mnist_mlp.data.dataset import MNIST, DataSet
from mnist_mlp.presets.preset import Preset
from mnist_mlp.sweep.jobs import Job
from mnist_mlp.training.compile_key import CompileKey

GPU = Path("/dev/nvidia0")
SECONDS_PER_WEIGHT_AND_IMAGE = 4.2e-11
SECONDS_PER_WEIGHT_AND_STEP = 2.9e-9


def expected_seconds(preset: Preset, data_set: DataSet = MNIST) -> float:
    """Returns roughly how long an epoch takes on one core of the machine that this was measured on; good for ratios.

    A weight costs the multiplications with every image, and reading and writing it in every step. Adversarial images
    double the number of images.
    """
    weights = sum(inputs * outputs for inputs, outputs in itertools.pairwise(data_set.layer_sizes(preset)))
    images = data_set.training_images * (2 if preset.adversarial else 1)
    steps = data_set.training_images // preset.batch_size
    return weights * (SECONDS_PER_WEIGHT_AND_IMAGE * images + SECONDS_PER_WEIGHT_AND_STEP * steps)


def longest_first(jobs: Sequence[Job]) -> list[Job]:
    """Returns the longest jobs first, so that none is left to run alone; jobs that share a compiled epoch in a row."""

    def order(job: Job) -> tuple[float, str]:
        return -expected_seconds(job.preset, job.data_set) * job.epochs_left, repr(CompileKey.of(job.preset))

    return sorted(jobs, key=order)


def fitting_workers(jobs: Sequence[Job]) -> int:
    """Returns how many workers train the jobs fastest: one per core, but only one if there is a GPU to share."""
    if GPU.exists():
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(len(jobs), cores))
