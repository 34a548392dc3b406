"""A sweep and its records, with trainings made up by hand where only the recording is looked at."""

from __future__ import annotations

import math

import numpy as np
import pytest
from rich.console import Console

from mnist_mlp import sweep
from mnist_mlp.info_logs import OVERALL_COLUMNS, InfoLogs, read_table
from mnist_mlp.model import build_model
from mnist_mlp.preset import Preset
from mnist_mlp.progress import SweepProgress
from mnist_mlp.quiet_tensorflow import keras
from mnist_mlp.recording import Recorder
from mnist_mlp.run_folder import RunFolder
from mnist_mlp.sweep import Job, run_sweep
from mnist_mlp.training import EpochResult, Metrics
from tests.conftest import PROJECT

PRESET = Preset(hidden_sizes=(5,), epochs=8)


def made_up(epoch: int, accuracy: float, loss: float = 0.5) -> EpochResult:
    """An epoch's result whose weights are all the number of the epoch."""
    weights = [np.full_like(weight, epoch) for weight in build_model(PRESET, 1).get_weights()]
    return EpochResult(epoch, 1.0, 0.001, Metrics(loss, 0.1, accuracy), Metrics(loss, 0.1, accuracy), weights)


def record(folder, results) -> RunFolder:
    recorder = Recorder(folder / "runs", InfoLogs(folder), 7, PRESET, 1602)
    for result in results:
        recorder.record_epoch(result)
    recorder.end("finished")
    return RunFolder.open(recorder.run.path)


def first_weight(path) -> float:
    return float(keras.models.load_model(path).get_weights()[0][0, 0])


def test_best_epoch_is_kept_the_earliest_of_equals_and_three_checkpoints_at_most(tmp_path):
    accuracies = [0.1, 0.2, 0.3, 0.4, 0.5, 0.4, 0.5, 0.3]
    run = record(tmp_path, [made_up(epoch, accuracy) for epoch, accuracy in enumerate(accuracies, start=1)])
    assert (run.record.best_epoch, run.record.best_validation_accuracy) == (5, 0.5)
    assert sorted(path.name for path in run.checkpoints.iterdir()) == [f"epoch_00000{n}.keras" for n in (3, 4, 5)]
    assert first_weight(run.best_checkpoint) == first_weight(run.best_model) == 5.0
    (row,) = read_table(tmp_path / "overral_info.txt", OVERALL_COLUMNS)
    assert (row["best_epoch"], row["validation_accuracy"], row["training_seconds"]) == ("5", "0.5", "8")


def test_run_that_diverges_keeps_its_best_epoch_and_its_numbers(tmp_path):
    run = record(tmp_path, [made_up(1, 0.4), made_up(2, 0.9, math.nan)])
    assert (run.record.status, run.record.best_epoch) == ("diverged", 1)
    assert math.isnan(run.record.epochs[1]["train"]["loss"])
    assert first_weight(run.best_model) == 1.0
    assert read_table(tmp_path / "overral_info.txt", OVERALL_COLUMNS)[0]["status"] == "diverged"


def test_run_that_diverges_at_once_has_no_model(tmp_path):
    run = record(tmp_path, [made_up(1, 0.1, math.inf)])
    assert (run.record.status, run.record.best_epoch, run.record.best_checkpoint) == ("diverged", 0, "")
    assert not run.best_model.exists()


class NeverInterrupted:
    requested = False

    def training_begins(self) -> None: ...


@pytest.mark.parametrize(
    "error", [RuntimeError("out of\nluck"), OSError(28, "No space left on device"), MemoryError()], ids=repr
)
def test_job_that_fails_is_recorded_and_the_others_go_on(tmp_path, monkeypatch, capsys, error):
    def train(preset, seed, data):
        yield made_up(1, 0.5)
        if seed == 2:
            raise error
        yield made_up(2, 0.6)

    monkeypatch.setattr(sweep, "train", train)
    jobs = [Job(7, PRESET, seed) for seed in (1, 2, 3)]
    with SweepProgress(Console(width=200), jobs) as progress:
        runs = run_sweep(jobs, PROJECT / "MNIST_data", tmp_path / "runs", tmp_path, progress, NeverInterrupted())
    on_disk = [RunFolder.open(run.path).record for run in runs]
    assert [each.status for each in on_disk] == ["finished", "failed", "finished"]
    assert on_disk[1].reason.startswith(type(error).__name__)
    assert len(on_disk[1].epochs) == 1
    assert f"failed: {type(error).__name__}" in capsys.readouterr().out
    assert [row["seed"] for row in read_table(tmp_path / "overral_info.txt", OVERALL_COLUMNS)] == ["1", "3"]
