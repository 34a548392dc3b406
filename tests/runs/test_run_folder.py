"""A run on disk: unique folders, records that come back as they were, things in runs/ that are no runs."""

from __future__ import annotations

import json
import math

import pytest

from mnist_mlp.errors import UsageError
from mnist_mlp.runs.run_folder import InvalidRun, RunFolder, RunRecord, scan
from tests.helpers import a_record, epoch


def test_folders_are_unique_in_one_second_and_named_by_time_and_preset(tmp_path):
    names = [RunFolder.create(tmp_path, 1790000000, a_record()).name for _ in range(3)]
    assert names == ["1790000000_preset07", "1790000000_preset07_2", "1790000000_preset07_3"]
    assert RunFolder.create(tmp_path, 1790000000, a_record(preset_number=123)).name == "1790000000_preset123"


def test_record_comes_back_as_it_was(tmp_path):
    run = RunFolder.create(tmp_path, 1790000000, a_record())
    again = RunFolder.open(run.path).record
    assert again == run.record
    assert again.best_validation_accuracy == 0.95
    assert again.training_seconds == 4.5


def test_record_keeps_numbers_that_are_none(tmp_path):
    run = RunFolder.create(
        tmp_path, 1790000000, a_record(epochs=[epoch(1, 0.9), epoch(2, 0.1, math.nan)], best_epoch=1)
    )
    assert math.isnan(RunFolder.open(run.path).record.epochs[1]["validation"]["loss"])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda values: values.update(record_version=99), "version 99"),
        (lambda values: values["preset"].update(dropout=1.0), "no valid preset: dropout=1.0"),
        (lambda values: values["preset"].update(surprise=1), "no valid preset: surprise=1"),
        (lambda values: values.update(preset=[]), "no valid preset"),
        (lambda values: values.update(status="splendid"), "damaged"),
        (lambda values: values.update(best_checkpoint="../../elsewhere.keras"), "damaged"),
        (lambda values: values.update(best_checkpoint="checkpoints/../../elsewhere.keras"), "damaged"),
        (lambda values: values.update(best_epoch=4), "damaged"),
        (lambda values: values.update(seed="1602"), "damaged"),
        (lambda values: values.update(seed=-1), "damaged"),
        (lambda values: values.update(seed=1.5), "damaged"),
        (lambda values: values.update(best_epoch=-1), "damaged"),
        (lambda values: values.update(preset_number=1.5), "damaged"),
        (lambda values: values["epochs"].pop(0), "damaged"),
        (lambda values: values.pop("preset"), "damaged"),
        (lambda values: values.update(surprise=1), "damaged"),
    ],
)
def test_record_that_cannot_be_trusted_is_no_run(change, reason):
    values = json.loads(a_record().to_json())
    change(values)
    with pytest.raises(InvalidRun, match=reason):
        RunRecord.from_json(json.dumps(values))


def test_record_of_before_some_hyperparameters_is_read_with_what_they_were_until_then():
    values = json.loads(a_record().to_json())
    fields = (
        *("normalization", "standardize", "ema_decay", "elastic", "final_fit", "adversarial", "deskew", "l1_decay"),
        "upright_beside",
    )
    for name in fields:
        del values["preset"][name]
    assert RunRecord.from_json(json.dumps(values)) == a_record()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", "[" * 100_000])
def test_text_that_is_no_record_is_no_run(text):
    with pytest.raises(InvalidRun, match="damaged"):
        RunRecord.from_json(text)


def test_scan_gives_runs_and_reasons_oldest_first(tmp_path):
    second = RunFolder.create(tmp_path, 1790000002, a_record())
    first = RunFolder.create(tmp_path, 1790000001, a_record())
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    found = dict(scan(tmp_path))
    assert list(found) == [first.name, second.name, "empty", "loop", "notes.txt"]
    assert found[first.name].record == first.record
    assert str(found["empty"]) == "it holds no record.json"
    assert str(found["notes.txt"]) == "it is not a folder"
    assert isinstance(found["loop"], InvalidRun)
    assert [name for name, _ in scan(tmp_path, [second.name])] == [second.name]
    with pytest.raises(UsageError, match="there is no run 'other'"):
        list(scan(tmp_path, ["other"]))
    with pytest.raises(UsageError, match="cannot be read"):
        list(scan(tmp_path / "missing"))
