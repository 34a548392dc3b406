"""Tests what is recorded about a run, using made-up results."""

from __future__ import annotations

import dataclasses
import math
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from mnist_mlp.console.tables import results_table
from mnist_mlp.libraries.quiet_tensorflow import keras
from mnist_mlp.runs import recorder
from mnist_mlp.runs.info_tables import OVERALL_COLUMNS, TRAINING_LOG_COLUMNS, InfoLogs
from mnist_mlp.runs.record import RunStatus
from mnist_mlp.runs.recorder import Recorder, new_run
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.runs.states import newest_valid_state
from mnist_mlp.runs.text_table import read_table
from mnist_mlp.training.results import EpochResult, LayerStatistics, Metrics, TrainingState
from tests.helpers import TINY, made_up_result, record_training
from tests.strict import strict_json


def first_weight(path) -> float:
    return float(keras.models.load_model(path).get_weights()[0][0, 0])


def validation_scalar(run: RunFolder, tag: str) -> list[float]:
    events = EventAccumulator(str(run.summaries / "dev"), size_guidance={"tensors": 0}).Reload()
    if tag not in events.Tags()["tensors"]:
        return []
    return [round(make_ndarray(point.tensor_proto).item(), 6) for point in events.Tensors(tag)]


def test_record_has_all_numbers_of_an_epoch(tmp_path):
    state = TrainingState(1, [np.full((784, 5), 1.0), np.ones(5), np.ones((5, 10)), np.ones(10)], [])
    layer = LayerStatistics(21.0, 22.0, 23.0, 24.0, 25.0, 26.0, 27.0)
    result = EpochResult(11.0, 12.0, Metrics(13.0, 14.0, 0.15), Metrics(16.0, 17.0, 0.18), {"logits": layer}, {}, state)
    (epoch,) = record_training(tmp_path, [result]).record.epochs
    assert epoch == {
        "epoch": 1,
        "seconds": 11.0,
        "learning_rate": 12.0,
        "train": {"loss": 27.0, "cross_entropy": 13.0, "l2_penalty": 14.0, "accuracy": 0.15},
        "validation": {"loss": 33.0, "cross_entropy": 16.0, "l2_penalty": 17.0, "accuracy": 0.18},
        "layers": {"logits": dataclasses.asdict(layer)},
    }


