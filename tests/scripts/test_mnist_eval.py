"""Tests MNIST_eval.py in a separate process, with real runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mnist_mlp.data.loading import load_test_data
from mnist_mlp.evaluation.predictions import TestPredictions, softmax
from mnist_mlp.evaluation.score_tables import ENSEMBLE_COLUMNS, EVAL_COLUMNS
from mnist_mlp.runs.record import RunStatus
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.runs.text_table import read_table
from tests.helpers import (
    PROJECT,
    MadeOnce,
    Script,
    flip_a_byte,
    folders,
    only_line,
    project_with,
    run_without_training,
    runs_in,
)


def test_best_model_loads_in_plain_keras(trained, tmp_path, data):
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
    assert accuracy == pytest.approx(
        run.record.best_validation_accuracy, abs=2 / 5000
    )  # the model is from the best epoch


@pytest.mark.slow
def test_evaluation_preprocesses_images_as_in_training(tmp_path, script):
    deskew_preset, two_views_preset = 191, 192
    lines = (
        f"PRESETS[{deskew_preset}] = PRESETS[1].but(deskew=True)",
        f"PRESETS[{two_views_preset}] = PRESETS[1].but(upright_beside=True)",
    )
    training = script(
        *("MNIST_train.py", "--presets", f"{deskew_preset},{two_views_preset}"),
        *("--epochs", 1, "--workers", 1, "--quiet", *folders(tmp_path)),
        cwd=project_with(tmp_path / "project", "\n".join(lines)),
    )
    assert training.returncode == 0, training.stderr
    assert script("MNIST_eval.py", "--ensemble", *folders(tmp_path)).returncode == 0

    from mnist_mlp.data.deskewing import deskewed
    from mnist_mlp.evaluation.scoring import load_best_model

    test = load_test_data(PROJECT / "MNIST_data")
    original, upright = test.pixels, deskewed(test).pixels
    both, swapped = (np.concatenate(pair, axis=1) for pair in ((original, upright), (upright, original)))
    seen_and_other = {deskew_preset: (upright, original), two_views_preset: (both, swapped)}
    scores = {
        row["run"]: float(row["test_accuracy"]) for row in read_table(tmp_path / "INFOS" / "eval_log.txt", EVAL_COLUMNS)
    }
    ensemble = np.zeros((10_000, 10))
    for run in runs_in(tmp_path):
        network, shown = load_best_model(run), seen_and_other[run.record.preset_number]
        logits = [network(pixels / np.float32(255)).numpy() for pixels in shown]
        accuracy, other_accuracy = ((item.argmax(axis=1) == test.labels).mean() for item in logits)
        assert scores[run.name] == pytest.approx(accuracy, abs=2e-4)
        assert accuracy > other_accuracy + 0.002
        ensemble += softmax(logits[0])
    (row,) = read_table(tmp_path / "INFOS" / "ensemble_log.txt", ENSEMBLE_COLUMNS)
    assert float(row["test_accuracy"]) == pytest.approx((ensemble.argmax(axis=1) == test.labels).mean(), abs=2e-4)


@pytest.fixture(scope="session")
def scored(trained: Path, made_once: MadeOnce, script: Script) -> Path:
    """Valid, damaged, unfinished and foreign runs after MNIST_eval.py --ensemble, and the output of that script."""

    def score(folder: Path) -> None:
        runs = Path(shutil.copytree(trained / "runs", folder / "runs"))
        second = runs_in(folder)[1]
        (runs / "empty").mkdir()
        (runs / "zz[red]notes").write_text("mine")
        (runs / "loop").symlink_to(runs / "loop")
        (runs / "foreign").mkdir()
        (runs / "foreign" / "record.json").write_text('{"project": "another", "epochs": 90}')
        damaged = shutil.copytree(second.path, runs / "1_damaged")
        for copy in (second.record.best_checkpoint, "best_model.keras"):
            flip_a_byte(damaged / copy)  # HDF5 loads it without an error
        flip_a_byte(second.path / second.record.best_checkpoint)  # its copy best_model.keras is intact
        unfinished = RunFolder.open(Path(shutil.copytree(second.path, runs / "2_unfinished")))
        unfinished.record.status = RunStatus.RUNNING
        unfinished.save_record()
        process = script("MNIST_eval.py", "--ensemble", *folders(folder))
        assert process.returncode == 0, process.stderr
        (folder / "stdout").write_text(process.stdout)
        (folder / "stderr").write_text(process.stderr)

    return made_once("scored", score)


def valid_runs(folder: Path) -> list[RunFolder]:
    return [RunFolder.open(path) for path in sorted((folder / "runs").glob("*_preset*"))]


@pytest.fixture
def copy_of_scored(scored: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(scored, tmp_path / "copy", symlinks=True))


def test_skipped_runs_are_listed_with_reasons(scored):
    output, errors = (scored / "stdout").read_text(), (scored / "stderr").read_text()
    second = valid_runs(scored)[1]
    assert errors == f"Warning: {second.best_checkpoint} is damaged; using its copy best_model.keras\n"
    assert "Skipped empty: it does not contain a record.json" in output
    assert "Skipped zz[red]notes: it is not a directory" in output
    assert "Skipped loop: it is not a directory" in output
    assert "Skipped foreign: its record.json is damaged (KeyError)" in output
    assert "Skipped 2_unfinished: its status is running, not finished" in output
    assert f"Skipped 1_damaged: its {second.record.best_checkpoint} and best_model.keras are damaged" in output


def test_table_and_eval_log_show_test_accuracy_of_every_run(scored):
    output = (scored / "stdout").read_text()
    runs = {run.name: run for run in valid_runs(scored)}
    rows = read_table(scored / "INFOS" / "eval_log.txt", EVAL_COLUMNS)
    assert [row["run"] for row in rows] == list(runs)
    test = load_test_data(PROJECT / "MNIST_data")
    for row in rows:
        predicted = TestPredictions.load(runs[row["run"]].path).predicted
        accuracy = (predicted == test.labels).mean()
        assert float(row["test_accuracy"]) == pytest.approx(accuracy)
        assert f"{accuracy:.2%}" in output
    table = [line for line in output.splitlines() if line.endswith(tuple(runs))]
    accuracies = [float(re.findall(r"(\d+\.\d+)%", line)[0]) for line in table]
    assert accuracies == sorted(accuracies, reverse=True)
    for line, accuracy in zip(table, accuracies, strict=True):
        low, high = map(float, re.search(r"(\d+\.\d+) to (\d+\.\d+) ", line).groups())
        assert low < accuracy < high


def test_ensemble_averages_probabilities(scored):
    from mnist_mlp.evaluation.scoring import load_best_model

    runs = valid_runs(scored)
    test = load_test_data(PROJECT / "MNIST_data")
    pixels = test.pixels / np.float32(255)
    probabilities = [softmax(load_best_model(run)(pixels).numpy()) for run in runs]
    (row,) = read_table(scored / "INFOS" / "ensemble_log.txt", ENSEMBLE_COLUMNS)
    assert row["runs"] == " ".join(run.name for run in runs)
    accuracy = (np.mean(probabilities, axis=0).argmax(axis=1) == test.labels).mean()
    assert float(row["test_accuracy"]) == pytest.approx(accuracy, abs=2e-4)
    shown = rf"^ *all +{float(row['test_accuracy']):.2%} .* ensemble of 2 runs *$"
    assert re.search(shown, (scored / "stdout").read_text(), re.MULTILINE)


def test_invalid_ensembles_are_rejected(copy_of_scored, script):
    folder = copy_of_scored
    first, second = valid_runs(folder)
    process = script("MNIST_eval.py", "--ensemble", first.name, *folders(folder))
    assert process.returncode == 2
    assert only_line(process) == "Error: --ensemble needs at least two runs; name or train another one"
    process = script("MNIST_eval.py", "--ensemble", first.name, second.name, "2_unfinished", *folders(folder))
    assert process.returncode == 1
    message = "Error: ensemble not evaluated: it needs at least two runs, and none of the named runs may be skipped"
    assert process.stderr.splitlines()[-1] == message
    shutil.copytree(second.path, folder / "runs" / "3 copy")
    process = script("MNIST_eval.py", "--ensemble", *folders(folder))
    assert process.returncode == 2
    assert only_line(process).startswith("Error: --ensemble: run name '3 copy' contains a space")
    assert len(read_table(folder / "INFOS" / "ensemble_log.txt", ENSEMBLE_COLUMNS)) == 1


def test_rows_of_other_runs_are_kept(copy_of_scored, script):
    first, second = valid_runs(copy_of_scored)
    before = (copy_of_scored / "INFOS" / "eval_log.txt").read_text()
    process = script("MNIST_eval.py", first.name, f"{first.path}/", *folders(copy_of_scored))
    assert process.returncode == 0
    assert second.name not in process.stdout
    assert (copy_of_scored / "INFOS" / "eval_log.txt").read_text() == before


@pytest.fixture
def no_tensorflow(tmp_path: Path) -> dict[str, str]:
    """An environment in which TensorFlow, Keras, and matplotlib cannot be imported."""
    for name in ("tensorflow", "keras", "matplotlib"):
        (tmp_path / f"{name}.py").write_text("raise AssertionError")
    return {"PYTHONPATH": str(tmp_path)}


def files_of(folder: Path) -> dict[Path, tuple[int, bytes]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def test_unchanged_runs_need_no_tensorflow(copy_of_scored, script, no_tensorflow):
    folder = copy_of_scored
    output, tables = (folder / "stdout").read_text(), files_of(folder / "INFOS")
    before = files_of(folder / "runs")
    process = script("MNIST_eval.py", "--ensemble", *folders(folder), **no_tensorflow)
    assert process.returncode == 0, process.stderr
    assert process.stderr.startswith("Warning: ")  # a damaged checkpoint is still noticed
    used = "Used stored predictions for the unchanged runs: 2 of 2\n"
    assert used in process.stdout
    shown = [sorted(text.partition("\nThe scores are in ")[0].splitlines()) for text in (process.stdout, output)]
    assert shown[0] == sorted([*shown[1], used.strip()])
    assert {path: content for path, (_, content) in files_of(folder / "INFOS").items()} == {
        path: content for path, (_, content) in tables.items()
    }
    assert files_of(folder / "runs") == before


def test_all_scores_unchanged_runs_too(copy_of_scored, script, no_tensorflow):
    first, second = valid_runs(copy_of_scored)
    for options in (["--all"], ["--all", first.name]):
        process = script("MNIST_eval.py", *options, *folders(copy_of_scored), **no_tensorflow)
        assert "AssertionError" in process.stderr
    before = {run.name: (run.path / "test_predictions.npz").stat().st_mtime_ns for run in (first, second)}
    process = script("MNIST_eval.py", "--all", first.name, *folders(copy_of_scored))
    assert process.returncode == 0, process.stderr
    assert "stored predictions" not in process.stdout
    after = {run.name: (run.path / "test_predictions.npz").stat().st_mtime_ns for run in (first, second)}
    assert [name for name in before if after[name] != before[name]] == [first.name]


def test_table_of_several_seeds_is_the_same_with_stored_predictions(tmp_path, script, no_tensorflow):
    for seed in (3, 4, 5):
        run_without_training(tmp_path, seed)
    for number, run in enumerate(runs_in(tmp_path)):
        run.record.seed = number
        run.save_record()
    first = script("MNIST_eval.py", *folders(tmp_path))
    again = script("MNIST_eval.py", *folders(tmp_path), **no_tensorflow)
    assert (first.returncode, again.returncode, again.stderr) == (0, 0, "")
    assert "Presets with several seeds (the intervals are over seeds):" in first.stdout
    assert again.stdout == "Used stored predictions for the unchanged runs: 3 of 3\n" + first.stdout
