"""Tests that runs with damaged or missing saved states are resumed as far as possible."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from mnist_mlp.data.loading import load_test_data
from mnist_mlp.evaluation.score_tables import EVAL_COLUMNS
from mnist_mlp.libraries.quiet_tensorflow import keras
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.runs.text_table import read_table
from tests.helpers import PROJECT, flip_a_byte, folders, only_line, project_with, runs_in
from tests.sweep.resuming import (
    assert_matches_uninterrupted,
    copy_of,
    duplicate,
    files_of,
    rewrite_records,
    saved_states,
    the_run,
)

pytestmark = pytest.mark.slow


def test_resume_uses_older_state_if_newest_is_damaged(script, interrupted, uninterrupted, tmp_path):
    cases = [
        (flip_a_byte, "state.safetensors", "state.safetensors does not match its checksum"),
        (cut_in_half, "state.safetensors", "state.safetensors does not match its checksum"),
        (empty, "manifest.json", "it is not a valid saved state (JSONDecodeError)"),
        (set_version_2, "manifest.json", "its manifest.json has version 2, but this program reads version 1"),
    ]
    folder = copy_of(interrupted, tmp_path)
    run = the_run(folder)
    assert len(saved_states(run)) == 2
    expected = []
    copies = [run, *(duplicate(run, number) for number in (2, 3, 4))]
    for copy, (damage, name, message) in zip(copies, cases, strict=True):
        newest = saved_states(copy)[-1]
        damage(newest / name)
        expected.append(f"Warning: {newest} is damaged: {message}")
    process = script("MNIST_train.py", "--resume", "--workers", 1, *folders(folder))
    assert (process.returncode, process.stderr.splitlines()) == (0, expected)
    assert "epoch 1/6" not in process.stdout
    assert_matches_uninterrupted(folder, uninterrupted)


def cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def set_version_2(manifest: Path) -> None:
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "state_version": 2}))


def make_best_epoch_perfect(run: RunFolder) -> None:
    """Sets the validation accuracy of the best epoch to 1 in all saved records, so that no later epoch is better."""
    best = run.record.best_epoch - 1
    rewrite_records(run, lambda record: record.epochs[best]["validation"].update(accuracy=1.0))


def test_run_without_valid_state_fails_and_others_resume(script, interrupted, tmp_path):
    folder = copy_of(interrupted, tmp_path)
    bad = the_run(folder)
    other = duplicate(bad, 2)
    best = (other.record.best_epoch, other.record.best_checkpoint, other.best_checkpoint.read_bytes())
    make_best_epoch_perfect(other)
    for state in saved_states(bad):
        (state / "state.safetensors").write_bytes(b"")
    process = script("MNIST_train.py", "--resume", *folders(folder))
    assert process.returncode == 1
    assert process.stderr.count("is damaged: ") == 2
    bad, other = RunFolder.open(bad.path), RunFolder.open(other.path)
    assert (bad.record.status, other.record.status) == ("failed", "finished")
    assert (other.record.best_epoch, other.record.best_checkpoint, other.best_model.read_bytes()) == best
    assert len(other.record.epochs) == 6
    assert bad.record.reason.startswith("none of its saved states is valid, so it cannot be resumed")
    assert process.stderr.endswith(f"Error: 1 of 2 runs failed: {bad.name} ({bad.record.reason})\n")
    assert len(bad.record.epochs) >= 2
    assert len(saved_states(bad)) == 2


def test_states_of_unknown_version_are_not_changed(script, interrupted, tmp_path):
    folder = copy_of(interrupted, tmp_path)
    run = the_run(folder)
    for state in saved_states(run):
        set_version_2(state / "manifest.json")
    before = files_of(run)
    process = script("MNIST_train.py", "--resume", *folders(folder))
    assert process.returncode == 2
    assert only_line(process) == (
        f"Error: no run can be resumed: {run.name}: its manifest.json has version 2, "
        "but this program reads version 1; resume it with the version that wrote it"
    )
    assert files_of(run) == before


def test_runs_without_saved_states_are_evaluated_and_reported_but_not_resumed(script, tmp_path):
    for name in ("runs", "INFOS"):
        shutil.copytree(PROJECT / "tests" / "written_before_saved_states" / name, tmp_path / name)
    finished, killed = runs_in(tmp_path)
    before = [files_of(run) for run in (finished, killed)]
    line = "PRESETS.update({{38: Preset(hidden_sizes=({0}, {0}), batch_size=500, epochs=2, learning_rate=0.01)}})"
    process = script(
        "MNIST_train.py", "--resume", *folders(tmp_path), cwd=project_with(tmp_path / "same", line.format(8))
    )
    assert process.returncode == 1
    reason = "it has no saved state (early versions had none), so it cannot be resumed; move its directory elsewhere"
    assert only_line(process).startswith(f"Error: 1 of 1 runs failed: {killed.name} ({reason}")
    record = RunFolder.open(killed.path).record
    assert (record.status, record.epochs, record.best_epoch) == ("failed", killed.record.epochs, 2)
    assert [files_of(finished), {**files_of(killed), killed.path / "record.json": None}] == [
        before[0],
        {**before[1], killed.path / "record.json": None},
    ]

    edited = project_with(tmp_path / "edited", line.format(5))  # preset 38 no longer matches the weights
    process = script("MNIST_eval.py", *folders(tmp_path), cwd=edited)
    assert (process.returncode, process.stderr) == (0, "")
    assert f"Skipped {killed.name}: its status is failed, not finished" in process.stdout
    (row,) = read_table(tmp_path / "INFOS" / "eval_log.txt", EVAL_COLUMNS)
    test = load_test_data(PROJECT / "MNIST_data")
    activations = test.pixels / np.float32(255)
    for index, layer in enumerate(keras.models.load_model(finished.best_model).get_weights()):
        activations = activations @ layer if index % 2 == 0 else activations + layer
        activations = np.maximum(activations, 0) if index in (1, 3) else activations
    accuracy = (activations.argmax(axis=1) == test.labels).mean()
    assert float(row["test_accuracy"]) == pytest.approx(accuracy, abs=1e-4)

    process = script("for_report/make_report.py", *folders(tmp_path), "--output-dir", tmp_path / "out", cwd=edited)
    assert (process.returncode, process.stderr) == (0, "")
    with (tmp_path / "out" / "my_result.csv").open(newline="") as file:
        table = {row["run"]: row for row in csv.DictReader(file)}
    assert [table[run.name]["status"] for run in (finished, killed)] == ["finished", "failed"]
    assert float(table[finished.name]["test accuracy"]) == pytest.approx(accuracy, abs=1e-4)


def test_run_whose_checkpoints_were_deleted(script, interrupted, uninterrupted, tmp_path):
    folder = copy_of(interrupted, tmp_path)
    restored = the_run(folder)
    lost = duplicate(restored, 2)
    for run in (restored, lost):
        make_best_epoch_perfect(run)
        shutil.rmtree(run.checkpoints)
    lost.best_model.unlink()
    best, before = restored.best_model.read_bytes(), files_of(lost)
    process = script("MNIST_train.py", "--resume", "--workers", 1, *folders(folder))
    assert process.returncode == 0
    assert only_line(process) == (
        f"Warning: {lost.name}: its {lost.record.best_checkpoint} and best_model.keras are damaged or missing; "
        "restore one of them, or move the run elsewhere and retrain the preset"
    )
    assert files_of(lost) == before
    restored = RunFolder.open(restored.path)
    assert (restored.record.status, restored.best_model.read_bytes()) == ("finished", best)

    process = script("MNIST_eval.py", restored.name, *folders(folder))
    assert (process.returncode, process.stderr) == (0, "")


def test_run_goes_on_in_new_checkpoints_directory(script, interrupted, uninterrupted, tmp_path):
    folder = copy_of(interrupted, tmp_path)
    shutil.rmtree(the_run(folder).checkpoints)
    process = script("MNIST_train.py", "--resume", *folders(folder))
    assert (process.returncode, process.stderr) == (0, "")
    assert_matches_uninterrupted(folder, uninterrupted)
