"""A sweep and its records, with trainings made up by hand where only the recording is looked at."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import re
import signal
import subprocess
import sys
from functools import partial

import numpy as np
import psutil
import pytest
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mnist_mlp.console.progress import SweepProgress
from mnist_mlp.console.tables import results_table
from mnist_mlp.presets.preset import Preset
from mnist_mlp.quiet_tensorflow import keras
from mnist_mlp.runs.info_tables import OVERALL_COLUMNS, InfoLogs, read_table
from mnist_mlp.runs.recorder import Recorder, new_run
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.sweep.engines import Ended, EpochDone, Job, Retried, Started, in_this_process
from mnist_mlp.sweep.ray_engine import RayTasks
from mnist_mlp.sweep.schedule import expected_seconds, fitting_workers, longest_first
from mnist_mlp.sweep.signals import NOTHING_TRAINED, StoppedBySignal
from mnist_mlp.sweep.sweep import run_sweep
from mnist_mlp.training import loop as training
from mnist_mlp.training.model import build_model
from mnist_mlp.training.results import EpochResult, Metrics, TrainingState
from tests.helpers import PROJECT, folders, results, runs_in, wait_for

from hyperparameters import PRESETS

PRESET = Preset(hidden_sizes=(5,), epochs=8)


def made_up(epoch: int, accuracy: float, loss: float = 0.5) -> EpochResult:
    """An epoch's result whose weights are all the number of the epoch."""
    weights = [np.full_like(weight, epoch) for weight in build_model(PRESET, 1).get_weights()]
    metrics = Metrics(loss, 0.1, accuracy)
    state = TrainingState(epoch, weights, optimizer_state=[])
    return EpochResult(1.0, 0.001, metrics, metrics, layers={}, histograms={}, state=state)


def record(folder, results, preset: Preset = PRESET) -> RunFolder:
    recorder = Recorder(new_run(folder / "runs", 7, preset, 1602), InfoLogs(folder))
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


def test_final_fit_keeps_its_last_epoch_and_tables_say_that_validation_was_seen(tmp_path):
    results = [made_up(1, 0.5), made_up(2, 0.9), made_up(3, 0.7)]
    run = record(tmp_path, results, PRESET.but(final_fit=True))
    assert (run.record.best_epoch, run.record.best_validation_accuracy) == (3, 0.7)
    assert first_weight(run.best_model) == 3.0
    assert read_table(tmp_path / "overral_info.txt", OVERALL_COLUMNS)[0]["final_fit"] == "True"
    events = EventAccumulator(str(run.summaries / "dev"), size_guidance={"tensors": 0}).Reload()
    assert "best_accuracy" not in events.Tags()["tensors"]  # the HParams page would rank it first
    assert [cell for column in results_table([run]).columns for cell in column.cells][2] == "70.00%*"


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

    def interruptible(self, events):
        return events


@pytest.mark.parametrize(
    "error", [RuntimeError("out of\nluck"), OSError(28, "No space left on device"), MemoryError()], ids=repr
)
def test_job_that_fails_is_recorded_and_the_others_go_on(tmp_path, monkeypatch, capsys, error):
    def train(preset, seed, data, resume_from):
        yield made_up(1, 0.5)
        if seed == 2:
            raise error
        yield made_up(2, 0.6)

    monkeypatch.setattr(training, "train", train)
    jobs = [Job(7, PRESET, seed) for seed in (1, 2, 3)]
    with SweepProgress(Console(width=200), jobs) as progress:
        engine = partial(in_this_process, data_dir=PROJECT / "MNIST_data")
        runs = run_sweep(jobs, engine, tmp_path / "runs", tmp_path, progress, NeverInterrupted())
    on_disk = [RunFolder.open(run.path).record for run in runs]
    assert [each.status for each in on_disk] == ["finished", "failed", "finished"]
    assert on_disk[1].reason.startswith(type(error).__name__)
    assert len(on_disk[1].epochs) == 1
    assert f"failed: {type(error).__name__}" in capsys.readouterr().out
    assert [row["seed"] for row in read_table(tmp_path / "overral_info.txt", OVERALL_COLUMNS)] == ["1", "3"]


class InterruptedBeforeTheFirstRun(NeverInterrupted):
    requested = True
    signal_number = signal.SIGINT


def test_interrupted_before_the_first_run_it_leaves_none_and_says_so(tmp_path):
    jobs = [Job(7, PRESET, 1)]
    engine = partial(in_this_process, data_dir=PROJECT / "MNIST_data")
    with (
        SweepProgress(Console(quiet=True), jobs) as progress,
        pytest.raises(StoppedBySignal, match=f"^{NOTHING_TRAINED}$"),
    ):
        run_sweep(jobs, engine, tmp_path / "runs", tmp_path, progress, InterruptedBeforeTheFirstRun())
    assert not (tmp_path / "runs").exists()