def test_new_run_records_preset_versions_machine_and_data(tmp_path):
    run = new_run(tmp_path, 7, TINY, 19, 1)
    record = RunFolder.open(run.path).record
    assert (record.preset_number, record.preset, record.seed, record.status) == (7, TINY, 19, "running")
    assert (record.data_set, record.epochs, record.finished) == ("mnist", [], "")
    assert set(record.versions) == {"python", "tensorflow", "keras", "numpy", "tensorboard"}
    assert record.versions["numpy"] == np.__version__
    assert set(record.machine) == {"system", "processor", "model", "cores", "gpu"}
    assert record.parts == [{"first_epoch": 1, "versions": record.versions, "machine": record.machine}]
    assert set(record.data_sha256) == {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"}


def test_best_epoch_and_newest_three_checkpoints_are_kept(tmp_path):
    accuracies = [0.1, 0.2, 0.3, 0.4, 0.5, 0.4, 0.5, 0.3]
    run = record_training(tmp_path, [made_up_result(*numbered) for numbered in enumerate(accuracies, start=1)])
    assert (run.record.best_epoch, run.record.best_validation_accuracy) == (5, 0.5)
    assert sorted(path.name for path in run.checkpoints.iterdir()) == [f"epoch_00000{n}.keras" for n in (3, 4, 5)]
    assert first_weight(run.best_checkpoint) == first_weight(run.best_model) == 5.0
    (row,) = read_table(tmp_path / "overral_info.txt", OVERALL_COLUMNS)
    assert (row["best_epoch"], row["validation_accuracy"], row["training_seconds"]) == ("5", "0.5", "12")
    assert validation_scalar(run, "best_accuracy") == [0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.5, 0.5]


def test_best_epoch_is_chosen_by_validation_accuracy(tmp_path):
    first, second = made_up_result(1, 0.6, loss=0.9), made_up_result(2, 0.5, loss=0.1)
    second = dataclasses.replace(second, train=Metrics(0.1, 0.1, accuracy=0.99))
    assert record_training(tmp_path, [first, second]).record.best_epoch == 1


def test_checkpoint_contains_the_averaged_weights(tmp_path):
    result = made_up_result(1, 0.5)
    average = [weight + 41 for weight in result.state.weights]
    result = dataclasses.replace(result, state=dataclasses.replace(result.state, average=average))
    assert first_weight(record_training(tmp_path, [result], TINY.but(ema_decay=0.5)).best_model) == 42.0


def test_final_fit_keeps_its_last_epoch_and_is_marked_in_tables(tmp_path):
    results = [made_up_result(1, 0.5), made_up_result(2, 0.9), made_up_result(3, 0.7)]
    run = record_training(tmp_path, results, TINY.but(final_fit=True))
    assert (run.record.best_epoch, run.record.best_validation_accuracy) == (3, 0.7)
    assert first_weight(run.best_model) == 3.0
    assert read_table(tmp_path / "overral_info.txt", OVERALL_COLUMNS)[0]["final_fit"] == "True"
    assert validation_scalar(run, "best_accuracy") == []  # it would rank first in the HParams tab
    assert [cell for column in results_table([run]).columns for cell in column.cells][2] == "70.00%*"


def test_diverged_run_keeps_its_best_epoch(tmp_path):
    run = record_training(tmp_path, [made_up_result(1, 0.4), made_up_result(2, 0.9, math.nan)])
    assert (run.record.status, run.record.best_epoch) == ("diverged", 1)
    assert math.isnan(run.record.epochs[1]["train"]["loss"])
    assert first_weight(run.best_model) == 1.0
    assert read_table(tmp_path / "overral_info.txt", OVERALL_COLUMNS)[0]["status"] == "diverged"
    assert validation_scalar(run, "best_accuracy") == [0.4, 0.4]
    assert run.record.reason == "the training loss is NaN in epoch 2"


def test_run_that_diverges_in_epoch_1_has_no_model(tmp_path):
    run = record_training(tmp_path, [made_up_result(1, 0.1, math.inf)])
    assert (run.record.status, run.record.best_epoch, run.record.best_checkpoint) == ("diverged", 0, "")
    assert run.record.reason == "the training loss is infinite in epoch 1"
    assert not run.best_model.exists()
    assert not run.states.exists()


@pytest.mark.parametrize("status", [RunStatus.FINISHED, RunStatus.INTERRUPTED, RunStatus.FAILED])
def test_end_records_status_and_reason(tmp_path, status):
    run = record_training(tmp_path, [made_up_result(1, 0.5)], status=status, reason="a reason")
    assert (run.record.status, run.record.reason) == (status, "a reason")
    assert run.record.finished
    rows = read_table(tmp_path / "overral_info.txt", OVERALL_COLUMNS)
    assert [row["status"] for row in rows] == (["finished"] if status == "finished" else [])
    assert zipfile.is_zipfile(run.best_model)


@pytest.mark.parametrize(
    ("status", "last_loss", "states"),
    [
        (RunStatus.FINISHED, 0.5, []),
        (RunStatus.FINISHED, math.nan, []),
        (RunStatus.INTERRUPTED, 0.5, ["epoch_000001", "epoch_000002"]),
        (RunStatus.FAILED, 0.5, ["epoch_000001", "epoch_000002"]),
    ],
)
def test_only_unfinished_runs_keep_states(tmp_path, monkeypatch, status, last_loss, states):
    monkeypatch.setattr(recorder, "SHARE_OF_TIME_FOR_STATES", math.inf)
    run = record_training(tmp_path, [made_up_result(1, 0.4), made_up_result(2, 0.5, last_loss)], status=status)
    assert run.states.exists() == bool(states)
    assert sorted(path.name for path in run.states.glob("*")) == states


def test_states_are_deleted_after_the_record_is_finished(tmp_path, monkeypatch):
    statuses = set()
    unlink = os.unlink

    def watched(path, **options):
        if "states" in Path(path).parts:
            statuses.add(RunFolder.open(recording.run.path).record.status)
        unlink(path, **options)

    recording = Recorder(new_run(tmp_path / "runs", 7, TINY, 1602, 1), InfoLogs(tmp_path))
    recording.record_epoch(made_up_result(1, 0.5))
    monkeypatch.setattr(os, "unlink", watched)
    recording.end(RunStatus.FINISHED)
    assert statuses == {"finished"}


@pytest.mark.parametrize("name", ["record.json", "best_model.keras", "checkpoints/epoch_000001.keras"])
def test_states_are_kept_if_a_result_is_not_on_disk(tmp_path, monkeypatch, name):
    fsync = os.fsync

    def fails_for_result(descriptor):
        if os.path.samestat(os.fstat(descriptor), os.stat(recording.run.path / name)):
            raise OSError(5, "Input/output error")
        fsync(descriptor)

    recording = Recorder(new_run(tmp_path / "runs", 7, TINY, 1602, 1), InfoLogs(tmp_path))
    recording.record_epoch(made_up_result(1, 0.5))
    monkeypatch.setattr(os, "fsync", fails_for_result)
    with pytest.raises(OSError, match="Input/output error"):
        recording.end(RunStatus.FINISHED)
    assert newest_valid_state(recording.run).state.epoch == 1


def test_resuming_writes_missing_rows_and_events(tmp_path):
    run = new_run(tmp_path / "runs", 7, TINY, 1602, 1)
    recording = Recorder(run, InfoLogs(tmp_path))
    for number in (1, 2):
        recording.record_epoch(made_up_result(number, number / 10))
    path = tmp_path / "training_log.txt"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))  # as if killed before the second row
    resumed = Recorder(run, InfoLogs(tmp_path))
    resumed.record_epoch(made_up_result(3, 0.3))
    resumed.end(RunStatus.FINISHED)
    assert [row["epoch"] for row in read_table(path, TRAINING_LOG_COLUMNS)] == ["1", "2", "3"]
    assert validation_scalar(run, "accuracy") == [0.1, 0.2, 0.3]


