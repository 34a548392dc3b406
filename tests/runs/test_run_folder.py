"""Tests run directories: unique names, locking, and other files in the runs directory."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest

from mnist_mlp.errors import UsageError
from mnist_mlp.runs.run_folder import RunFolder, RunIsHeld, find_runs
from tests.helpers import a_record


def test_names_have_time_and_preset_and_are_unique(tmp_path):
    names = [RunFolder.create(tmp_path, 1790000000, a_record()).name for _ in range(3)]
    assert names == ["1790000000_preset07", "1790000000_preset07_2", "1790000000_preset07_3"]
    assert RunFolder.create(tmp_path, 1790000000, a_record(preset_number=123)).name == "1790000000_preset123"


def test_record_on_disk_changes_only_when_saved(tmp_path):
    run = RunFolder.create(tmp_path, 1790000000, a_record())
    run.record.seed = 7
    assert RunFolder.open(run.path).record == a_record(started=run.record.started)
    run.save_record()
    assert RunFolder.open(run.path).record == run.record


def hold(path: Path, answers) -> None:
    try:
        RunFolder.open(path).hold()
        answers.put("held")
    except RunIsHeld as error:
        answers.put(str(error))


def test_second_process_cannot_lock_a_run_and_error_names_the_first(tmp_path):
    run = RunFolder.create(tmp_path, 1790000000, a_record())
    spawn = multiprocessing.get_context("spawn")
    answers = spawn.Queue()
    for expected in (f"{run.name} is being trained by process {os.getpid()} on ", "held"):
        process = spawn.Process(target=hold, args=(run.path, answers))
        process.start()
        assert answers.get(timeout=60).startswith(expected)
        process.join()
        run.release()


def test_runs_are_sorted_by_age_and_other_entries_are_skipped(tmp_path):
    second = RunFolder.create(tmp_path, 1790000002, a_record(seed=2))
    first = RunFolder.create(tmp_path, 1790000001, a_record(seed=1))
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / ".hidden").mkdir()
    found = find_runs(tmp_path)
    assert [run.record.seed for run in found.runs] == [1, 2]
    assert found.skipped == {
        "empty": "it does not contain a record.json",
        "loop": "it is not a directory",
        "notes.txt": "it is not a directory",
    }
    assert found.names == [first.name, second.name, "empty", "loop", "notes.txt"]


def test_named_runs_are_returned_in_the_given_order(tmp_path):
    first, second, _ = (RunFolder.create(tmp_path, 1790000000 + number, a_record()) for number in range(3))
    assert find_runs(tmp_path, [second.name, f"{first.path}/"]).names == [second.name, first.name]
    with pytest.raises(UsageError, match="run 'other' does not exist"):
        find_runs(tmp_path, ["other"])
    with pytest.raises(UsageError, match=r"missing cannot be read .*; train a preset first, or choose another"):
        find_runs(tmp_path / "missing")
