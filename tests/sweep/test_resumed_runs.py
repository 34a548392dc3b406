"""Tests --resume and --skip-done with killed and interrupted runs, and with edited presets."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from mnist_mlp.runs.states import newest_valid_state
from tests.helpers import folders, only_line, project_with, results, runs_in, wait_for
from tests.sweep.resuming import (
    TRAIN_OPTIONS,
    assert_matches_uninterrupted,
    copy_of,
    duplicate,
    files_of,
    rewrite_records,
    saved_states,
    start,
    start_until,
    the_run,
)

pytestmark = pytest.mark.slow

# Runs a script, makes it save a state after every epoch, and kills it after its Nth call to fsync:
# python -c DIES_AFTER_FSYNC N MNIST_train.py ...
# Each save calls fsync 5 times: arrays, record, manifest, their temporary directory and, after renaming, its parent.
DIES_AFTER_FSYNC = """
import os, runpy, signal, sys
from mnist_mlp.runs import recorder
recorder.SHARE_OF_TIME_FOR_STATES = float("inf")
_, left, *sys.argv = sys.argv
left, sync = int(left), os.fsync
def sync_or_die(descriptor):
    global left
    sync(descriptor)
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
os.fsync = sync_or_die
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with three killed runs.

    The first was killed after about 3 epochs. The second was killed during its second save, between the arrays and the
    record. The third was killed at the end of that save, before the epoch was recorded.
    """
    folder = tmp_path_factory.mktemp("killed")
    trainers = [
        start(folder),
        start(folder, driver=(DIES_AFTER_FSYNC, "6")),
        start(folder, driver=(DIES_AFTER_FSYNC, "10")),
    ]
    wait_for(trainers[0], "epoch 3/6")
    trainers[0].kill()
    for trainer in trainers:
        trainer.communicate(timeout=120)
        assert trainer.returncode == -signal.SIGKILL
    runs = {int((run.path / ".owner").read_text().split()[1]): run for run in runs_in(folder)}
    between, after = (runs[trainer.pid] for trainer in trainers[1:])
    (unfinished,) = between.states.glob(".epoch_*")
    assert [path.name for path in unfinished.rglob("*") if path.is_file()] == ["state.safetensors"]
    assert newest_valid_state(after).state.epoch == len(after.record.epochs) + 1
    return folder


def test_resumed_run_is_bit_identical_after_kill(script, killed, uninterrupted, tmp_path):
    folder = copy_of(killed, tmp_path)
    assert {run.record.status for run in runs_in(folder)} == {"running"}
    process = script("MNIST_train.py", "--resume", "--workers", 1, *folders(folder))
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.count(", resuming ") == 3
    assert "epoch 1/6" not in process.stdout
    assert_matches_uninterrupted(folder, uninterrupted)
    again = script("MNIST_train.py", "--resume", *folders(folder))
    assert (again.returncode, again.stdout.split(":")[0]) == (0, "Nothing to train")


def test_run_can_be_resumed_after_full_disk(script, interrupted, uninterrupted, small_disk, tmp_path):
    folder = copy_of(interrupted, tmp_path)
    run = the_run(folder)
    small_disk("64k", run.summaries)
    (run.summaries / "filler").write_bytes(bytes(shutil.disk_usage(run.summaries).free - 4096))
    process = script("MNIST_train.py", "--resume", *folders(folder))
    assert process.returncode == 1
    assert only_line(process).startswith(f"Error: 1 of 1 runs failed: {run.name} (OSError: ")
    assert "No space left on device" in only_line(process)
    subprocess.run(["umount", run.summaries], check=True)
    assert script("MNIST_train.py", "--resume", "--quiet", *folders(folder)).returncode == 0
    assert_matches_uninterrupted(folder, uninterrupted)


def test_resume_elsewhere_warns_and_other_data_is_rejected(script, interrupted, uninterrupted, tmp_path):
    folder = copy_of(interrupted, tmp_path)
    moved = the_run(folder)
    other = duplicate(moved, 2)
    old, new = {"keras": "3.0.0"}, moved.record.versions["keras"]
    rewrite_records(moved, lambda record: [part["versions"].update(old) for part in record.parts])
    rewrite_records(other, lambda record: record.data_sha256.update({"train-images-idx3-ubyte": "0" * 64}))
    before = files_of(other)
    process = script("MNIST_train.py", "--resume", *folders(folder))
    assert process.returncode == 0
    rejected, warning = process.stderr.splitlines()
    assert rejected.startswith(f"Warning: {other.name} was trained on other data: the hash of train-images-idx3-ubyte ")
    assert warning.startswith(f"Warning: {moved.name}: trained elsewhere so far (Keras 3.0.0 -> {new}); ")
    assert files_of(other) == before
    done = len(moved.record.epochs)
    shutil.rmtree(other.path)
    assert_matches_uninterrupted(folder, uninterrupted)
    parts = the_run(folder).record.parts
    assert [(part["first_epoch"], part["versions"]["keras"]) for part in parts] == [(1, "3.0.0"), (done + 1, new)]
    assert len(the_run(uninterrupted).record.parts) == 1


@pytest.mark.usefixtures("one_cluster_at_a_time")
def test_resume_on_local_ray(script, interrupted, uninterrupted, tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed")
    folder = copy_of(interrupted, tmp_path)
    duplicate(the_run(folder), 2)
    process = script("MNIST_train.py", "--resume", "--engine", "ray", "--workers", 1, *folders(folder))
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.count(", resuming ") == 2
    assert "epoch 1/6" not in process.stdout
    assert_matches_uninterrupted(folder, uninterrupted)


def test_resume_rejects_edited_preset(script, interrupted, tmp_path):
    line = "PRESETS.update({8: PRESETS[8].but(learning_rate=0.02)})"
    folder = copy_of(interrupted, tmp_path / "folder")
    before = files_of(the_run(folder))
    process = script("MNIST_train.py", "--resume", *folders(folder), cwd=project_with(tmp_path / "project", line))
    assert process.returncode == 2
    assert "preset 8 was edited after the run started (learning_rate 0.01 -> 0.02)" in only_line(process)
    assert files_of(the_run(folder)) == before


def test_resume_rejects_run_of_another_process(script, tmp_path):
    process = start_until(tmp_path, "epoch  2/60", "--epochs", "60")
    second = script("MNIST_train.py", "--resume", *folders(tmp_path))
    assert second.returncode == 2
    assert f"is being trained by process {process.pid} on " in only_line(second)
    process.kill()
    process.communicate()


def test_sigterm_saves_results_and_exits_with_143(script, uninterrupted, tmp_path):
    process = start_until(tmp_path, "epoch 2/6", "--workers", "2", "--repeats", "2")
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143, errors
    assert errors.startswith("Interrupted. The results so far are in ")
    assert {run.record.status for run in runs_in(tmp_path)} == {"interrupted"}
    assert script("MNIST_train.py", "--resume", "--workers", 1, "--quiet", *folders(tmp_path)).returncode == 0
    assert results(tmp_path)[8, 1602] == results(uninterrupted)[8, 1602]


def test_ctrl_c_prints_resume_command(script, interrupted, uninterrupted, tmp_path):
    folder = copy_of(interrupted, tmp_path)
    command = (folder / "stderr").read_text().partition("To resume: ")[2]
    assert command.endswith(
        f"MNIST_train.py --runs-dir {interrupted / 'runs'} --info-dir {interrupted / 'INFOS'} --resume\n"
    )
    assert saved_states(the_run(folder))[-1].name == f"epoch_{len(the_run(folder).record.epochs):06}"
    assert script("MNIST_train.py", "--resume", "--quiet", *folders(folder)).returncode == 0
    assert_matches_uninterrupted(folder, uninterrupted)


def test_skip_done_trains_only_missing_runs(script, uninterrupted, tmp_path):
    folder = copy_of(uninterrupted, tmp_path)
    process = script("MNIST_train.py", *TRAIN_OPTIONS, "--repeats", 2, "--skip-done", "--quiet", *folders(folder))
    assert (process.returncode, process.stderr) == (0, "")
    assert sorted(run.record.seed for run in runs_in(folder)) == [1602, 1603]
    process = script("MNIST_train.py", *TRAIN_OPTIONS, "--skip-done", *folders(folder))
    assert process.stdout.startswith("Nothing to train: ")


def test_resume_rejects_options_that_change_runs(script, tmp_path):
    process = script("MNIST_train.py", "--resume", "--epochs", 3, *folders(tmp_path))
    assert process.returncode == 2
    assert only_line(process).startswith("Error: --resume cannot be combined with ")