def test_resuming_writes_events_and_rows_of_null_statistics(tmp_path):
    layer = LayerStatistics(0.1, 0.2, 0.0, math.inf, 2.0, math.nan, 0.0)
    result = dataclasses.replace(made_up_result(1, 0.5), layers={"logits": layer})
    run = record_training(tmp_path, [result], status=RunStatus.INTERRUPTED)
    assert strict_json((run.path / "record.json").read_text())["epochs"][0]["layers"]["logits"]["gradient_norm"] is None
    shutil.rmtree(run.summaries)
    (tmp_path / "training_log.txt").unlink()
    Recorder(run, InfoLogs(tmp_path)).end(RunStatus.INTERRUPTED)
    events = EventAccumulator(str(run.summaries / "train"), size_guidance={"tensors": 0}).Reload()
    (point,) = events.Tensors("layer_gradient_norm/logits")
    assert math.isnan(make_ndarray(point.tensor_proto).item())
    (row,) = read_table(tmp_path / "training_log.txt", TRAINING_LOG_COLUMNS)
    assert row["epoch"] == "1"


@pytest.mark.parametrize(("share", "expected"), [(0.0, [1]), (math.inf, [1, 2, 3])])
def test_states_are_saved_within_their_share_of_time_and_at_the_end(tmp_path, monkeypatch, share, expected):
    monkeypatch.setattr(recorder, "SHARE_OF_TIME_FOR_STATES", share)
    recording = Recorder(new_run(tmp_path / "runs", 7, TINY, 1602, 1), InfoLogs(tmp_path))
    newest = []
    for number in (1, 2, 3):
        recording.record_epoch(made_up_result(number, 0.5))
        newest.append(newest_valid_state(recording.run).state.epoch)
    assert sorted(set(newest)) == expected
    recording.end(RunStatus.INTERRUPTED)
    assert newest_valid_state(recording.run).state.epoch == 3
