"""Tests the scripts with full disks, read-only directories, diverged runs and concurrent processes."""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from mnist_mlp.disk.files import commit_folder
from mnist_mlp.evaluation.score_tables import EVAL_COLUMNS
from mnist_mlp.runs.info_tables import OVERALL_COLUMNS, TRAINING_LOG_COLUMNS
from mnist_mlp.runs.text_table import read_table
from tests.helpers import PROJECT, folders, only_line, project_with, runs_in

pytestmark = pytest.mark.slow

QUICK = ("--presets", "8", "--epochs", "2", "--quiet")


def fill(folder: Path, free: int) -> Path:
    """Fills the disk until only this number of bytes is free. Returns the file that fills it."""
    filler = folder / "filler"
    filler.write_bytes(bytes(shutil.disk_usage(folder).free - free))
    return filler


@pytest.mark.parametrize("free", [0, 2_000_000, 5_000_000])
def test_training_on_full_disk_fails_in_one_line_and_can_be_resumed(script, small_disk, free):
    folder = small_disk("24m")
    for name in ("runs", "INFOS"):
        (folder / name).mkdir()
    filler = fill(folder, free)
    process = script("MNIST_train.py", "--presets", "8", "--epochs", "3", *folders(folder))
    assert process.returncode in (1, 2), process.stdout
    assert "space" in only_line(process) or "record.json" in only_line(process)
    for table, columns in (("training_log.txt", TRAINING_LOG_COLUMNS), ("overral_info.txt", OVERALL_COLUMNS)):
        path = folder / "INFOS" / table
        assert not path.exists() or path.stat().st_size == 0 or path.read_bytes().endswith(b"\n")
        for row in read_table(path, columns) if path.exists() and path.stat().st_size else []:
            assert None not in row.values()
    filler.unlink()
    process = script("MNIST_train.py", "--resume", "--quiet", *folders(folder))
    assert process.returncode == 0, process.stderr


@pytest.mark.parametrize("free", [100_000, 300_000], ids=["no space for the events", "no space for the predictions"])
def test_evaluation_on_full_disk_fails_in_one_line_and_can_be_repeated(script, small_disk, trained, free):
    run, folder = runs_in(trained)[0], small_disk("24m")
    copy = folder / "runs" / run.name
    shutil.copytree(run.path, copy, ignore=shutil.ignore_patterns("states"))
    before = set(copy.rglob("*"))
    (folder / "INFOS").mkdir()
    filler = fill(folder, free)
    process = script("MNIST_eval.py", *folders(folder))
    assert process.returncode == 1
    assert f"cannot write to {copy} (No space left on device)" in only_line(process)
    left = set(copy.rglob("*")) - before
    assert [path.suffix for path in left] == ([] if free == 100_000 else [".evaluation"])
    filler.unlink()
    process = script("MNIST_eval.py", *folders(folder))
    assert (process.returncode, process.stderr) == (0, "")
    assert "stored predictions" not in process.stdout
    assert sorted(path.suffix for path in set(copy.rglob("*")) - before) == [".evaluation", ".npz"]


def test_commit_on_full_disk_leaves_no_partial_directory(small_disk):
    folder = small_disk("24m")
    commit_folder(folder / "epoch_000001", {"a": b"1"})
    fill(folder, 1000)
    with pytest.raises(OSError, match="space"):
        commit_folder(folder / "epoch_000002", {"a": bytes(1 << 20)})
    assert sorted(path.name for path in folder.iterdir()) == ["epoch_000001", "filler"]


@pytest.fixture
def sealed(tmp_path):
    """Makes a directory and its contents read-only until the test ends: sealed("a") -> tmp_path / "a"."""
    before = {}

    def seal(name: str) -> Path:
        (tmp_path / name).mkdir(exist_ok=True)
        for path in (tmp_path / name, *(tmp_path / name).rglob("*")):
            before.setdefault(path, path.stat().st_mode)
            path.chmod(before[path] & ~0o222)
        return tmp_path / name

    yield seal
    for path, mode in before.items():
        path.chmod(mode)


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (("MNIST_train.py", *QUICK), "--runs-dir"),
        (("MNIST_train.py", *QUICK), "--info-dir"),
        (("MNIST_train.py", "--resume"), "--runs-dir"),
        (("MNIST_eval.py",), "--info-dir"),
        (("for_report/make_report.py",), "--output-dir"),
    ],
)
def test_read_only_directory_is_rejected_at_start(script, unprivileged, sealed, trained, tmp_path, command, option):
    shutil.copytree(trained / "runs", tmp_path / "runs")
    folder = sealed("sealed")
    process = script(*command, *folders(tmp_path), option, folder, before=unprivileged)
    assert process.returncode == 2
    assert only_line(process) == (
        f"Error: cannot write to {folder} (Permission denied); change its permissions, "
        f"or choose another directory with {option}"
    )
    assert len(runs_in(tmp_path)) == 2
    assert list(folder.iterdir()) == []


def test_read_only_data_directory_is_rejected_if_file_is_missing(script, unprivileged, sealed, tmp_path):
    folder = sealed("data")
    process = script(
        *("MNIST_train.py", "--presets", "1,8", "--workers", 2, "--data-dir", folder, *folders(tmp_path)),
        before=unprivileged,
    )
    assert process.returncode == 1
    assert only_line(process) == (
        f"Error: {folder}/train-images-idx3-ubyte.gz is missing or damaged and cannot be written (Permission denied); "
        "change its permissions, or choose another directory with --data-dir"
    )
    assert list((tmp_path / "runs").iterdir()) == []


