"""Tests MNIST_train.py in a separate process, with the real MNIST data."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile

import psutil
import pytest

from mnist_mlp.runs.info_tables import OVERALL_COLUMNS, TRAINING_LOG_COLUMNS
from mnist_mlp.runs.text_table import read_table
from mnist_mlp.sweep.signals import NOTHING_TRAINED
from tests.helpers import PROJECT, folders, on_terminal, only_line, runs_in, without_control_sequences

from hyperparameters import PRESETS


def test_output_without_terminal(trained):
    lines = (trained / "stdout").read_text().splitlines()
    assert lines[0].startswith("Preset 1 (1 of 2): 784-300-200-10 relu, adam, learning rate 0.001, batch size 200")
    epoch = r"preset 1  epoch %d/2  loss \d\.\d+  validation \d\d\.\d\d%%  best \d\d\.\d\d%%"
    assert re.fullmatch(epoch % 1, lines[1])
    assert re.match(epoch % 2 + r"  \d:\d\d:\d\d left", lines[2])
    assert any(line.startswith("Preset 8: best validation accuracy") for line in lines)
    table = next(index for index, line in enumerate(lines) if line.startswith("preset  best epoch"))
    ends = [(line.split()[0], line.split()[-1]) for line in lines[table + 1 : table + 3]]
    assert ends == [(str(run.record.preset_number), run.name) for run in runs_in(trained)]
    directories = f"--runs-dir {trained / 'runs'} --info-dir {trained / 'INFOS'}"
    assert lines[-2].endswith(f"python MNIST_eval.py {directories}")
    assert lines[-1].endswith(f"python tensorboard_run.py --runs-dir {trained / 'runs'}")
    assert (trained / "stderr").read_text() == ""  # no log output from TensorFlow


def test_run_directory_content(trained):
    first, second = runs_in(trained)
    assert re.fullmatch(r"\d{10}_preset01", first.name)
    assert re.fullmatch(r"\d{10}_preset08", second.name)
    record = second.record
    assert record.preset == PRESETS[8].but(epochs=2)
    assert (record.seed, record.status, len(record.epochs)) == (1602, "finished", 2)
    assert set(record.versions) == {"python", "tensorflow", "keras", "numpy", "tensorboard"}
    assert all(len(sha256) == 64 for sha256 in record.data_sha256.values())
    assert record.best_epoch == 1 + int(
        record.epochs[1]["validation"]["accuracy"] > record.epochs[0]["validation"]["accuracy"]
    )
    for item in record.epochs:
        for metrics in (item["train"], item["validation"]):
            assert metrics["loss"] == pytest.approx(metrics["cross_entropy"] + metrics["l2_penalty"])
            assert 0.5 < metrics["accuracy"] < 1
    assert record.epochs[-1]["validation"]["l2_penalty"] > 0
    names = sorted(path.name for path in second.path.iterdir() if not path.name.startswith("."))
    assert names == ["best_model.keras", "checkpoints", "record.json", "summaries"]
    assert 1 <= len(list(second.checkpoints.iterdir())) <= 2
    json.loads((second.path / "record.json").read_text())


def test_info_tables_have_a_row_per_epoch_and_per_run(trained):
    infos = trained / "INFOS"
    for name, columns, rows in (
        ("training_log.txt", TRAINING_LOG_COLUMNS, 4),
        ("overral_info.txt", OVERALL_COLUMNS, 2),
    ):
        lines = (infos / name).read_text().splitlines()
        assert [len(line.split("\t")) for line in lines] == [len(columns)] * (rows + 1)
        assert lines[0].split("\t") == columns
    for row, run in zip(read_table(infos / "overral_info.txt", OVERALL_COLUMNS), runs_in(trained), strict=True):
        preset = run.record.preset
        assert row["run"] == run.name
        assert float(row["learning_rate"]) == preset.learning_rate
        assert float(row["weight_decay"]) == preset.weight_decay
        assert row["hidden_sizes"] == "-".join(map(str, preset.hidden_sizes))
        assert int(row["weight_layers"]) == preset.weight_layers
        assert float(row["validation_accuracy"]) == run.record.best_validation_accuracy
        assert int(row["best_epoch"]) == run.record.best_epoch
        assert float(row["training_seconds"]) == pytest.approx(run.record.training_seconds)
    epochs = [(row["preset"], row["epoch"]) for row in read_table(infos / "training_log.txt", TRAINING_LOG_COLUMNS)]
    assert epochs == [("1", "1"), ("1", "2"), ("8", "1"), ("8", "2")]


def test_same_seed_gives_same_bits_in_another_process(trained, tmp_path, script):
    chosen = ("--presets", 8, "--epochs", 2, "--repeats", 2, "--workers", 1, "--threads", 1, "--quiet")
    process = script("MNIST_train.py", *chosen, *folders(tmp_path))
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")
    again, other = runs_in(tmp_path)
    first = runs_in(trained)[1]
    assert [run.record.seed for run in (first, again, other)] == [1602, 1602, 1603]
    metrics = [[(item["train"], item["validation"]) for item in run.record.epochs] for run in (first, again, other)]
    assert metrics[0] == metrics[1]
    assert metrics[0][0] != metrics[2][0]

    def weights_file(run):
        return zipfile.ZipFile(run.best_model).read("model.weights.h5")

    assert weights_file(first) == weights_file(again)


def test_empty_presets_list_is_rejected(script, tmp_path):
    for name in ("MNIST_train.py", "hyperparameters.py"):
        shutil.copy(PROJECT / name, tmp_path)
    source = (tmp_path / "MNIST_train.py").read_text()
    assert re.findall(r"^presets = .*", source, re.M)
    (tmp_path / "MNIST_train.py").write_text(re.sub(r"^presets = .*", "presets = []", source, flags=re.M))
    process = script(tmp_path / "MNIST_train.py", PYTHONPATH=str(PROJECT))
    assert "no preset is selected" in only_line(process)
    assert process.returncode == 2


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("presets = [9-13]", 'write ranges as text: presets = "9-13,31"'),
        ("presets = [1.0]", "presets: 1.0 is not a preset number"),
        ("presets = 31", "is not a list of preset numbers"),
    ],
)
def test_mistake_in_presets_list_is_reported_in_one_line(script, tmp_path, line, message):
    for name in ("MNIST_train.py", "hyperparameters.py"):
        shutil.copy(PROJECT / name, tmp_path)
    source = (tmp_path / "MNIST_train.py").read_text()
    (tmp_path / "MNIST_train.py").write_text(re.sub(r"^presets = .*", line, source, flags=re.M))
    process = script(tmp_path / "MNIST_train.py", PYTHONPATH=str(PROJECT))
    assert message in only_line(process)
    assert process.returncode == 2


def test_help_and_list_do_not_import_tensorflow(script):
    for option in ("--help", "--list"):
        check = f"import runpy, sys; sys.argv = ['MNIST_train.py', '{option}']\n"
        check += "try: runpy.run_path('MNIST_train.py', run_name='__main__')\nexcept SystemExit: pass\n"
        process = script("-c", check + "assert 'tensorflow' not in sys.modules")
        assert process.returncode == 0, process.stderr
    assert "18: dropout 0 -> 0.2" in process.stdout


@pytest.mark.slow
def test_live_display_on_a_terminal(tmp_path):
    options = ("--presets", "1", "--epochs", "3", *folders(tmp_path))
    status, output = on_terminal("MNIST_train.py", *options, columns=80, TERM="xterm-256color")
    text = without_control_sequences(output)
    assert status == 0
    assert "Starting TensorFlow" in text
    assert "2/3" in text
    state = r"validation \d\d\.\d\d%"
    assert re.search(rf"preset 1 +[━╸╺ ]*1/3 epochs {state} *\r", text)
    assert re.search(rf"preset 1 +[━╸╺ ]*2/3 epochs {state}  \d:\d\d:\d\d left", text)
    assert "\x1b[" in output
    assert "Preset 1: best validation accuracy" in text


def has_loaded(process: psutil.Process, library: str) -> bool:
    """Returns whether the process has loaded a shared library of this package."""
    try:
        return any(f"/{library}/" in loaded.path for loaded in process.memory_maps())
    except psutil.Error:  # the process has ended or is ending
        return True


@pytest.mark.slow
@pytest.mark.parametrize("library", ["numpy", "tensorflow"])
def test_ctrl_c_during_startup_leaves_no_runs(tmp_path, library):
    """NumPy is loaded before the program installs its Ctrl-C handler, TensorFlow after."""
    command = [sys.executable, "MNIST_train.py", "--presets", "1", *folders(tmp_path)]
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    watched = psutil.Process(process.pid)
    while process.poll() is None and not has_loaded(watched, library):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert NOTHING_TRAINED in output + errors or errors == "Interrupted.\n"  # while still importing
    assert not (tmp_path / "runs").exists() or runs_in(tmp_path) == []


@pytest.mark.slow
def test_ctrl_c_during_training_is_recorded(tmp_path):
    command = [sys.executable, "MNIST_train.py", "--presets", "1", *folders(tmp_path)]
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stdout:
        if "epoch  2/30" in line:
            process.send_signal(signal.SIGINT)
            break
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    (run,) = runs_in(tmp_path)
    assert errors.startswith(f"Interrupted. The results so far are in {tmp_path / 'runs'}. To resume: ")
    assert run.record.status == "interrupted"
    assert len(run.record.epochs) >= 2
