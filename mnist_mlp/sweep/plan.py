"""Decides which jobs MNIST_train.py trains."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mnist_mlp.data.dataset import MNIST, DataSet
from mnist_mlp.data.requirements import require_fit
from mnist_mlp.presets.changes import with_changes
from mnist_mlp.presets.preset import Preset
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.sweep.jobs import Job
from mnist_mlp.sweep.resume import unfinished_runs, without_finished
from mnist_mlp.sweep.schedule import longest_first


@dataclass(frozen=True)
class Plan:
    """Jobs to train, and runs that cannot be trained.

    Attributes:
        jobs: the jobs in training order.
        lost: unfinished runs without a valid saved state; they are marked as failed.
        warnings: messages to show, one line each.
    """

    jobs: list[Job]
    lost: list[RunFolder] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def plan_new_runs(
    presets: Mapping[int, Preset],
    seeds: Iterable[int],
    epochs: int | None = None,
    skip_done_in: Path | None = None,
    data_set: DataSet = MNIST,
    changes: Mapping[str, Any] = MappingProxyType({}),
    threads: int | None = None,
) -> Plan:
    """Plans one run for each preset and seed.

    Args:
        presets: the presets by number.
        epochs: overrides the number of epochs of every preset.
        changes: values of hyperparameters that replace those of every preset.
        threads: number of threads of every run; None lets the engine choose.
        skip_done_in: runs directory; jobs that already have a finished run there are skipped. The number of threads
            does not matter.

    Raises:
        UsageError: a change is not allowed, or a preset does not fit the data set.
    """
    changed: dict[int, tuple[str, ...]] = {}
    if changes:
        changed_presets = {number: with_changes(preset, changes) for number, preset in presets.items()}
        presets = {number: preset for number, (preset, _) in changed_presets.items()}
        changed = {number: names for number, (_, names) in changed_presets.items()}
    if epochs is not None:
        presets = {number: preset.but(epochs=epochs) for number, preset in presets.items()}
    for preset in presets.values():
        require_fit(preset, data_set)
    seeds = list(seeds)
    jobs = [
        Job(number, preset, seed, data_set=data_set, changed=changed.get(number, ()), threads=threads)
        for number, preset in presets.items()
        for seed in seeds
    ]
    if skip_done_in is not None:
        jobs = without_finished(jobs, skip_done_in)
    return Plan(longest_first(jobs))


def plan_resume(runs_dir: Path, presets: Mapping[int, Preset], numbers: Container[int] | None) -> Plan:
    """Plans jobs that resume the unfinished runs in a directory.

    Args:
        presets: the current registry.
        numbers: numbers of the presets to resume; None means all presets.

    Raises:
        UsageError: a preset was edited after its run started, or none of the unfinished runs can be resumed.
    """
    unfinished = unfinished_runs(runs_dir, presets, numbers)
    return Plan(longest_first(unfinished.jobs), unfinished.lost, unfinished.warnings)