def test_training_with_read_only_data_and_temporary_directory_on_other_device(
    script, unprivileged, sealed, small_disk, tmp_path
):
    shutil.copytree(PROJECT / "MNIST_data", tmp_path / "data")
    data, elsewhere = sealed("data"), small_disk("24m")
    assert elsewhere.stat().st_dev != tmp_path.stat().st_dev  # files cannot be renamed across devices
    process = script(
        *("MNIST_train.py", *QUICK, "--data-dir", data, *folders(tmp_path)), before=unprivileged, TMPDIR=str(elsewhere)
    )
    assert (process.returncode, process.stderr) == (0, "")
    (run,) = runs_in(tmp_path)
    assert run.record.status == "finished"
    assert (len(run.record.epochs), run.best_model.is_file()) == (2, True)


def test_read_only_runs_can_be_reported_but_not_resumed_or_evaluated(script, unprivileged, sealed, trained, tmp_path):
    shutil.copytree(trained / "runs", tmp_path / "runs")
    run = runs_in(tmp_path)[0]
    run.record.status = "interrupted"
    run.save_record()
    sealed(f"runs/{run.name}")
    process = script("MNIST_train.py", "--resume", *folders(tmp_path), before=unprivileged)
    assert process.returncode == 2
    assert only_line(process).startswith(f"Error: no run can be resumed: cannot write to {run.name} (Permission ")

    sealed("runs")
    process = script("MNIST_eval.py", *folders(tmp_path), before=unprivileged)
    assert process.returncode == 1
    assert only_line(process).startswith(f"Error: cannot write to {runs_in(tmp_path)[1].path} (Permission denied); ")
    output = ("--output-dir", tmp_path / "out")
    process = script("for_report/make_report.py", *folders(tmp_path), *output, before=unprivileged)
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.splitlines()[-1].startswith("Runs: 2, studies: ")


def test_diverged_run_is_recorded_and_sweep_continues(script, tmp_path):
    wild = (
        'PRESETS[138] = Preset(hidden_sizes=(8,), activation="linear", optimizer="sgd", learning_rate=1e20, epochs=3)'
    )
    project = project_with(tmp_path / "project", f"{wild}\nPRESETS[139] = PRESETS[138].but(learning_rate=0.1)")
    process = script("MNIST_train.py", "--presets", "138,139", "--workers", 1, *folders(tmp_path), cwd=project)
    assert (process.returncode, process.stderr) == (0, "")
    assert "diverged: loss is NaN or infinite" in process.stdout
    diverged, finished = runs_in(tmp_path)
    assert [run.record.status for run in (diverged, finished)] == ["diverged", "finished"]
    assert [len(run.record.epochs) for run in (diverged, finished)] == [1, 3]
    assert not math.isfinite(diverged.record.epochs[0]["train"]["loss"])
    row, *others = read_table(tmp_path / "INFOS" / "training_log.txt", TRAINING_LOG_COLUMNS)
    assert (row["run"], len(others)) == (diverged.name, 3)
    assert not math.isfinite(float(row["train_loss"]))
    rows = read_table(tmp_path / "INFOS" / "overral_info.txt", OVERALL_COLUMNS)
    assert [row["status"] for row in rows] == ["diverged", "finished"]
    shown = EventAccumulator(str(diverged.summaries / "train"), size_guidance={"tensors": 0})
    shown.Reload()
    (event,) = shown.Tensors("loss")
    assert not math.isfinite(make_ndarray(event.tensor_proto))


def test_two_sweeps_in_parallel_write_separate_runs_and_complete_rows(tmp_path):
    command = [sys.executable, "MNIST_train.py", *QUICK, *folders(tmp_path)]
    processes = [subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.PIPE) for _ in range(2)]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    names = [run.name for run in runs_in(tmp_path)]
    assert len(set(names)) == 2
    rows = read_table(tmp_path / "INFOS" / "training_log.txt", TRAINING_LOG_COLUMNS)
    assert sorted((row["run"], row["epoch"]) for row in rows) == [(name, epoch) for name in names for epoch in "12"]
    assert all(None not in row.values() for row in rows)


def test_evaluation_during_training_skips_running_run(script, tmp_path, trained):
    shutil.copytree(trained / "runs", tmp_path / "runs")
    command = [sys.executable, "MNIST_train.py", "--presets", "8", "--epochs", "30", *folders(tmp_path)]
    trainer = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    for line in trainer.stdout:
        if "  epoch " in line:
            break
    process = script("MNIST_eval.py", *folders(tmp_path))
    trainer.kill()
    trainer.communicate()
    assert (process.returncode, process.stderr) == (0, "")
    assert "its status is running, not finished" in process.stdout
    assert len(read_table(tmp_path / "INFOS" / "eval_log.txt", EVAL_COLUMNS)) == 2


def test_parallel_evaluations_and_reports_lose_no_rows(tmp_path, trained):
    shutil.copytree(trained / "runs", tmp_path / "runs")
    names = [run.name for run in runs_in(tmp_path)]
    reports = [("for_report/make_report.py", "--output-dir", tmp_path / "out")] * 2
    processes = [
        subprocess.Popen([sys.executable, *map(str, command), *folders(tmp_path)], cwd=PROJECT, stderr=subprocess.PIPE)
        for command in (*(("MNIST_eval.py", name) for name in names), *reports)
    ]
    assert [(process.communicate()[1], process.returncode) for process in processes] == [(b"", 0)] * 4
    assert [row["run"] for row in read_table(tmp_path / "INFOS" / "eval_log.txt", EVAL_COLUMNS)] == sorted(names)