def test_longest_jobs_come_first_and_those_of_one_shape_beside_each_other():
    jobs = [Job(number, PRESETS[number], seed) for number in (1, 13, 31, 14, 22, 3) for seed in (1, 2)]
    ordered = longest_first(jobs)
    seconds = [expected_seconds(job.preset) * job.preset.epochs for job in ordered]
    assert seconds == sorted(seconds, reverse=True)
    shapes = [(job.preset.hidden_sizes, job.preset.batch_size, job.preset.dropout > 0) for job in ordered]
    assert len([shape for shape, following in itertools.pairwise(shapes) if shape != following]) == len(set(shapes)) - 1
    assert ordered[0].preset_number == 3
    assert ordered[-1].preset_number == 1


def test_a_worker_a_core_and_none_without_a_job():
    jobs = [Job(1, PRESETS[1], seed) for seed in range(100)]
    assert fitting_workers(jobs[:1]) == 1
    assert 1 <= fitting_workers(jobs) <= os.cpu_count()


def test_results_do_not_depend_on_the_number_of_workers(script, trained, tmp_path):
    # The third seed, which `trained` has too, goes to a process that has trained another before.
    chosen = ["--presets", "8", "--epochs", 2, "--seed", 1600, "--repeats", 3, "--workers", 2, "--quiet"]
    process = script("MNIST_train.py", *chosen, *folders(tmp_path))
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")
    assert len(read_table(tmp_path / "INFOS" / "overral_info.txt", OVERALL_COLUMNS)) == 3
    by_two, by_one = results(tmp_path), results(trained)
    assert set(by_two) == {(8, 1600), (8, 1601), (8, 1602)}
    assert by_two[8, 1602] == by_one[8, 1602]

    process = script("MNIST_eval.py", *folders(tmp_path))
    assert re.findall(r"^ +(\d+) +3 +\d\d\.\d\d% +\d+\.\d\d to \d+\.\d\d% ", process.stdout, re.M) != []
    assert "mean test accuracy" in process.stdout


def start_sweep(folder, *chosen: str) -> subprocess.Popen:
    command = [sys.executable, "MNIST_train.py", *chosen, "--workers", "2", *folders(folder)]
    return subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_killed_worker_fails_its_own_run_only(tmp_path):
    process = start_sweep(tmp_path, "--presets", "1", "--repeats", "2", "--epochs", "12")
    wait_for(process, "(1 of 2)", "(2 of 2)", "epoch  2/12")
    workers_of(process)[0].kill()
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    failed, finished = sorted(runs_in(tmp_path), key=lambda run: run.record.status)
    assert (failed.record.status, finished.record.status) == ("failed", "finished")
    assert errors == f"Error: 1 of 2 runs failed: {failed.name} (its process died (SIGKILL))\n"


def workers_of(process: subprocess.Popen) -> list[psutil.Process]:
    children = psutil.Process(process.pid).children()
    workers = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    assert len(workers) == 2
    return workers


def test_run_that_can_no_longer_be_recorded_makes_room_and_ctrl_c_twice_stops_at_once(tmp_path):
    process = start_sweep(tmp_path, "--presets", "1", "--repeats", "3", "--epochs", "300")
    wait_for(process, "(1 of 3)", "(2 of 3)", "epoch   2/300")
    runs_in(tmp_path)[0].path.rename(tmp_path / "moved away")
    wait_for(process, "failed: FileNotFoundError: ", "(3 of 3)", before="epoch 100/300")
    for worker in workers_of(process):
        worker.suspend()  # so no epoch ends any more
    process.send_signal(signal.SIGINT)
    wait_for(process, "Stopping after this epoch (Ctrl-C again stops at once).")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.startswith("Interrupted; what was trained until then is in ")
    assert [run.record.status for run in runs_in(tmp_path)] == ["interrupted"] * 2


@pytest.mark.parametrize("engine", ["this process", "ray"])
def test_dropped_job_makes_room_for_the_next(engine):
    if engine == "ray":
        pytest.importorskip("ray", reason="Ray is not installed")
        train_all = RayTasks(None, 1, PROJECT / "MNIST_data")
    else:
        train_all = partial(in_this_process, data_dir=PROJECT / "MNIST_data")
    jobs = [Job(1, PRESET.but(epochs=10_000), seed=1), Job(2, PRESET.but(epochs=1), seed=2)]
    dropped, seen = set(), []
    with contextlib.closing(train_all(jobs, dropped)) as events:
        for event in events:
            seen.append(event)
            dropped.add(jobs[0])
            assert len(seen) < 10
    of_the_next = [type(event) for event in seen if event.job is jobs[1]]
    if engine == "ray" and of_the_next[:1] == [Retried]:  # Ray may have given it the very process that is killed
        of_the_next.pop(0)
    assert of_the_next == [Started, EpochDone, Ended]


def test_ctrl_c_ends_every_run_after_its_epoch(tmp_path):
    process = start_sweep(tmp_path, "--presets", "1,9")
    wait_for(process, "preset 1  epoch  2/30", "preset 9  epoch   2/100")
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Stopping after this epoch (Ctrl-C again stops at once)." in output
    assert errors.startswith(f"Interrupted; what was trained until then is in {tmp_path / 'runs'}. To go on: ")
    assert errors.endswith(" --resume\n")
    for path in (tmp_path / "runs").iterdir():
        record = RunFolder.open(path).record
        assert record.status == "interrupted"
        assert len(record.epochs) >= 2
        assert (path / "best_model.keras").exists()
