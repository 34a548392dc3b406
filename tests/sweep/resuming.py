"""Trainings that are stopped and resumed, for the tests that do so with the real scripts."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mnist_mlp.runs.info_tables import OVERALL_COLUMNS, TRAINING_LOG_COLUMNS
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.runs.states import newest_valid_state
from mnist_mlp.runs.text_table import read_table
from tests.helpers import PROJECT, folders, result_of, runs_in, wait_for

CHOSEN = ("--presets", "8", "--epochs", "6")


def start(folder: Path, *more: str, driver: tuple[str, ...] = ()) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, *(("-c", *driver) if driver else ()), "MNIST_train.py", *CHOSEN, *more, *folders(folder)],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start_until(folder: Path, text: str, *more: str) -> subprocess.Popen:
    process = start(folder, *more)
    wait_for(process, text)
    return process


def copy_of(folder: Path, target: Path) -> Path:
    shutil.copytree(folder, target, dirs_exist_ok=True)
    return target


def the_run(folder: Path) -> RunFolder:
    (run,) = runs_in(folder)
    return run


def saved_states(run: RunFolder) -> list[Path]:
    return sorted(run.states.glob("epoch_*"))


def another(run: RunFolder, number: int) -> RunFolder:
    """Returns a copy of the run beside it."""
    return RunFolder.open(copy_of(run.path, run.path.with_name(f"{run.name}_{number}")))


def files_of(run: RunFolder) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file() and path.name[0] != "."}


def curves(run: RunFolder) -> dict[tuple[str, str], list[tuple[int, bytes]]]:
    """Returns for each writer and tag the (step, value's bytes) pairs that TensorBoard finds, in the order found."""
    found = {}
    for name in ("train", "dev"):
        events = EventAccumulator(str(run.summaries / name), size_guidance={"scalars": 0, "tensors": 0})
        events.Reload()
        for tag in events.Tags()["tensors"]:
            if not tag.startswith("_hparams_"):
                found[name, tag] = [
                    (event.step, event.tensor_proto.SerializeToString()) for event in events.Tensors(tag)
                ]
    return found


def assert_as_if_never_stopped(folder: Path, undisturbed: Path) -> None:
    """Checks every run of the folder against the only one of the other."""
    expected = the_run(undisturbed)
    logged = read_table(folder / "INFOS" / "training_log.txt", TRAINING_LOG_COLUMNS)
    overall = read_table(folder / "INFOS" / "overral_info.txt", OVERALL_COLUMNS)
    for curve in (("dev", "accuracy"), ("train", "update_ratio/logits"), ("train", "weights/hidden_1")):
        assert [step for step, _ in curves(expected)[curve]] == list(range(1, 7))
    for run in runs_in(folder):
        assert run.record.status == "finished"
        assert result_of(run) == result_of(expected)
        assert run.record.best_epoch == expected.record.best_epoch
        mine, theirs = (newest_valid_state(folder).state for folder in (run, expected))
        assert mine.epoch == theirs.epoch == 6
        for name in ("weights", "optimizer_state"):
            for array, other in zip(getattr(mine, name), getattr(theirs, name), strict=True):
                assert array.tobytes() == other.tobytes()
        assert sorted(row["epoch"] for row in logged if row["run"] == run.name) == [str(epoch) for epoch in range(1, 7)]
        assert [row["run"] for row in overall].count(run.name) == 1
        assert curves(run) == curves(expected)
        assert not list(run.states.glob(".*"))
