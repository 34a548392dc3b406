"""Tests the estimate of the time that a sweep still takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mnist_mlp.console.time_left import TimeLeft
from mnist_mlp.presets.preset import Preset
from mnist_mlp.runs.record import RunRecord
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.sweep.jobs import Job
from tests.helpers import made_up_result

PRESET = Preset(epochs=10)


def run_of(seed: int, epochs: int = 0) -> RunFolder:
    return RunFolder(Path(f"run_{seed}"), RunRecord(1, PRESET, seed, epochs=[{}] * epochs))


def jobs(*seeds: int) -> list[Job]:
    return [Job(1, PRESET, seed) for seed in seeds]


def ended(estimate: TimeLeft, run: RunFolder, *seconds: float) -> None:
    for index, value in enumerate(seconds, start=1):
        estimate.epoch_ended(run, replace(made_up_result(index, 0.9), seconds=value))


def test_unknown_before_a_second_epoch():
    estimate = TimeLeft(jobs(1, 2))
    ended(estimate, run_of(1), 20.0)
    ended(estimate, run_of(2), 20.0)
    assert estimate.seconds() is None


def test_compile_time_is_not_charged_to_later_epochs():
    estimate = TimeLeft(jobs(1))
    ended(estimate, run_of(1), 22.0, 2.0, 2.0)
    assert estimate.seconds() == pytest.approx(7 * 2.0)


def test_runs_to_start_need_time_to_compile():
    estimate = TimeLeft(jobs(1, 2))
    ended(estimate, run_of(1), 22.0, 2.0)
    assert estimate.seconds() == pytest.approx(8 * 2.0 + 20.0 + 10 * 2.0)


def test_runs_in_parallel_share_the_time():
    estimate = TimeLeft(jobs(1, 2))
    for seed in (1, 2):
        ended(estimate, run_of(seed), 22.0, 2.0)
    assert estimate.seconds() == pytest.approx(8 * 2.0)


def test_run_that_ends_early_has_no_work_left():
    estimate = TimeLeft(jobs(1, 2))
    for seed in (1, 2):
        ended(estimate, run_of(seed), 22.0, 2.0)
    estimate.run_ended(run_of(1, epochs=2))
    assert estimate.seconds() == pytest.approx(8 * 2.0)  # the other run, alone
    estimate.run_ended(run_of(2, epochs=2))
    assert estimate.seconds() == pytest.approx(0.0)


def test_added_job_counts():
    estimate = TimeLeft(jobs(1))
    ended(estimate, run_of(1), 2.0, 2.0)
    before = estimate.seconds()
    estimate.add(jobs(2)[0])
    assert estimate.seconds() == pytest.approx(before + 10 * 2.0)


def test_run_that_fails_before_its_first_epoch_is_not_waited_for():
    estimate = TimeLeft(jobs(1, 2))
    ended(estimate, run_of(1), 2.0, 2.0)
    estimate.run_ended(run_of(2))
    assert estimate.seconds() == pytest.approx(8 * 2.0)
