"""Tests the command line of the benchmark: wrong use, missing packages, a comparison with a baseline, interruption."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from benchmarks.rows import COMPARE_LIBRARIES, ROWS, TAKE_HOURS
from tests.helpers import PROJECT, only_line

WITHOUT = """
import runpy, sys
sys.modules.update(dict.fromkeys({missing!r}.split()))
sys.argv = ["speed", *{options!r}]
runpy.run_module("benchmarks.speed", run_name="__main__")
"""

# A version that waits until it is killed. If the file `ready` exists, it records an epoch before that.
BASELINE = """
import pathlib, sys, time
if not pathlib.Path("ready").exists():
    time.sleep(600)
folder = pathlib.Path(sys.argv[sys.argv.index("--runs-dir") + 1], "1_preset31")
folder.mkdir(parents=True)
(folder / "record.json").write_text('{"epochs": [{}]}')
time.sleep(600)
"""


@pytest.fixture
def baseline(tmp_path) -> Path:
    folder = tmp_path / "older"
    (folder / "mnist_mlp").mkdir(parents=True)
    (folder / "MNIST_train.py").write_text(BASELINE)
    return folder


def test_unknown_row_is_reported(script):
    process = script("-m", "benchmarks.speed", "--rows", "epochs-31,huge")
    assert process.returncode == 2
    assert only_line(process) == f"Error: --rows: must be a comma-separated list of {', '.join(ROWS)}, not 'huge'"


@pytest.mark.parametrize(
    ("rows", "missing", "named"),
    [
        ("epochs-31", "torch jax psutil", "psutil, torch and jax are"),
        ("epochs-10,first-epoch", "jax", "jax is"),
        ("first-epoch", "torch jax psutil", "psutil is"),
    ],
)
def test_missing_packages_are_named_in_one_line(script, tmp_path, rows, missing, named):
    (tmp_path / "torch.py").touch()  # found, unless it is missing
    options = ["--rows", rows, "--output-dir", str(tmp_path / "new")]
    process = script("-c", WITHOUT.format(missing=missing, options=options), PYTHONPATH=str(tmp_path))
    assert process.returncode == 2
    line = only_line(process)
    assert line.startswith(f"Error: {named} not installed for {sys.executable}; install the requirements: ")
    assert line.endswith("-m pip install -r requirements-bench.txt")
    assert not (tmp_path / "new").exists()


def test_output_directory_is_checked_before_the_work(script, tmp_path):
    (tmp_path / "file").touch()
    process = script("-m", "benchmarks.speed", "--rows", "first-epoch", "--output-dir", tmp_path / "file" / "new")
    assert process.returncode == 2
    assert only_line(process).startswith(f"Error: cannot write to {tmp_path / 'file' / 'new'} (")


def test_baseline_without_training_script_is_reported(script, tmp_path):
    process = script("-m", "benchmarks.speed", "--rows", "first-epoch", "--baseline", tmp_path)
    assert process.returncode == 2
    assert only_line(process).startswith(f"Error: --baseline {tmp_path} contains no MNIST_train.py; create it with: ")


def test_every_row_but_the_whole_sweep_is_measured_by_default(script):
    assert {"sweep-31", "first-epoch", "preset-54", *COMPARE_LIBRARIES} <= set(ROWS) - set(TAKE_HOURS)
    assert f"(default: all but {', '.join(TAKE_HOURS)})" in " ".join(
        script("-m", "benchmarks.speed", "--help").stdout.split()
    )


@pytest.mark.parametrize("name", ["first-epoch", "preset-54", "sweep-31", "short-sweep", "sweep-1-37"])
def test_rows_of_commands_compare_with_the_baseline(tmp_path, name):
    (row,) = ROWS[name](tmp_path)
    ours, older = row.contenders
    assert (ours.project, older.project) == (PROJECT, tmp_path)
    assert ours.options == older.options
    assert [contender.project for contender in ROWS[name](None)[0].contenders] == [PROJECT]


@pytest.mark.slow
def test_interrupted_comparison_with_baseline_continues(script, tmp_path, baseline):
    options = ["--rows", "first-epoch", "--rounds", "1", "--output-dir", str(tmp_path / "new")]
    command = ["-m", "benchmarks.speed", *options, "--baseline", str(baseline)]
    process = subprocess.Popen(
        [sys.executable, *command], cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert "round 1 of 1: this version: " in process.stderr.readline()
    while not (started := psutil.Process(process.pid).children(recursive=True)):
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert errors.splitlines()[-1].startswith("Interrupted. ")
    assert [child for child in psutil.wait_procs(started, timeout=30)[1] if child.status() != "zombie"] == []

    def seconds() -> dict[str, list[float]]:
        content = json.loads((tmp_path / "new" / "results.json").read_text())
        return {each["how"]: each["seconds"] for each in content["measurements"]}

    (ours,) = seconds()["this version"]
    (baseline / "ready").touch()
    process = script(*command)
    assert process.returncode == 0, process.stderr
    assert seconds()["this version"] == [ours]
    assert len(seconds()["baseline"]) == 1
    assert "| preset 31, from the command to the first recorded epoch |" in process.stdout
    assert (tmp_path / "new" / "results.md").read_text() == process.stdout.removesuffix("\n")
    before = (tmp_path / "new" / "results.json").read_bytes()
    assert script(*command).stderr == ""  # nothing is left to measure
    process = script("-m", "benchmarks.speed", *options)
    assert process.returncode == 2
    assert "was measured under other conditions (baseline: unknown, now none); choose another" in only_line(process)
    assert (tmp_path / "new" / "results.json").read_bytes() == before
