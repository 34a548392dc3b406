"""Tests reading of runs and tables, including damaged ones."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil

import numpy as np
import pytest

from mnist_mlp.data.dataset import DATA_SETS, MNIST
from mnist_mlp.evaluation.predictions import TestPredictions
from mnist_mlp.evaluation.score_tables import EVAL_COLUMNS
from mnist_mlp.presets.preset import Preset
from mnist_mlp.report.reading import read_evidence
from mnist_mlp.runs.text_table import read_table
from tests.report.helpers import DATA, add_layers, build, make_run, score_runs
from tests.strict import strict_json

from hyperparameters import PRESETS


def test_damaged_runs_are_skipped_with_a_reason(tmp_path, labels):
    good, other = make_run(tmp_path, 1, Preset(), 0.98), make_run(tmp_path, 2, Preset(), 0.98, seed=7)
    bad = make_run(tmp_path, 3, Preset(), 0.98)
    record = json.loads((bad.path / "record.json").read_text())
    del record["epochs"][2]["train"]["cross_entropy"]
    (bad.path / "record.json").write_text(json.dumps(record))
    (tmp_path / "runs" / "empty").mkdir()
    (tmp_path / "runs" / "notes.txt").write_text("text")
    score_runs(tmp_path, {good: (0.98, np.arange(200)), other: (0.97, np.arange(200))}, labels)
    shutil.rmtree(tmp_path / "runs" / "empty" / "nothing", ignore_errors=True)
    with (tmp_path / "INFOS" / "eval_log.txt").open("a") as file:
        file.write("gone\t1\t1602\t0.98\t0.1\n")
    report = build(tmp_path)
    assert report.evidence.skipped == {
        bad.name: "its record.json is damaged (KeyError in epochs)",
        "empty": "it does not contain a record.json",
        "notes.txt": "it is not a directory",
    }
    assert report.evidence.notes == [
        "Skipped 1 row of eval_log.txt: no matching run in the runs directory.",
        f"{other.name}: test_predictions.npz does not match eval_log.txt; run MNIST_eval.py to score this run again.",
    ]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Skipped notes.txt: it is not a directory." in page


def test_null_and_nan_in_records_are_read_alike(tmp_path):
    run = add_layers(make_run(tmp_path, 33, PRESETS[33], 0.11, status="diverged"), weight_norm=math.inf)
    run.record.epochs[2]["train"] = {**run.record.epochs[2]["train"], "cross_entropy": math.nan, "loss": math.inf}
    run.save_record()
    path = run.path / "record.json"
    values = strict_json(path.read_text())
    new = read_evidence(tmp_path / "runs", tmp_path / "INFOS", DATA).runs[0]
    assert np.isnan(new.curves["train cross_entropy"]).tolist() == [False, False, True]
    assert np.isnan(new.layers["weight_norm"]).all()
    path.write_text(json.dumps({**values, "epochs": run.record.epochs}))  # as older versions wrote it
    assert "NaN" in path.read_text()
    assert "Infinity" in path.read_text()
    old = read_evidence(tmp_path / "runs", tmp_path / "INFOS", DATA).runs[0]
    for name, curve in new.curves.items():
        np.testing.assert_array_equal(curve, old.curves[name])
    for measure, by_epoch in new.layers.items():
        np.testing.assert_array_equal(np.isfinite(by_epoch), np.isfinite(old.layers[measure]))


def test_runs_on_another_data_set_are_skipped(tmp_path, monkeypatch):
    monkeypatch.setitem(DATA_SETS, "another", dataclasses.replace(MNIST, name="another"))
    run, other = make_run(tmp_path, 1, Preset(), 0.98), make_run(tmp_path, 2, Preset(), 0.98, seed=7)
    other.record.data_set = "another"
    other.save_record()
    evidence = build(tmp_path).evidence
    assert [reported.name for reported in evidence.runs] == [run.name]
    assert evidence.skipped == {other.name: "it was trained on another; the report covers only MNIST"}


@pytest.mark.parametrize(
    "damaged",
    [
        [],
        None,
        {"hidden_1": {}},
        {"hidden_2": "x"},
        {"logits": {"weight_norm": "1"}},
        {"logits": {"weight_norm": True}},
        {"logits": {"weight_norm": 10**400}},
        {"logits": {"weight_norm": 1e300}},
        {"logits": {"gradient_norm": -1.0}},
        {"hidden_1": {"dead_units": 1.5}},
    ],
)
def test_damaged_layer_statistics_are_skipped_with_a_reason(tmp_path, damaged):
    run = add_layers(make_run(tmp_path, 31, PRESETS[31], 0.98))
    epoch = run.record.epochs[1]
    if isinstance(damaged, dict):
        ((name, values),) = damaged.items()
        valid = epoch["layers"]
        damaged = {**valid, name: {**valid[name], **values} if values and isinstance(values, dict) else values}
    epoch["layers"] = damaged
    run.save_record()
    report = build(tmp_path)
    assert report.evidence.runs[0].layers is None
    (note,) = report.evidence.notes
    assert note.startswith(f"{run.name}: skipped the layer statistics in record.json; they are damaged (")


def test_layer_statistics_may_be_nan_or_missing_in_some_epochs(tmp_path):
    diverged = add_layers(make_run(tmp_path, 33, PRESETS[33], 0.11, status="diverged"), weight_norm=float("nan"))
    half = add_layers(make_run(tmp_path, 34, PRESETS[34], 0.11))
    del half.record.epochs[0]["layers"]  # started by an older version, resumed by this one
    half.save_record()
    zeros = add_layers(
        make_run(tmp_path, 29, PRESETS[29], 0.11), **dict.fromkeys(("weight_norm", "gradient_norm"), 0.0)
    )
    report = build(tmp_path)
    assert report.evidence.notes == []
    by_name = {run.name: run for run in report.evidence.runs}
    assert np.isnan(by_name[diverged.name].layers["weight_norm"]).all()
    assert np.isnan(by_name[half.name].layers["dead_units"][:, 0]).tolist() == [True, False, False]
    assert (by_name[zeros.name].layers["weight_norm"] == 0).all()
    page = (tmp_path / "out" / "report.html").read_text()
    assert "training diverged. The loss was NaN or infinite after epoch 3" in page
    assert " nan" not in page


def test_records_of_real_runs_have_layer_statistics(evaluated):
    evidence = read_evidence(evaluated / "runs", evaluated / "INFOS", DATA)
    assert evidence.notes == []
    for run in evidence.runs:
        shape = (len(run.record.epochs), run.preset.weight_layers)
        assert {values.shape for values in run.layers.values()} == {shape}
        norms = np.sqrt((run.layers["weight_norm"] ** 2).sum(axis=1))
        np.testing.assert_allclose(
            run.preset.weight_decay * norms**2 / 2, run.curves["validation l2_penalty"], rtol=1e-4
        )


def test_stored_predictions_match_eval_log(evaluated, labels):
    scores = read_table(evaluated / "INFOS" / "eval_log.txt", EVAL_COLUMNS)
    for row in scores:
        predictions = TestPredictions.load(evaluated / "runs" / row["run"])
        is_right = predictions.predicted == labels
        assert is_right.mean() == float(row["test_accuracy"])
        np.testing.assert_array_equal(predictions.confidence[is_right], predictions.true_probability[is_right])
        assert (predictions.confidence >= predictions.true_probability).all()
    assert "no test_predictions.npz" not in (evaluated / "out" / "report.html").read_text()
