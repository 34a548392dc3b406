"""Tests the progress lines of a sweep without a terminal."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from mnist_mlp.console.progress import SweepProgress
from mnist_mlp.presets.preset import Preset
from mnist_mlp.runs.record import RunRecord, RunStatus
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.sweep.jobs import Job
from mnist_mlp.training.results import Metrics, TrainingState
from tests.helpers import made_up_result

PRESET = Preset(hidden_sizes=(30, 20), batch_size=250, learning_rate=0.002, weight_decay=0.01, dropout=0.3, epochs=9)


def lines(job: Job, run: RunFolder, act) -> list[str]:
    """Starts the run, calls act(progress) and returns the printed lines."""
    console = Console(file=io.StringIO(), width=200, highlight=False)
    with SweepProgress(console, [job]) as progress:
        progress.run_started(job, run)
        act(progress)
    return console.file.getvalue().splitlines()


def a_run(preset: Preset = PRESET, **changes) -> RunFolder:
    epochs = [{"seconds": 10.0 * epoch, "validation": {"accuracy": accuracy}} for epoch, accuracy in EPOCHS.items()]
    values = {"status": RunStatus.FINISHED, "epochs": epochs, "best_epoch": 2, **changes}
    return RunFolder(Path("runs/a_run"), RunRecord(7, preset, 1603, **values))


EPOCHS = {1: 0.91, 2: 0.97, 3: 0.95}


def test_first_line_shows_hyperparameters():
    (line,) = lines(Job(7, PRESET.but(l1_decay=0.02), 1603), a_run(PRESET.but(l1_decay=0.02)), lambda progress: None)
    assert line == (
        "Preset 7 (1 of 1): 784-30-20-10 relu, adam, learning rate 0.002, batch size 250, weight decay 0.01, "
        "dropout 0.3, L1 decay 0.02, seed 1603, 2 threads, saving to runs/a_run"
    )


def test_first_line_of_resumed_run_shows_epoch():
    (line,) = lines(Job(7, PRESET, 1603, resume_from=TrainingState(4, [], [])), a_run(), lambda progress: None)
    assert line.endswith("seed 1603, 2 threads, resuming runs/a_run after epoch 4")


def test_job_added_during_sweep_is_counted():
    first, later = Job(7, PRESET, 1603), Job(7, PRESET, 1604)

    def start_another(progress):
        progress.run_started(later, RunFolder(Path("runs/another_run"), a_run().record))

    _, line = lines(first, a_run(), start_another)
    assert line.startswith("Preset 7 (2 of 2): ")


@pytest.mark.parametrize(
    ("final_fit", "shown"),
    [(False, "loss 0.8750  validation 95.00%  best 97.00%"), (True, "loss 0.8750  validation (trained on) 95.00%")],
)
def test_epoch_line_shows_loss_and_accuracy(final_fit, shown):
    run = a_run(PRESET.but(final_fit=final_fit))
    result = replace(
        made_up_result(3, 0.95), train=Metrics(0.75, 0.125, 0.8), validation=Metrics(0.25, 0.125, accuracy=0.95)
    )
    _, line = lines(Job(7, run.record.preset, 1603), run, lambda progress: progress.epoch_ended(run, result))
    assert line == f"preset 7  epoch 3/9  {shown}"


@pytest.mark.parametrize(
    ("changes", "ending"),
    [
        ({}, "best validation accuracy 97.00% at epoch 2 of 3, 0:01:00"),
        ({"status": RunStatus.INTERRUPTED}, "best validation accuracy 97.00% at epoch 2 of 3, 0:01:00, interrupted"),
        ({"status": RunStatus.DIVERGED}, "97.00% at epoch 2 of 3, 0:01:00, diverged: loss is NaN or infinite"),
        ({"status": RunStatus.FAILED, "reason": "the reason"}, "0:01:00, failed: the reason"),
        ({"best_epoch": 0}, "no valid epoch, 0:01:00"),
        ({"best_epoch": 0, "epochs": []}, "no epoch completed, 0:00:00"),
        ({"preset": PRESET.but(final_fit=True)}, "7: validation accuracy (trained on) 97.00% at epoch 2 of 3, 0:01:00"),
    ],
)
def test_last_line_shows_result_and_status(changes, ending):
    run = a_run(**changes)
    _, line = lines(Job(7, run.record.preset, 1603), run, lambda progress: progress.run_ended(run))
    assert line.startswith("Preset 7: ")
    assert line.endswith(ending)


def test_time_left_is_shown_from_the_second_epoch_on():
    run, result = a_run(), made_up_result(3, 0.95)

    def two_epochs(progress):
        progress.epoch_ended(run, replace(result, seconds=30.0))  # with compiling
        progress.epoch_ended(run, replace(result, seconds=2.0))

    _, first, second = lines(Job(7, run.record.preset, 1603), run, two_epochs)
    assert "left" not in first
    assert second.endswith("  0:00:14 left")  # seven epochs of two seconds


def test_seed_is_shown_if_there_are_several():
    console = Console(file=io.StringIO(), width=200, highlight=False)
    run = a_run()
    with SweepProgress(console, [Job(7, PRESET, seed) for seed in (1603, 1604)]) as progress:
        progress.run_started(Job(7, PRESET, 1603), run)
        progress.epoch_ended(run, made_up_result(3, 0.95))
        progress.run_ended(run)
    _, epoch, last = console.file.getvalue().splitlines()
    assert epoch.startswith("preset 7, seed 1603  epoch 3/9")
    assert last.startswith("Preset 7, seed 1603: best validation accuracy")


def test_bars_show_units_and_leave_nothing_behind():
    console = Console(file=io.StringIO(), width=100, height=30, highlight=False, force_terminal=True)
    jobs = [Job(7, PRESET, seed) for seed in (1603, 1604)]
    runs = [RunFolder(Path(f"runs/run_{job.seed}"), a_run().record) for job in jobs]
    with SweepProgress(console, jobs) as progress:
        for job, run in zip(jobs, runs, strict=True):
            progress.run_started(job, run)
        progress.epoch_ended(runs[0], made_up_result(3, 0.95))
        console.print("marker")  # draws the bars again
        shown = console.file.getvalue()
        for run in runs:
            progress.run_ended(run)
    assert "3/9 epochs" in shown and "0/2 runs" in shown


def test_retried_run_shows_reason():
    run = a_run()
    _, line = lines(Job(7, PRESET, 1603), run, lambda progress: progress.run_retried(run, "NodeDiedError"))
    assert line == "Preset 7: worker lost (NodeDiedError); resuming after epoch 3"
