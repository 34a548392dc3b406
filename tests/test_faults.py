"""Faults of the disk, of other programs and of strangers, made to happen to the real scripts."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mnist_mlp.files import commit_folder, sha256_of
from mnist_mlp.info_logs import EVAL_COLUMNS, OVERALL_COLUMNS, TRAINING_LOG_COLUMNS, read_table
from mnist_mlp.predictions import TestPredictions
from mnist_mlp.run_folder import NotARun, RunFolder
from mnist_mlp.saved_state import newest_whole_state
from tests.conftest import PROJECT, folders, only_line, runs_in

QUICK = ("--presets", "8", "--epochs", "2", "--quiet")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 24 MB of its own."""
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path, free: int) -> Path:
    """Leaves so many bytes free."""
    filler = folder / "filler"
    filler.write_bytes(bytes(shutil.disk_usage(folder).free - free))
    return filler


@pytest.mark.parametrize("free", [0, 2_000_000, 5_000_000])
def test_full_disk_is_told_in_one_line_and_resume_goes_on(script, small_disk, free):
    for name in ("runs", "INFOS"):
        (small_disk / name).mkdir()
    filler = fill(small_disk, free)
    process = script("MNIST_train.py", "--presets", "8", "--epochs", "3", *folders(small_disk))
    assert process.returncode in (1, 2), process.stdout
    assert "space" in only_line(process) or "record.json" in only_line(process)
    for table, columns in (("training_log.txt", TRAINING_LOG_COLUMNS), ("overral_info.txt", OVERALL_COLUMNS)):
        path = small_disk / "INFOS" / table
        assert not path.exists() or path.stat().st_size == 0 or path.read_bytes().endswith(b"\n")
        for row in read_table(path, columns) if path.exists() and path.stat().st_size else []:
            assert None not in row.values()
    filler.unlink()
    process = script("MNIST_train.py", "--resume", "--quiet", *folders(small_disk))
    assert process.returncode == 0, process.stderr


def test_full_disk_while_scoring_is_told_in_one_line_and_leaves_nothing_half_written(script, small_disk, trained):
    run = runs_in(trained)[0]
    copy = small_disk / "runs" / run.name
    shutil.copytree(run.path, copy, ignore=shutil.ignore_patterns("states"))
    before = sorted(copy.rglob("*"))
    (small_disk / "INFOS").mkdir()
    fill(small_disk, 100_000)  # enough for test_predictions.npz, not for TensorBoard's pictures
    process = script("MNIST_eval.py", *folders(small_disk))
    assert process.returncode == 1
    assert f"{copy} cannot be written (No space left on device)" in only_line(process)
    assert sorted(copy.rglob("*")) == sorted([*before, copy / "test_predictions.npz"])


def test_temporaries_stand_beside_their_target_on_its_device(small_disk, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/nonexistent")
    commit_folder(small_disk / "epoch_000001", {"a": b"1"})
    assert [path.name for path in small_disk.iterdir()] == ["epoch_000001"]
    fill(small_disk, 1000)
    with pytest.raises(OSError, match="space"):
        commit_folder(small_disk / "epoch_000002", {"a": bytes(1 << 20)})
    assert sorted(path.name for path in small_disk.iterdir()) == ["epoch_000001", "filler"]


def test_two_trainers_at_once_have_runs_of_their_own_and_whole_rows(tmp_path):
    command = [sys.executable, "MNIST_train.py", *QUICK, *folders(tmp_path)]
    processes = [subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.PIPE) for _ in range(2)]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    names = [run.name for run in runs_in(tmp_path)]
    assert len(set(names)) == 2
    rows = read_table(tmp_path / "INFOS" / "training_log.txt", TRAINING_LOG_COLUMNS)
    assert sorted((row["run"], row["epoch"]) for row in rows) == [(name, epoch) for name in names for epoch in "12"]
    assert all(None not in row.values() for row in rows)


def test_evaluation_while_training_writes_reads_what_is_whole(script, tmp_path, trained):
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


def test_cut_event_file_still_shows_the_rest_and_the_record_has_all(tmp_path, trained):
    shutil.copytree(trained / "runs", tmp_path / "runs")
    run = runs_in(tmp_path)[0]
    (events,) = (run.summaries / "dev").iterdir()
    events.write_bytes(events.read_bytes()[:-20])
    shown = EventAccumulator(str(run.summaries / "dev"), size_guidance={"tensors": 0})
    shown.Reload()
    assert [event.step for event in shown.Tensors("accuracy")] == [1, 2]
    assert len(RunFolder.open(run.path).record.epochs) == 2


