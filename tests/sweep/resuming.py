"""Helpers for tests that stop and resume runs with the real scripts."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mnist_mlp.disk.files import sha256_of
from mnist_mlp.runs.info_tables import OVERALL_COLUMNS, TRAINING_LOG_COLUMNS
from mnist_mlp.runs.record import RunRecord
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.runs.text_table import read_table
from tests.helpers import PROJECT, folders, result_of, runs_in, wait_for

TRAIN_OPTIONS = ("--presets", "8", "--epochs", "6", "--threads", "1")


def start(folder: Path, *more: str, driver: tuple[str, ...] = ()) -> subprocess.Popen:
    """Starts MNIST_train.py.

    Args:
        driver: Python code that runs the script, followed by its arguments; started with `python -c`.
    """
    return subprocess.Popen(
        [
            sys.executable,
            *(("-c", *driver) if driver else ()),
            "MNIST_train.py",
            *TRAIN_OPTIONS,
            *more,
            *folders(folder),
        ],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start_until(folder: Path, text: str, *more: str) -> subprocess.Popen:
    """Starts MNIST_train.py and waits until it prints this text."""
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


def rewrite_records(run: RunFolder, change: Callable[[RunRecord], object]) -> None:
    """Changes the run's record and those in its saved states, whose manifests are updated."""
    for path in (run.path, *saved_states(run)):
        record = RunRecord.from_json((path / "record.json").read_text())
        change(record)
        (path / "record.json").write_text(record.to_json())
        if path != run.path:
            manifest = json.loads((path / "manifest.json").read_text())
            manifest["sha256"]["record.json"] = sha256_of((path / "record.json").read_bytes())
            (path / "manifest.json").write_text(json.dumps(manifest))


def duplicate(run: RunFolder, number: int) -> RunFolder:
    """Copies the run within its runs directory; returns the copy."""
    return RunFolder.open(copy_of(run.path, run.path.with_name(f"{run.name}_{number}")))


def files_of(run: RunFolder) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file() and path.name[0] != "."}


def curves(run: RunFolder) -> dict[tuple[str, str], list[tuple[int, bytes]]]:
    """Returns the TensorBoard data: for each (writer, tag), a list of (step, serialized value) in file order."""
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


def assert_matches_uninterrupted(folder: Path, uninterrupted: Path) -> None:
    """Checks that every run in `folder` is bit-identical to the only run in `uninterrupted`."""
    expected = the_run(uninterrupted)
    logged = read_table(folder / "INFOS" / "training_log.txt", TRAINING_LOG_COLUMNS)
    overall = read_table(folder / "INFOS" / "overral_info.txt", OVERALL_COLUMNS)
    for curve in (("dev", "accuracy"), ("train", "layer_update_ratio/logits"), ("train", "layer_weights/hidden_1")):
        assert [step for step, _ in curves(expected)[curve]] == list(range(1, 7))
    for run in runs_in(folder):
        assert run.record.status == "finished"
        assert result_of(run) == result_of(expected)
        assert run.record.best_epoch == expected.record.best_epoch
        assert sorted(row["epoch"] for row in logged if row["run"] == run.name) == [str(epoch) for epoch in range(1, 7)]
        assert [row["run"] for row in overall].count(run.name) == 1
        assert curves(run) == curves(expected)
        assert not run.states.exists()
