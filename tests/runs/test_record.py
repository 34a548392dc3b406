"""Tests run records: round trip, records of old versions, invalid records."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
import subprocess

import pytest

from mnist_mlp.data.dataset import DATA_SETS, MNIST
from mnist_mlp.presets.preset import Preset
from mnist_mlp.runs.record import InvalidRun, RunRecord, RunStatus
from tests.helpers import a_record, epoch
from tests.strict import strict_json

EVERY_FIELD = {
    "preset_number": 9,
    "preset": Preset(dropout=0.25),
    "changed": ["dropout"],
    "seed": 11,
    "status": RunStatus.INTERRUPTED,
    "reason": "a reason",
    "started": "2026-01-02T03:04:05+00:00",
    "finished": "2026-01-02T03:04:06+00:00",
    "versions": {"python": "3.11"},
    "machine": {"cores": 2},
    "parts": [
        {"first_epoch": 1, "versions": {"python": "3.11"}, "machine": {"cores": 2}},
        {"first_epoch": 3, "versions": {"python": "3.12"}, "machine": {"cores": None}},
    ],
    "threads": 5,
    "data_set": "another",
    "data_sha256": {"a": "b"},
    "best_epoch": 2,
    "best_checkpoint": "checkpoints/epoch_000002.keras",
    "best_checkpoint_sha256": "c",
    "epochs": [epoch(1, 0.9), epoch(2, 0.95)],
}


def changed(**changes) -> str:
    return json.dumps({**json.loads(a_record().to_json()), **changes})


def test_round_trip_keeps_every_field(monkeypatch):
    monkeypatch.setitem(DATA_SETS, "another", dataclasses.replace(MNIST, name="another"))
    assert set(EVERY_FIELD) == {field.name for field in dataclasses.fields(RunRecord)}
    record = RunRecord.from_json(RunRecord(**EVERY_FIELD).to_json())
    assert vars(record) == EVERY_FIELD
    assert record.trained_on is DATA_SETS["another"]


DIVERGED = a_record(
    status="diverged",
    best_epoch=1,
    epochs=[epoch(1, 0.9), {**epoch(2, 0.1, math.nan), "layers": {"logits": {"weight_norm": -math.inf}}}],
)


def test_nan_and_infinity_are_null_in_the_file_and_nan_in_memory():
    text = DIVERGED.to_json()
    values = strict_json(text)
    assert values["epochs"][1]["validation"] == {
        "loss": None,
        "cross_entropy": None,
        "l2_penalty": 0.125,
        "accuracy": 0.1,
    }
    assert values["epochs"][1]["layers"] == {"logits": {"weight_norm": None}}
    record = RunRecord.from_json(text)
    assert record.epochs[0] == DIVERGED.epochs[0]
    second = record.epochs[1]
    for number in (second["validation"]["loss"], second["train"]["loss"], second["layers"]["logits"]["weight_norm"]):
        assert math.isnan(number)
    assert record.to_json() == text


def test_other_json_readers_accept_the_record(tmp_path):
    node = shutil.which("node")
    if not node:
        pytest.skip("Node.js is not installed")
    (tmp_path / "record.json").write_text(DIVERGED.to_json())
    program = "console.log(JSON.parse(fs.readFileSync(process.argv[1], 'utf8')).epochs[1].train.loss)"
    found = subprocess.run([node, "-e", program, tmp_path / "record.json"], capture_output=True, text=True)
    assert (found.stdout, found.stderr) == ("null\n", "")


def test_nan_and_infinity_in_an_old_record_are_read():
    record = a_record(epochs=[epoch(1, 0.9), epoch(2, 0.1, math.nan), epoch(3, 0.1, math.inf)], best_epoch=1)
    values = {**vars(record), "record_version": 1, "preset": record.preset.to_dict()}
    text = json.dumps(values)
    assert "NaN" in text
    assert "Infinity" in text
    _, second, third = RunRecord.from_json(text).epochs
    assert math.isnan(second["validation"]["loss"])
    assert third["train"]["loss"] == math.inf


def a_part(first_epoch: int, numpy: str) -> dict:
    return {"first_epoch": first_epoch, "versions": {"numpy": numpy}, "machine": {"cores": 2}}


def continued(record: RunRecord, numpy: str) -> list[tuple[int, str]]:
    part = a_part(0, numpy)
    record.continue_on(part["versions"], part["machine"])
    assert RunRecord.from_json(record.to_json()) == record
    return [(part["first_epoch"], part["versions"]["numpy"]) for part in record.parts]


def test_record_lists_where_each_part_was_trained():
    first = a_part(1, "1")
    record = a_record(epochs=[], best_epoch=0, versions=first["versions"], machine=first["machine"])
    assert record.parts == [first]
    assert continued(record, "1") == [(1, "1")]
    assert continued(record, "2") == [(1, "2")]  # no epoch was trained with version 1
    assert record.versions == {"numpy": "2"}
    record.epochs.append(epoch(1, 0.9))
    assert continued(record, "2") == [(1, "2")]
    assert continued(record, "3") == [(1, "2"), (2, "3")]
    assert continued(record, "4") == [(1, "2"), (2, "4")]
    record.epochs.append(epoch(2, 0.9))
    assert continued(record, "2") == [(1, "2"), (2, "4"), (3, "2")]
    assert record.versions == {"numpy": "2"}


def test_record_without_parts_has_one():
    values = json.loads(a_record(versions={"numpy": "1"}, machine={"cores": 2}).to_json())
    del values["parts"]
    assert RunRecord.from_json(json.dumps(values)).parts == [a_part(1, "1")]


def test_best_accuracy_and_training_seconds():
    record = a_record(epochs=[epoch(1, 0.9), epoch(2, 0.95), {**epoch(3, 0.94), "seconds": 10.0}])
    assert record.best_validation_accuracy == 0.95
    assert record.training_seconds == 13.0
    assert a_record(best_epoch=0).best_validation_accuracy == 0.0


@pytest.mark.parametrize("status", RunStatus)
def test_only_finished_and_diverged_runs_are_done(status):
    record = a_record(status=status, finished="2026-01-01T00:00:00+00:00")
    assert record.is_done == (status in ("finished", "diverged"))
    assert not a_record(status=status, finished="").is_done


def test_record_of_an_old_version_is_read():
    values = json.loads(a_record().to_json())
    for name in ("normalization", "final_fit", "l1_decay", "upright_beside"):
        del values["preset"][name]
    for name in ("data_set", "reason", "machine", "parts"):
        del values[name]
    for old_epoch in values["epochs"]:
        old_epoch["dev"] = old_epoch.pop("validation")
    assert RunRecord.from_json(json.dumps(values)) == dataclasses.replace(a_record(), started=values["started"])
    assert '"dev"' not in RunRecord.from_json(json.dumps(values)).to_json()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"record_version": 99}, "its record.json has version 99, but this program reads version 1"),
        ({"surprise": 1, "another": 2}, "fields unknown to this version (another, surprise); use the version"),
        ({"preset": {**Preset().to_dict(), "dropout": 1.0}}, "has an invalid preset: dropout: must be"),
        ({"preset": {**Preset().to_dict(), "surprise": 1}}, "has an invalid preset: surprise=1"),
        ({"preset": []}, "has an invalid preset"),
        ({"status": "unknown"}, "damaged (ValueError)"),
        ({"data_set": "another"}, "its data set 'another' is unknown; known data sets: mnist"),
        ({"data_set": []}, "damaged (TypeError)"),
        (
            {"preset": {**Preset().to_dict(), "batch_size": 55_001}},
            "has an invalid preset: batch_size: must be a whole number from 1 to 55,000, not 55001",
        ),
        ({"best_checkpoint": "../../elsewhere.keras"}, "damaged (ValueError)"),
        ({"best_checkpoint": "checkpoints/../../elsewhere.keras"}, "damaged (ValueError)"),
        ({"best_epoch": 4}, "damaged"),
        ({"best_epoch": -1}, "damaged"),
        ({"seed": "1602"}, "damaged"),
        ({"seed": -1}, "damaged"),
        ({"seed": 1.5}, "damaged"),
        ({"preset_number": 1.5}, "damaged"),
        ({"epochs": [epoch(2, 0.9), epoch(3, 0.9)]}, "damaged"),
        ({"epochs": 3}, "damaged"),
        ({"parts": [a_part(2, "1")]}, "damaged"),
        ({"parts": [a_part(1, "1"), a_part(1, "2")]}, "damaged"),
        ({"parts": [a_part(1, "1"), a_part(5, "2")]}, "damaged"),
        ({"parts": [a_part(1, "1\n\x1b[2J")]}, "damaged"),
        ({"parts": [{"first_epoch": 1}]}, "damaged"),
        ({"parts": 3}, "damaged"),
        ({"versions": []}, "damaged"),
        ({"data_sha256": []}, "damaged"),
        ({"epochs": [{**epoch(1, 0.9), "seconds": None}, *map(epoch, (2, 3), (0.9, 0.9))]}, "damaged"),
    ],
    ids=str,
)
def test_invalid_record_is_rejected_with_the_reason(changes, reason):
    with pytest.raises(InvalidRun) as caught:
        RunRecord.from_json(changed(**changes))
    assert reason in str(caught.value)


@pytest.mark.parametrize("name", ["record_version", "preset_number", "preset", "seed"])
def test_record_without_a_required_field_is_rejected(name):
    values = json.loads(a_record().to_json())
    del values[name]
    with pytest.raises(InvalidRun, match=r"its record\.json is damaged \(KeyError\)"):
        RunRecord.from_json(json.dumps(values))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", "[" * 100_000])
def test_text_that_is_not_a_record_is_rejected(text):
    with pytest.raises(InvalidRun, match="damaged"):
        RunRecord.from_json(text)
