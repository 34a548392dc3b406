"""Runs with damaged saved states, or with none, and what --resume does."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from mnist_mlp.data.loading import load_test_data
from mnist_mlp.evaluation.score_tables import EVAL_COLUMNS
from mnist_mlp.files import sha256_of
from mnist_mlp.quiet_tensorflow import keras
from mnist_mlp.runs.record import RunRecord
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.runs.text_table import read_table
from tests.helpers import PROJECT, flip_a_byte, folders, only_line, project_with, runs_in
from tests.sweep.resuming import another, assert_as_if_never_stopped, copy_of, files_of, saved_states, the_run

pytestmark = pytest.mark.slow


def test_damaged_newest_state_is_named_and_the_one_before_taken(script, interrupted, undisturbed, tmp_path):
    damages = [
        (flip_a_byte, "state.safetensors", "state.safetensors does not have the bytes that were written"),
        (cut_in_half, "state.safetensors", "state.safetensors does not have the bytes that were written"),
        (empty, "manifest.json", "it is not a valid saved state (JSONDecodeError)"),
        (of_version_2, "manifest.json", "its manifest.json has version 2, but this program reads version 1"),
    ]
    folder = copy_of(interrupted, tmp_path)
    run = the_run(folder)
    assert len(saved_states(run)) == 2
    expected = []
    copies = [run, *(another(run, number) for number in (2, 3, 4))]
    for copy, (damage, name, complaint) in zip(copies, damages, strict=True):
        newest = saved_states(copy)[-1]
        damage(newest / name)
        expected.append(f"Warning: {newest} is damaged: {complaint}")
    process = script("MNIST_train.py", "--resume", "--workers", 1, *folders(folder))
    assert (process.returncode, process.stderr.splitlines()) == (0, expected)
    assert "epoch 1/6" not in process.stdout
    assert_as_if_never_stopped(folder, undisturbed)


def cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def of_version_2(manifest: Path) -> None:
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "state_version": 2}))


def never_to_be_beaten(run: RunFolder) -> None:
    """Lets all records of a run say that its best epoch got every validation image right."""
    for state in saved_states(run):
        record = RunRecord.from_json((state / "record.json").read_text())
        record.epochs[run.record.best_epoch - 1]["validation"]["accuracy"] = 1.0
        (state / "record.json").write_text(record.to_json())
        manifest = json.loads((state / "manifest.json").read_text())
        manifest["sha256"]["record.json"] = sha256_of((state / "record.json").read_bytes())
        (state / "manifest.json").write_text(json.dumps(manifest))


def test_run_without_a_valid_state_fails_and_the_others_go_on_and_keep_their_best_epoch(script, interrupted, tmp_path):
    folder = copy_of(interrupted, tmp_path)
    bad = the_run(folder)
    other = another(bad, 2)
    best = (other.record.best_epoch, other.record.best_checkpoint, other.best_checkpoint.read_bytes())
    never_to_be_beaten(other)
    for state in saved_states(bad):
        (state / "state.safetensors").write_bytes(b"")
    process = script("MNIST_train.py", "--resume", *folders(folder))
    assert process.returncode == 1
    assert process.stderr.count("is damaged: ") == 2
    bad, other = RunFolder.open(bad.path), RunFolder.open(other.path)
    assert (bad.record.status, other.record.status) == ("failed", "finished")
    assert (other.record.best_epoch, other.record.best_checkpoint, other.best_model.read_bytes()) == best
    assert len(other.record.epochs) == 6
    assert bad.record.reason.startswith("none of its saved states is valid, so it cannot go on")
    assert process.stderr.endswith(f"Error: 1 of 2 runs failed: {bad.name} ({bad.record.reason})\n")
    assert len(bad.record.epochs) >= 2
    assert len(saved_states(bad)) == 2


def test_states_of_another_version_are_left_as_they_are(script, interrupted, tmp_path):
    folder = copy_of(interrupted, tmp_path)
    run = the_run(folder)
    for state in saved_states(run):
        of_version_2(state / "manifest.json")
    before = files_of(run)
    process = script("MNIST_train.py", "--resume", *folders(folder))
    assert process.returncode == 2
    assert only_line(process) == (
        f"Error: nothing is left to resume: {run.name} is left as it is: its manifest.json has version 2, "
        "but this program reads version 1; resume it with the version that wrote it"
    )
    assert files_of(run) == before


def test_runs_written_before_there_were_saved_states(script, tmp_path):
    for name in ("runs", "INFOS"):
        shutil.copytree(PROJECT / "tests" / "written_before_saved_states" / name, tmp_path / name)
    finished, killed = runs_in(tmp_path)
    before = [files_of(run) for run in (finished, killed)]
    line = "PRESETS.update({{38: Preset(hidden_sizes=({0}, {0}), batch_size=500, epochs=2, learning_rate=0.01)}})"
    process = script(
        "MNIST_train.py", "--resume", *folders(tmp_path), cwd=project_with(tmp_path / "same", line.format(8))
    )
    assert process.returncode == 1
    reason = "it has no saved state (old versions wrote none), so it cannot go on; train its preset again"
    assert only_line(process).startswith(f"Error: 1 of 1 runs failed: {killed.name} ({reason}")
    record = RunFolder.open(killed.path).record
    assert (record.status, record.epochs, record.best_epoch) == ("failed", killed.record.epochs, 2)
    assert [files_of(finished), {**files_of(killed), killed.path / "record.json": None}] == [
        before[0],
        {**before[1], killed.path / "record.json": None},
    ]

    edited = project_with(tmp_path / "edited", line.format(5))  # whose network the weights would not fit
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
