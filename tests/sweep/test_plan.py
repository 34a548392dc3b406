"""Tests plans for new and resumed runs."""

from __future__ import annotations

import dataclasses

import pytest

from mnist_mlp.data.dataset import MNIST
from mnist_mlp.errors import UsageError
from mnist_mlp.runs.info_tables import InfoLogs
from mnist_mlp.runs.record import RunStatus
from mnist_mlp.runs.recorder import Recorder, new_run
from mnist_mlp.sweep.plan import plan_new_runs, plan_resume
from tests.helpers import TINY, made_up_result, record_training

SHORT, LONG = TINY.but(epochs=1), TINY.but(epochs=100)


def test_new_runs_cover_all_presets_and_seeds_longest_first():
    plan = plan_new_runs({1: SHORT, 2: LONG}, iter((5, 6)))
    assert [(job.preset_number, job.preset, job.seed) for job in plan.jobs] == [
        (2, LONG, 5),
        (2, LONG, 6),
        (1, SHORT, 5),
        (1, SHORT, 6),
    ]
    assert (plan.lost, plan.warnings) == ([], [])
    assert {job.data_set for job in plan.jobs} == {MNIST}


def test_epochs_and_data_set_override_defaults():
    other = dataclasses.replace(MNIST, name="another")
    plan = plan_new_runs({1: SHORT, 2: LONG}, [5], epochs=7, data_set=other)
    assert [(job.preset.epochs, job.data_set) for job in plan.jobs] == [(7, other)] * 2


def test_preset_that_does_not_fit_data_set_is_rejected():
    small = dataclasses.replace(MNIST, name="small", validation_images=59_990)
    with pytest.raises(UsageError, match=r"batch_size: must be a whole number from 1 to 10, not 100"):
        plan_new_runs({1: SHORT}, [5], data_set=small)


def test_finished_runs_are_skipped_and_unfinished_runs_resumed(tmp_path):
    record_training(tmp_path, [made_up_result(1, 0.5)], SHORT)  # preset 7, seed 1602
    record_training(tmp_path, [made_up_result(1, 0.5)], LONG, RunStatus.INTERRUPTED)
    plan = plan_new_runs({7: SHORT, 8: LONG}, [1602], skip_done_in=tmp_path / "runs")
    assert [(job.preset, job.run) for job in plan.jobs] == [(LONG, None)]
    resumed = plan_resume(tmp_path / "runs", {7: LONG}, None)
    assert [(job.preset, job.seed, job.resume_from.epoch) for job in resumed.jobs] == [(LONG, 1602, 1)]
    assert plan_resume(tmp_path / "runs", {7: LONG}, {8}).jobs == []


def test_changes_apply_to_every_preset_and_are_recorded():
    other = TINY.but(dropout=0.5)
    plan = plan_new_runs({1: TINY, 2: other}, [5], epochs=3, changes={"dropout": 0.5})
    jobs = [(job.preset_number, job.preset, job.changed) for job in plan.jobs]
    assert jobs == [(1, other.but(epochs=3), ("dropout",)), (2, other.but(epochs=3), ())]
    with pytest.raises(UsageError, match=r"^dropout: must be a number"):
        plan_new_runs({1: TINY}, [5], changes={"dropout": 1})


def test_changed_run_resumes_while_rest_of_its_preset_is_unedited(tmp_path):
    changed = SHORT.but(epochs=2, dropout=0.5)
    recorder = Recorder(new_run(tmp_path / "runs", 7, changed, 1602, 1, changed=("dropout",)), InfoLogs(tmp_path))
    recorder.record_epoch(made_up_result(1, 0.5))
    recorder.end(RunStatus.INTERRUPTED)
    (job,) = plan_resume(tmp_path / "runs", {7: SHORT}, None).jobs
    assert (job.preset, str(job.run.record.preset_name)) == (changed, "7 (dropout=0.5)")
    job.run.release()
    with pytest.raises(UsageError, match=r"was edited after the run started \(batch_size \d+ -> 50\)"):
        plan_resume(tmp_path / "runs", {7: SHORT.but(batch_size=50)}, None)