class Bomb:
    """Makes a file when unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


def test_nothing_of_a_hostile_run_is_executed(script, tmp_path, trained):
    shutil.copytree(trained / "runs", tmp_path / "runs")
    first, second = runs_in(tmp_path)
    target = tmp_path / "executed"
    for path in (first.best_checkpoint, first.best_model):
        path.write_bytes(pickle.dumps(Bomb(target)))
    config = {
        "module": "keras",
        "class_name": "Lambda",
        "config": {"function": {"class_name": "__lambda__", "config": {"code": "bad"}}},
    }
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as hostile, zipfile.ZipFile(second.best_checkpoint) as real:
        for name in real.namelist():
            hostile.writestr(name, json.dumps(config) if name == "config.json" else real.read(name))
        hostile.writestr("../../outside", "x")
    for run, content in ((first, first.best_checkpoint.read_bytes()), (second, archive.getvalue())):
        for path in (run.best_checkpoint, run.best_model):
            path.write_bytes(content)
        run.record.best_checkpoint_sha256 = sha256_of(content)  # a stranger knows how to hash
        run.save_record()
    process = script("MNIST_eval.py", *folders(tmp_path))
    assert process.returncode == 0, process.stderr
    assert f"Skipped {first.name}: its " in process.stdout
    (row,) = read_table(tmp_path / "INFOS" / "eval_log.txt", EVAL_COLUMNS)
    assert row["run"] == second.name  # only its weights were read, into a network of the record's preset
    assert float(row["test_accuracy"]) > 0.8
    assert not target.exists()
    assert not list(tmp_path.rglob("outside"))


def test_decompression_bombs_are_not_unpacked(script, tmp_path, trained):
    shutil.copytree(trained / "runs", tmp_path / "runs")
    first, second = runs_in(tmp_path)
    with zipfile.ZipFile(first.best_checkpoint, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.weights.h5", bytes(300 << 20))
    first.record.best_checkpoint_sha256 = sha256_of(first.best_checkpoint.read_bytes())
    first.save_record()
    np.savez_compressed(second.path / "test_predictions.npz", predicted=np.zeros(100 << 20, np.uint8))
    with pytest.raises(NotARun, match="larger than predictions can be"):
        TestPredictions.load(second.path)
    process = script("MNIST_eval.py", *folders(tmp_path))
    assert f"Skipped {first.name}: its epoch_0" in process.stdout
    assert "is larger than a checkpoint of its preset can be" in process.stdout


def test_hostile_states_are_refused_before_they_take_memory(tmp_path, trained):
    shutil.copytree(trained / "runs", tmp_path / "runs")
    run = runs_in(tmp_path)[0]
    newest = max(run.states.iterdir())
    whole = {path.name: path.read_bytes() for path in newest.iterdir()}

    def refusal_of(**changes: bytes) -> str:
        files = {**whole, **{name.replace("__", "."): content for name, content in changes.items()}}
        manifest = json.loads(files["manifest.json"])
        manifest["sha256"] = {name: sha256_of(files[name]) for name in manifest["sha256"]}
        files["manifest.json"] = json.dumps(manifest).encode()
        shutil.rmtree(run.states)
        run.states.mkdir()
        commit_folder(newest, files)
        state, _, warnings = newest_whole_state(run)
        assert state is None
        return warnings[0]

    assert "something else than a state" in refusal_of(state__safetensors=(1 << 62).to_bytes(8, "little") + b"{}")
    assert "something else than a state" in refusal_of(state__safetensors=pickle.dumps(Bomb(tmp_path / "executed")))
    assert "not of the preset's shape" in refusal_of(state__safetensors=save({"weight_000": np.zeros((3, 3))}))
    assert "larger than a state" in refusal_of(state__safetensors=bytes(100 << 20))
    assert not (tmp_path / "executed").exists()


def test_tensorboard_is_for_this_machine_unless_asked_and_then_warns(tmp_path, script, trained):
    command = [sys.executable, "tensorboard_run.py", "--no-browser", "--host", "127.0.0.1", "--port", "7123"]
    process = subprocess.Popen(
        [*command, "--runs-dir", str(trained / "runs")], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    line = process.stdout.readline()
    process.terminate()
    process.communicate()
    assert line.startswith("Warning: whoever reaches 127.0.0.1 can see all runs")
    refused = script("tensorboard_run.py", "--host", "no.such.host.invalid", "--runs-dir", trained / "runs")
    assert refused.returncode == 2
    assert only_line(refused).startswith("Error: --host no.such.host.invalid is no address of this machine")
