"""Tests training with --set: the preset, the tables, resuming and skipping."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys

import pytest

from mnist_mlp.runs.info_tables import OVERALL_COLUMNS
from mnist_mlp.runs.text_table import read_table
from tests.helpers import PROJECT, folders, runs_in, wait_for

from hyperparameters import PRESETS

pytestmark = pytest.mark.slow
CHANGED = "54 (learning_rate=0.01)"


def test_changed_and_plain_preset_are_told_apart_everywhere(script, tmp_path):
    train = ["MNIST_train.py", "--presets", "54", "--workers", 1, *folders(tmp_path)]
    plain, changed = script(*train), script(*train, "--set", "learning_rate=0.01")
    assert (changed.returncode, changed.stderr) == (0, "")
    assert changed.stdout.splitlines()[-1] == "    PRESETS[301] = PRESETS[54].but(learning_rate=0.01)"
    assert "PRESETS[301]" not in plain.stdout
    one, other = sorted(runs_in(tmp_path), key=lambda run: len(run.name))
    assert (one.name[10:], other.name[10:]) == ("_preset54", "_preset54_changed")
    assert (one.record.preset, one.record.changed) == (PRESETS[54], [])
    assert (other.record.preset, other.record.changed) == (PRESETS[54].but(learning_rate=0.01), ["learning_rate"])
    assert "changed" not in (one.path / "record.json").read_text()
    overall = read_table(tmp_path / "INFOS/overral_info.txt", OVERALL_COLUMNS)
    assert [row["preset"] for row in overall] == ["54", CHANGED]

    scored = script("MNIST_eval.py", *folders(tmp_path))
    for output, names in ((plain.stdout, ["54"]), (changed.stdout, [CHANGED]), (scored.stdout, ["54", CHANGED])):
        for name in names:
            assert any(line.lstrip().startswith(f"{name}  ") for line in output.splitlines())
    report = script("for_report/make_report.py", *folders(tmp_path), "--output-dir", tmp_path / "out")
    assert (report.returncode, report.stderr) == (0, "")
    with (tmp_path / "out/my_result_studies.csv").open(newline="", encoding="utf-8") as file:
        assert sorted(row["preset"] for row in csv.DictReader(file)) == ["54", CHANGED]

    assert script(*train, "--set", "learning_rate=0.01", "--skip-done").stdout.startswith("Nothing to train: ")
    assert script(*train, "--skip-done").stdout.startswith("Nothing to train: ")


def test_interrupted_changed_run_is_resumed(script, tmp_path):
    command = [sys.executable, "MNIST_train.py", "--presets", "54", "--set", "epochs=40", "--set", "learning-rate=0.01"]
    process = subprocess.Popen(
        [*command, "--workers", "1", *folders(tmp_path)],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(process, "epoch  1/40")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    resumed = script("MNIST_train.py", "--resume", "--quiet", *folders(tmp_path))
    assert (resumed.returncode, resumed.stdout, resumed.stderr) == (0, "", "")
    (run,) = runs_in(tmp_path)
    assert (run.record.status, len(run.record.epochs)) == ("finished", 40)
    assert run.record.preset == PRESETS[54].but(epochs=40, learning_rate=0.01)


def test_run_at_chance_accuracy_warns_once(script, tmp_path):
    changes = ["--set", "learning_rate=30", "--set", "epochs=12", "--set", "normalization=none"]
    options = ["--presets", "54", *changes, "--set", "hidden_sizes=30,20", "--workers", 1, "--quiet"]
    process = script("MNIST_train.py", *options, *folders(tmp_path))
    assert process.returncode == 0
    assert process.stderr.count("no better than guessing") == process.stderr.count("\n") == 1
    assert process.stderr.startswith("Warning: preset 54 (learning_rate=30, epochs=12, ")
    assert process.stderr.endswith("lower learning_rate=30\n")
