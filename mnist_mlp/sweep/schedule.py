"""In which order jobs are trained and by how many workers, so that a machine is neither idle nor crowded."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

from mnist_mlp.presets.preset import TRAINING_IMAGES, Preset
from mnist_mlp.sweep.engines import Job


def expected_seconds(preset: Preset) -> float:
    """Returns about how long an epoch takes on one core of the machine that this was measured on; good for ratios.

    A weight costs the multiplications with every image, and reading and writing it in every step. Adversarial images
    are as many again.
    """
    weights = sum(inputs * outputs for inputs, outputs in itertools.pairwise(preset.layer_sizes))
    images = 2 if preset.adversarial else 1
    return weights * (2.3e-6 * images + 2.9e-9 * (TRAINING_IMAGES // preset.batch_size))


def longest_first(jobs: Sequence[Job]) -> list[Job]:
    """Returns the jobs so that none is left to run alone at the end, those of one shape beside each other."""

    def place(job: Job) -> tuple:
        return -expected_seconds(job.preset) * job.epochs_left, repr(job.preset.shape())

    return sorted(jobs, key=place)


def fitting_workers(jobs: Sequence[Job]) -> int:
    """Returns how many workers train the jobs fastest: one a core; one on a GPU, which they would only share."""
    if Path("/dev/nvidia0").exists():
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(len(jobs), cores))
