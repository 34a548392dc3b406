"""The scripts as a user runs them: real processes, real MNIST."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
import zipfile
from pathlib import Path

import numpy as np
import pytest

from mnist_mlp.data.dataset import load_test_data
from mnist_mlp.evaluation.predictions import softmax
from mnist_mlp.presets.registry import ranges_of
from mnist_mlp.runs.info_tables import ENSEMBLE_COLUMNS, EVAL_COLUMNS, OVERALL_COLUMNS, TRAINING_LOG_COLUMNS, read_table
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.sweep.signals import NOTHING_TRAINED
from tests.helpers import PROJECT, flip_a_byte, folders, only_line, project_with, runs_in

from hyperparameters import PRESETS


def test_training_tells_its_story_in_plain_lines_where_there_is_no_terminal(trained):
    lines = (trained / "stdout").read_text().splitlines()
    assert lines[0].startswith("Preset 1 (1 of 2): 784-300-200-10 relu, adam at 0.001, batches of 200")
    assert re.match(
        r"preset 1  epoch 1/2  loss \d\.\d+  validation \d\d\.\d\d%  best \d\d\.\d\d%  \d+ s left", lines[1]
    )
    assert any(line.startswith("Preset 8: best validation accuracy") for line in lines)
    table = next(index for index, line in enumerate(lines) if line.startswith("preset  best epoch"))
    ends = [(line.split()[0], line.split()[-1]) for line in lines[table + 1 : table + 3]]
    assert ends == [(str(run.record.preset_number), run.name) for run in runs_in(trained)]
    asked_for = f"--runs-dir {trained / 'runs'} --info-dir {trained / 'INFOS'}"
    assert lines[-2].endswith(f"python MNIST_eval.py {asked_for} scores the runs on the test set,")
    assert lines[-1].endswith(f"python tensorboard_run.py --runs-dir {trained / 'runs'} shows how they went.")
    assert (trained / "stderr").read_text() == ""  # none of TensorFlow's chatter


def test_a_run_explains_itself(trained):
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
    for each in record.epochs:
        for figures in (each["train"], each["validation"]):
            assert figures["loss"] == pytest.approx(figures["cross_entropy"] + figures["l2_penalty"])
            assert 0.5 < figures["accuracy"] < 1
    assert record.epochs[-1]["validation"]["l2_penalty"] > 0
    names = sorted(path.name for path in second.path.iterdir() if not path.name.startswith("."))
    assert names == ["best_model.keras", "checkpoints", "record.json", "states", "summaries"]
    assert 1 <= len(list(second.checkpoints.iterdir())) <= 2
    json.loads((second.path / "record.json").read_text())


def test_best_model_opens_in_plain_keras_without_our_code_and_gives_the_same_logits(trained, tmp_path, data):
    run = runs_in(trained)[1]
    shutil.copy(run.best_model, tmp_path / "model.keras")
    np.save(tmp_path / "pixels.npy", data.validation.pixels[:1000].astype(np.float32) / 255)
    code = (
        "import importlib.util; assert importlib.util.find_spec('mnist_mlp') is None\n"
        "import keras, numpy as np\n"
        "model = keras.models.load_model('model.keras')\n"
        "np.save('logits.npy', model.predict(np.load('pixels.npy'), verbose=0))\n"
        "print(*(type(layer).__name__ for layer in model.layers))\n"
    )
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-I", "-c", code]
    process = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert process.returncode == 0, process.stderr
    assert process.stdout.split() == ["Dense", "Dropout", "Dense", "Dropout", "Dense", "Dropout", "Dense"]
    logits = np.load(tmp_path / "logits.npy")
    from mnist_mlp.evaluation.scoring import load_best_model

    ours = load_best_model(run)(data.validation.pixels[:1000].astype(np.float32) / 255, training=False)
    np.testing.assert_allclose(logits, ours, rtol=1e-4, atol=1e-4)
    accuracy = (
        load_best_model(run)(data.validation.pixels / np.float32(255)).numpy().argmax(axis=1) == data.validation.labels
    ).mean()
    assert accuracy == pytest.approx(run.record.best_validation_accuracy, abs=2 / 5000)  # the epoch that was recorded


def test_info_tables_hold_a_line_an_epoch_and_a_row_a_preset(trained):
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


def test_same_seed_in_another_process_gives_the_same_bits(trained, tmp_path, script):
    chosen = ("--presets", 8, "--epochs", 2, "--repeats", 2, "--workers", 1, "--quiet")
    process = script("MNIST_train.py", *chosen, *folders(tmp_path))
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")
    again, other = runs_in(tmp_path)
    first = runs_in(trained)[1]
    assert [run.record.seed for run in (first, again, other)] == [1602, 1602, 1603]
    figures = [[(each["train"], each["validation"]) for each in run.record.epochs] for run in (first, again, other)]
    assert figures[0] == figures[1]
    assert figures[0][0] != figures[2][0]

    def weights_file(run):
        return zipfile.ZipFile(run.best_model).read("model.weights.h5")

    assert weights_file(first) == weights_file(again)


def test_each_network_is_scored_on_the_images_it_learnt_from(tmp_path, script):
    upright_alone, upright_beside = 191, 192
    lines = (
        f"PRESETS[{upright_alone}] = PRESETS[1].but(deskew=True)",
        f"PRESETS[{upright_beside}] = PRESETS[1].but(upright_beside=True)",
    )
    training = script(
        *("MNIST_train.py", "--presets", f"{upright_alone},{upright_beside}"),
        *("--epochs", 1, "--workers", 1, "--quiet", *folders(tmp_path)),
        cwd=project_with(tmp_path / "project", "\n".join(lines)),
    )
    assert training.returncode == 0, training.stderr
    assert script("MNIST_eval.py", "--ensemble", *folders(tmp_path)).returncode == 0

    from mnist_mlp.data.deskewing import deskewed
    from mnist_mlp.evaluation.scoring import load_best_model

    test = load_test_data(PROJECT / "MNIST_data")
    as_they_are, upright = test.pixels, deskewed(test).pixels
    both, swapped = (np.concatenate(pair, axis=1) for pair in ((as_they_are, upright), (upright, as_they_are)))
    seen_and_other = {upright_alone: (upright, as_they_are), upright_beside: (both, swapped)}
    scores = {
        row["run"]: float(row["test_accuracy"]) for row in read_table(tmp_path / "INFOS" / "eval_log.txt", EVAL_COLUMNS)
    }
    ensemble = np.zeros((10_000, 10))
    for run in runs_in(tmp_path):
        network, shown = load_best_model(run), seen_and_other[run.record.preset_number]
        logits = [network(pixels / np.float32(255)).numpy() for pixels in shown]
        right_of_seen, right_of_other = ((said.argmax(axis=1) == test.labels).mean() for said in logits)
        assert scores[run.name] == pytest.approx(right_of_seen, abs=2e-4)
        assert right_of_seen > right_of_other + 0.002
        ensemble += softmax(logits[0])
    (row,) = read_table(tmp_path / "INFOS" / "ensemble_log.txt", ENSEMBLE_COLUMNS)
    assert float(row["test_accuracy"]) == pytest.approx((ensemble.argmax(axis=1) == test.labels).mean(), abs=2e-4)


def test_evaluation_scores_every_run_and_tells_what_it_skipped(trained, tmp_path, script):
    shutil.copytree(trained / "runs", tmp_path / "runs")
    (tmp_path / "runs" / "empty").mkdir()
    (tmp_path / "runs" / "zz[red]notes").write_text("mine")
    (tmp_path / "runs" / "loop").symlink_to(tmp_path / "runs" / "loop")
    (tmp_path / "runs" / "foreign").mkdir()
    (tmp_path / "runs" / "foreign" / "record.json").write_text('{"project": "another", "epochs": 90}')
    first, second = (RunFolder.open(path) for path in sorted((tmp_path / "runs").glob("*_preset*")))
    damaged = shutil.copytree(second.path, tmp_path / "runs" / "1_damaged")
    for copy in (second.record.best_checkpoint, "best_model.keras"):
        flip_a_byte(damaged / copy)  # HDF5 would load it without a word
    flip_a_byte(second.path / second.record.best_checkpoint)  # but its copy is whole
    unfinished = RunFolder.open(Path(shutil.copytree(second.path, tmp_path / "runs" / "2_unfinished")))
    unfinished.record.status = "running"
    unfinished.save_record()

    process = script("MNIST_eval.py", "--ensemble", *folders(tmp_path))
    assert process.returncode == 0
    assert only_line(process) == f"Warning: {second.best_checkpoint} is damaged; its copy best_model.keras is scored"
    output = process.stdout
    assert "Skipped empty: it holds no record.json" in output
    assert "Skipped zz[red]notes: it is not a folder" in output
    assert "Skipped loop: it is not a folder" in output
    assert "Skipped foreign: its record.json is damaged (KeyError)" in output
    assert "Skipped 2_unfinished: its status is running, not finished" in output
    assert f"Skipped 1_damaged: its {second.record.best_checkpoint} and best_model.keras are damaged" in output
    rows = read_table(tmp_path / "INFOS" / "eval_log.txt", EVAL_COLUMNS)
    assert list(rows[0]) == EVAL_COLUMNS
    assert [row["run"] for row in rows] == [first.name, second.name]
    for row, run in zip(rows, (first, second), strict=True):
        assert float(row["test_accuracy"]) == pytest.approx(run.record.best_validation_accuracy, abs=0.02)
        assert f"{float(row['test_accuracy']):.2%}" in output
    table = [line for line in output.splitlines() if line.endswith((first.name, second.name))]
    accuracies = [float(re.findall(r"(\d+\.\d+)%", line)[0]) for line in table]
    assert accuracies == sorted(accuracies, reverse=True)
    for line, accuracy in zip(table, accuracies, strict=True):
        low, high = map(float, re.search(r"(\d+\.\d+) to (\d+\.\d+) ", line).groups())
        assert low < accuracy < high

    from mnist_mlp.evaluation.scoring import load_best_model

    test = load_test_data(PROJECT / "MNIST_data")
    pixels = test.pixels / np.float32(255)
    probabilities = [softmax(load_best_model(run)(pixels).numpy()) for run in (first, second)]
    (row,) = read_table(tmp_path / "INFOS" / "ensemble_log.txt", ENSEMBLE_COLUMNS)
    assert row["runs"] == f"{first.name} {second.name}"
    accuracy = (np.mean(probabilities, axis=0).argmax(axis=1) == test.labels).mean()
    assert float(row["test_accuracy"]) == pytest.approx(accuracy, abs=2e-4)
    assert re.search(rf"^ *all +{float(row['test_accuracy']):.2%} .* ensemble of 2 runs *$", output, re.MULTILINE)

    before = (tmp_path / "INFOS" / "eval_log.txt").read_text()
    alone = script("MNIST_eval.py", "--ensemble", first.name, *folders(tmp_path))
    assert (alone.returncode, only_line(alone)) == (
        2,
        "Error: --ensemble needs at least two runs; name another, or train another",
    )
    spaced = Path(shutil.copytree(second.path, tmp_path / "runs" / "3 copy"))
    process = script("MNIST_eval.py", "--ensemble", *folders(tmp_path))
    assert process.returncode == 2
    assert only_line(process).startswith("Error: --ensemble: '3 copy' has a space in its name")
    shutil.rmtree(spaced)
    unlike = script("MNIST_eval.py", "--ensemble", first.name, second.name, "2_unfinished", *folders(tmp_path))
    assert (unlike.returncode, unlike.stderr.splitlines()[-1]) == (
        1,
        "Error: no ensemble was scored: it needs at least two runs, and every run that was named",
    )
    assert read_table(tmp_path / "INFOS" / "ensemble_log.txt", ENSEMBLE_COLUMNS) == [row]
    process = script("MNIST_eval.py", first.name, f"{first.path}/", *folders(tmp_path))
    assert process.returncode == 0
    assert second.name not in process.stdout
    assert (tmp_path / "INFOS" / "eval_log.txt").read_text() == before  # the other run keeps its row


@pytest.mark.parametrize(
    ("command", "status", "complaint"),
    [
        (["MNIST_train.py", "--presets", "99"], 2, f"preset 99 is unknown; known: {ranges_of(PRESETS)}"),
        (["MNIST_train.py", "--presets", "9-"], 2, "'9-' is not understood"),
        (["MNIST_train.py", "--presets", ""], 2, "no preset is chosen"),
        (["MNIST_train.py", "--presets", "9,8-10"], 2, "preset 9 is chosen twice"),
        (["MNIST_train.py", "--epochs", "0"], 2, "epochs=0 is not allowed"),
        (["MNIST_train.py", "--epochs", "many"], 2, "argument --epochs: invalid int value: 'many'"),
        (["MNIST_train.py", "--seed", "-1"], 2, "--seed=-1 is not allowed"),
        (["MNIST_train.py", "--prests", "9"], 2, "unrecognized arguments: --prests 9"),
        (["MNIST_train.py", "--runs-dir", "/proc/runs"], 2, "/proc/runs cannot be written"),
        (["MNIST_train.py", "--info-dir", "/proc/INFOS"], 2, "/proc/INFOS cannot be written"),
        (["MNIST_train.py", "--presets", "1,9", "--data-dir", "/proc/data"], 1, "cannot be written"),
        (["MNIST_train.py", "--data-dir", "/proc/data"], 1, "is missing or damaged and cannot be written"),
        (["MNIST_eval.py", "--runs-dir", "EMPTY"], 1, "holds no run; train one first: "),
        (["MNIST_eval.py", "--runs-dir", "missing"], 2, "runs folder missing cannot be read"),
        (["MNIST_eval.py", "no_such_run", "--runs-dir", "EMPTY"], 2, "there is no run 'no_such_run'"),
        (["tensorboard_run.py", "--runs-dir", "EMPTY"], 1, "holds no run; train one first: "),
        (["tensorboard_run.py", "--port", "99999"], 2, "--port=99999 is not allowed"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_use_is_told_in_one_line(script, tmp_path, command, status, complaint):
    (tmp_path / "empty").mkdir()
    command = [str(tmp_path / "empty") if each == "EMPTY" else each for each in command]
    scratch = [] if "--runs-dir" in command else ["--runs-dir", str(tmp_path / "runs")]
    if command[0] == "MNIST_train.py" and "--info-dir" not in command:
        scratch += ["--info-dir", str(tmp_path / "INFOS")]
    process = script(*command, *scratch)
    line = only_line(process)
    assert line.startswith("Error: ")
    assert complaint in line
    if "train one first" in complaint:
        assert line.endswith(f"MNIST_train.py --runs-dir {tmp_path / 'empty'}")
    assert process.returncode == status
    assert not list(tmp_path.glob("runs/*"))


def test_empty_list_in_the_script_is_refused(script, tmp_path):
    for name in ("MNIST_train.py", "hyperparameters.py"):
        shutil.copy(PROJECT / name, tmp_path)
    source = (tmp_path / "MNIST_train.py").read_text()
    assert re.findall(r"^presets = .*", source, re.M)
    (tmp_path / "MNIST_train.py").write_text(re.sub(r"^presets = .*", "presets = []", source, flags=re.M))
    process = script(tmp_path / "MNIST_train.py", PYTHONPATH=str(PROJECT))
    assert "no preset is chosen" in only_line(process)
    assert process.returncode == 2


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("presets = [half]", "name 'half' is not defined"),
        ("presets = [9-13]", 'for a range write text: presets = "9-13,31"'),
        ("presets = [1.0]", "preset 1.0 is no number of a preset"),
        ("presets = 31", "is not a list of preset numbers"),
    ],
)
def test_a_mistake_in_the_scripts_own_list_is_told_in_one_line(script, tmp_path, line, complaint):
    for name in ("MNIST_train.py", "hyperparameters.py"):
        shutil.copy(PROJECT / name, tmp_path)
    source = (tmp_path / "MNIST_train.py").read_text()
    (tmp_path / "MNIST_train.py").write_text(re.sub(r"^presets = .*", line, source, flags=re.M))
    process = script(tmp_path / "MNIST_train.py", PYTHONPATH=str(PROJECT))
    assert complaint in only_line(process)
    assert process.returncode == 2


def test_help_and_list_need_no_tensorflow(script):
    for option in ("--help", "--list"):
        check = f"import runpy, sys; sys.argv = ['MNIST_train.py', '{option}']\n"
        check += "try: runpy.run_path('MNIST_train.py', run_name='__main__')\nexcept SystemExit: pass\n"
        process = script("-c", check + "assert 'tensorflow' not in sys.modules")
        assert process.returncode == 0, process.stderr
    assert "18: dropout 0 -> 0.2" in process.stdout


def test_live_display_on_a_terminal(tmp_path):
    ours, theirs = pty.openpty()
    command = [sys.executable, "MNIST_train.py", "--presets", "1", "--epochs", "3", *folders(tmp_path)]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    process = subprocess.Popen(command, cwd=PROJECT, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    output = b""
    while True:
        try:
            output += os.read(ours, 65536)
        except OSError:  # the process has ended and closed its side
            break
    assert process.wait(timeout=60) == 0
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", output.decode())
    assert "Starting TensorFlow" in text
    assert "2/3" in text
    assert re.search(r"preset 1 +[━╸╺ ]*2/3 loss 0\.\d+  validation \d\d\.\d\d%  best \d\d\.\d\d%  \d+ s left", text)
    assert "left" in text
    assert b"\x1b[" in output
    assert "Preset 1: best validation accuracy" in text


@pytest.mark.parametrize("seconds", [0.5, 2.05])
def test_ctrl_c_at_the_start_ends_at_once_and_leaves_nothing(tmp_path, seconds):
    command = [sys.executable, "MNIST_train.py", "--presets", "1", *folders(tmp_path)]
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    started = runs_in(tmp_path) if (tmp_path / "runs").exists() else []
    told = NOTHING_TRAINED in output + errors or errors == "Interrupted.\n"  # while still importing
    assert told != bool(started)
    assert all(run.record.status == "interrupted" for run in started)


def test_ctrl_c_is_told_in_one_line_and_recorded(tmp_path):
    command = [sys.executable, "MNIST_train.py", "--presets", "1", *folders(tmp_path)]
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stdout:
        if "epoch  2/30" in line:
            process.send_signal(signal.SIGINT)
            break
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    (run,) = runs_in(tmp_path)
    assert errors.startswith(f"Interrupted; what was trained until then is in {tmp_path / 'runs'}. To go on: ")
    assert run.record.status == "interrupted"
    assert len(run.record.epochs) >= 2


def fetch(address: str, body: bytes | None = None):
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def test_tensorboard_shows_scalars_graph_hyperparameters_and_scores(evaluated, tensorboard):
    first, second = runs_in(evaluated)
    deadline = time.monotonic() + 60
    while len(fetch(f"{tensorboard}data/runs")) < 4 and time.monotonic() < deadline:
        time.sleep(0.5)
    names = {f"{run.name}/summaries/{split}" for run in (first, second) for split in ("train", "dev")}
    assert set(fetch(f"{tensorboard}data/runs")) == names
    scalars = fetch(f"{tensorboard}data/plugin/scalars/tags")
    for name in names:
        assert {"loss", "cross_entropy", "accuracy"} <= set(scalars[name])
    points = fetch(f"{tensorboard}data/plugin/scalars/scalars?run={second.name}/summaries/dev&tag=accuracy")
    recorded = [(each["epoch"], pytest.approx(each["validation"]["accuracy"])) for each in second.record.epochs]
    assert [(step, value) for _, step, value in points] == recorded
    assert fetch(f"{tensorboard}data/plugin/graphs/info")[f"{second.name}/summaries/train"]["run_graph"]

    body = {"experimentName": "", "allowedStatuses": ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_RUNNING"]}
    body |= {"colParams": [{"metric": {"tag": "best_accuracy", "group": ""}, "order": "ORDER_ASC"}], "sliceSize": 100}
    fetch(f"{tensorboard}data/plugin/hparams/experiment", json.dumps({"experimentName": ""}).encode())
    groups = fetch(f"{tensorboard}data/plugin/hparams/session_groups", json.dumps(body).encode())["sessionGroups"]
    assert {group["name"] for group in groups} == {first.name, second.name}
    eighth = next(group for group in groups if group["name"] == second.name)
    hyperparameters = eighth["hparams"]
    for name in ("preset", "seed", "batch_size", "epochs", "learning_rate", "weight_decay", "dropout", "weight_layers"):
        assert isinstance(hyperparameters[name], int | float), name
    assert hyperparameters["hidden_sizes"] == "200-200-200"
    assert hyperparameters["learning_rate"] == 0.01
    metrics = {metric["name"]["tag"]: metric["value"] for metric in eighth["metricValues"]}
    assert metrics["best_accuracy"] == pytest.approx(second.record.best_validation_accuracy)
    scores = {row["run"]: row["test_accuracy"] for row in read_table(evaluated / "INFOS/eval_log.txt", EVAL_COLUMNS)}
    assert metrics["test_accuracy"] == pytest.approx(float(scores[second.name]))
