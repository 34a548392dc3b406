"""Tests the selection of runs to resume and of finished jobs to skip."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from mnist_mlp.data.dataset import MNIST
from mnist_mlp.errors import UsageError
from mnist_mlp.runs.environment import current_machine, current_versions
from mnist_mlp.runs.record import RunRecord, RunStatus
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.runs.states import save_state
from mnist_mlp.sweep.jobs import Job
from mnist_mlp.sweep.resume import unfinished_runs, without_finished
from tests.helpers import TINY, epoch, made_up_result
from tests.sweep.resuming import files_of


def a_run(folder: Path, number: int, seed: int, status: str, epochs: int = 3, preset=TINY) -> RunFolder:
    """Creates a run as an earlier process left it, with saved states for all epochs except the last."""
    finished = "" if status == "running" else "2026-01-01T00:00:00+00:00"
    run = RunFolder.create(folder / "runs", 1790000000 + seed, RunRecord(number, preset, seed, finished=finished))
    for done in range(1, epochs + 1):
        run.record.epochs.append(epoch(done, done / 10))
        if done < epochs:
            save_state(run, made_up_result(done, done / 10).state)
    run.record.status, run.record.reason = RunStatus(status), "a reason"
    run.save_record()
    run.release()
    return run


def test_unfinished_runs_resume_from_newest_state(tmp_path):
    for seed, status in enumerate(RunStatus, start=1):
        a_run(tmp_path, 7, seed, status)
    unfinished = unfinished_runs(tmp_path / "runs", {7: TINY}, None)
    resumable = {"running": 1, "interrupted": 4, "failed": 5}
    assert [job.seed for job in unfinished.jobs] == list(resumable.values())
    for job in unfinished.jobs:
        assert (job.preset_number, job.preset, job.run.record.seed) == (7, TINY, job.seed)
        assert (job.resume_from.epoch, len(job.run.record.epochs), job.epochs_left) == (2, 2, 6)
        assert job.resume_from.weights[0][0, 0] == 2.0
        assert (job.run.record.status, job.run.record.reason, job.run.record.finished) == ("running", "", "")
    assert (unfinished.lost, unfinished.warnings, unfinished.rejected) == ([], [], [])


def test_finished_run_loses_states_that_a_killed_process_left(tmp_path):
    finished, interrupted = (a_run(tmp_path, 7, seed, status) for seed, status in ((1, "finished"), (2, "interrupted")))
    assert finished.states.exists()
    unfinished_runs(tmp_path / "runs", {7: TINY}, None)
    assert (finished.states.exists(), interrupted.states.exists()) == (False, True)
    assert RunFolder.open(finished.path).record == finished.record


@pytest.mark.parametrize(("best_epoch", "is_rejected"), [(1, True), (2, False)])
def test_best_checkpoint_may_be_missing_only_if_it_will_be_written_again(tmp_path, best_epoch, is_rejected):
    """The newest state can be older than the best epoch, and the best checkpoint of that time is deleted by then."""
    run = a_run(tmp_path, 7, 1, "running", epochs=0)
    for number in (1, 2):
        run.record.epochs.append(epoch(number, number / 10))
        run.record.best_epoch = min(number, best_epoch)
        run.record.best_checkpoint = f"checkpoints/epoch_{run.record.best_epoch:06d}.keras"
        if number == 1:
            save_state(run, made_up_result(1, 0.1).state)
    run.save_record()
    if is_rejected:
        with pytest.raises(
            UsageError, match=r"its checkpoints/epoch_000001\.keras and best_model\.keras are damaged or"
        ):
            unfinished_runs(tmp_path / "runs", {7: TINY}, None)
        return
    (job,) = unfinished_runs(tmp_path / "runs", {7: TINY}, None).jobs
    assert job.resume_from.epoch == 1


def test_only_runs_of_selected_presets_are_resumed(tmp_path):
    for number, seed in ((7, 1), (8, 2), (9, 3)):
        a_run(tmp_path, number, seed, "interrupted")
    presets = dict.fromkeys((7, 8, 9), TINY)
    assert [job.preset_number for job in unfinished_runs(tmp_path / "runs", presets, {8}).jobs] == [8]


def test_run_killed_in_first_epoch_starts_over(tmp_path):
    a_run(tmp_path, 7, 1, "running", epochs=0)
    (job,) = unfinished_runs(tmp_path / "runs", {7: TINY}, None).jobs
    assert (job.resume_from, job.epochs_left) == (None, 8)


def test_resume_rejects_edited_preset_except_epochs(tmp_path):
    run = a_run(tmp_path, 7, 1, "interrupted", preset=TINY.but(epochs=5))
    (job,) = unfinished_runs(tmp_path / "runs", {7: TINY.but(epochs=100)}, None).jobs
    assert job.preset.epochs == 5
    job.run.release()
    message = rf"^cannot resume {run.name}: .* edited .* \(dropout 0 -> 0.5\); undo"
    with pytest.raises(UsageError, match=message):
        unfinished_runs(tmp_path / "runs", {7: TINY.but(dropout=0.5)}, None)
    with pytest.raises(UsageError, match=r"preset 7 is no longer in hyperparameters\.py"):
        unfinished_runs(tmp_path / "runs", {8: TINY}, None)


def trained_elsewhere(run: RunFolder, **versions: str) -> RunFolder:
    """Makes the run and its saved states look as if they were trained with these versions."""
    run.record.versions = {**current_versions(), **versions}
    run.record.machine = current_machine()
    run.record.parts = [{"first_epoch": 1, "versions": run.record.versions, "machine": run.record.machine}]
    epochs = run.record.epochs
    for done in range(1, len(epochs)):
        run.record.epochs = epochs[:done]
        save_state(run, made_up_result(done, done / 10).state)
    run.record.epochs = epochs
    run.save_record()
    return run


def test_other_versions_are_recorded_with_one_warning(tmp_path):
    numpy = current_versions()["numpy"]
    elsewhere = [trained_elsewhere(a_run(tmp_path, 7, seed, "interrupted"), numpy="1.0") for seed in range(1, 6)]
    trained_elsewhere(a_run(tmp_path, 7, 6, "interrupted"))
    a_run(tmp_path, 7, 7, "interrupted")  # from a version that did not record this
    unfinished = unfinished_runs(tmp_path / "runs", {7: TINY}, None)
    (warning,) = unfinished.warnings
    names = ", ".join(run.name for run in elsewhere[:3])
    assert warning.startswith(
        f"{names} and 2 more runs: trained elsewhere so far (NumPy 1.0 -> {numpy}); the results may differ slightly"
    )
    here = {"versions": current_versions(), "machine": current_machine()}
    for job in unfinished.jobs[:5]:
        parts = job.run.record.parts
        assert (len(parts), parts[0]["versions"]["numpy"]) == (2, "1.0")
        assert parts[1] == {"first_epoch": 3, **here}
    assert unfinished.jobs[5].run.record.parts == [{"first_epoch": 1, **here}]
    assert unfinished.jobs[6].run.record.parts[1] == {"first_epoch": 3, **here}


def test_no_warning_if_nothing_was_trained_elsewhere(tmp_path):
    trained_elsewhere(a_run(tmp_path, 7, 1, "running", epochs=0), numpy="1.0")
    unfinished = unfinished_runs(tmp_path / "runs", {7: TINY}, None)
    assert unfinished.warnings == []
    (job,) = unfinished.jobs
    assert (len(job.run.record.parts), job.run.record.versions) == (1, current_versions())


def test_run_with_other_data_is_rejected_and_kept(tmp_path):
    other, same, old = (a_run(tmp_path, 7, seed, "interrupted") for seed in (1, 2, 3))
    hashes = MNIST.sha256_of_training_files()
    same.record.data_sha256 = hashes
    same.save_record()
    other.record.data_sha256 = {**hashes, "train-labels-idx1-ubyte": "0" * 64}
    other.save_record()
    before = files_of(other)
    unfinished = unfinished_runs(tmp_path / "runs", {7: TINY}, None)
    assert [job.seed for job in unfinished.jobs] == [2, 3]
    (warning,) = unfinished.warnings
    assert warning == (
        f"{other.name} was trained on other data: the hash of train-labels-idx1-ubyte in its record.json is not the "
        "one of the mnist files of this version; resume it with the version that wrote it, or retrain the preset"
    )
    for run in (same, old):
        shutil.rmtree(run.path)
    with pytest.raises(UsageError, match=f"^no run can be resumed: {other.name} was trained on other data"):
        unfinished_runs(tmp_path / "runs", {7: TINY}, None)
    assert files_of(other) == before


def test_other_directories_are_skipped_with_warning(tmp_path):
    a_run(tmp_path, 7, 1, "interrupted")
    (tmp_path / "runs" / "notes").mkdir()
    unfinished = unfinished_runs(tmp_path / "runs", {7: TINY}, None)
    assert len(unfinished.jobs) == 1
    assert unfinished.warnings == ["skipped notes: it does not contain a record.json"]


def test_jobs_with_finished_run_are_skipped(tmp_path):
    other = TINY.but(dropout=0.5)
    a_run(tmp_path, 7, 1, "finished", preset=TINY)
    a_run(tmp_path, 8, 2, "diverged", preset=other)
    a_run(tmp_path, 7, 3, "interrupted", preset=TINY)
    a_run(tmp_path, 7, 4, "failed", preset=TINY)
    jobs = [Job(number, preset, seed) for number, preset in ((7, TINY), (8, other)) for seed in (1, 2, 3, 4)]
    jobs.append(Job(7, TINY, 1, data_set=dataclasses.replace(MNIST, name="another")))
    rest = without_finished(jobs, tmp_path / "runs")
    assert [(job.preset_number, job.seed) for job in rest] == [(7, 2), (7, 3), (7, 4), (8, 1), (8, 3), (8, 4), (7, 1)]
