"""Tests MNIST_eval.py --export: a SavedModel with the logits of the run's best network."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from mnist_mlp.data.dataset import MNIST
from mnist_mlp.evaluation.scoring import load_best_model
from mnist_mlp.libraries.quiet_tensorflow import tf
from mnist_mlp.runs.record import RunStatus
from tests.helpers import PROJECT, only_line, run_without_training, runs_in

PREPARED = "see docs/saved-models.md)"


@pytest.fixture
def exported(script, tmp_path):
    """Runs MNIST_eval.py with these options in tmp_path."""

    def export(*options: object, runs: Path | str = "runs"):
        return script(PROJECT / "MNIST_eval.py", *options, "--runs-dir", runs, cwd=tmp_path)

    return export


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        (dict(normalization="batch", standardize=True, dropout=0.5, input_dropout=0.5), "logits, [images, 10])"),
        pytest.param(
            dict(deskew=True),
            f"logits, [images, 10]. The images must be deskewed first: {PREPARED}",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            dict(upright_beside=True),
            f"Each image must be followed by its deskewed copy: {PREPARED}",
            marks=pytest.mark.slow,
        ),
    ],
    ids=["every layer", "deskewed", "two views"],
)
def test_saved_model_has_the_logits_of_the_best_network(exported, tmp_path, changes, note):
    run = run_without_training(tmp_path, **changes)
    process = exported(run.name, "--export", "new/out")
    assert (process.returncode, process.stderr) == (0, "")
    pixels = np.random.default_rng(0).random((50, MNIST.pixels * run.record.preset.views), np.float32)
    (line,) = process.stdout.splitlines()
    assert line.startswith(f"Exported {run.name} to new/out (input: pixels from 0 to 1, float32 [images, ")
    assert f"[images, {pixels.shape[1]}]" in line and line.endswith(note)
    saved = tf.saved_model.load(str(tmp_path / "new" / "out"))
    logits = load_best_model(run)(pixels, training=False).numpy()
    np.testing.assert_allclose(saved.serve(pixels), logits, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(served_logits(saved, pixels), logits, rtol=1e-6, atol=1e-6)
    names = sorted(path.name for path in (tmp_path / "new" / "out").iterdir())
    assert names == ["assets", "fingerprint.pb", "saved_model.pb", "variables"]
    assert not (tmp_path / "INFOS").exists()


def served_logits(saved, pixels: np.ndarray) -> np.ndarray:
    """Returns the logits of the signature that TensorFlow Serving uses."""
    (logits,) = saved.signatures["serving_default"](tf.constant(pixels)).values()
    return logits.numpy()


@pytest.mark.slow
def test_export_overwrites_nothing(exported, tmp_path):
    run = run_without_training(tmp_path)
    (tmp_path / "empty").mkdir()
    assert exported(run.name, "--export", "empty").returncode == 0
    before = {path: path.read_bytes() for path in (tmp_path / "empty").rglob("*") if path.is_file()}
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / ".mine").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for taken, message in (("empty", "is not empty"), ("hidden", "is not empty"), ("file", "File exists")):
        process = exported(run.name, "--export", taken)
        assert process.returncode == 2
        assert message in only_line(process)
    assert {path: path.read_bytes() for path in (tmp_path / "empty").rglob("*") if path.is_file()} == before
    assert (tmp_path / "file").read_text() == "mine"
    assert [path.name for path in (tmp_path / "hidden").iterdir()] == [".mine"]


def test_export_needs_one_valid_run(exported, tmp_path):
    good, unfinished = run_without_training(tmp_path), run_without_training(tmp_path)
    unfinished.record.status = RunStatus.INTERRUPTED
    unfinished.save_record()
    (tmp_path / "runs" / "no_run").mkdir()
    both = (good.name, unfinished.name)
    for named, status, message in (
        ((), 2, "name one run"),
        (both, 2, "name one run"),
        ((*both, "--ensemble"), 2, "leave out --ensemble"),
        (["missing"], 2, "does not exist"),
        ([unfinished.name], 1, f"{unfinished.name} cannot be exported: its status is interrupted, not finished"),
        (["no_run"], 1, "no_run cannot be exported: it does not contain a record.json"),
    ):
        process = exported(*named, "--export", "out")
        assert (process.returncode, process.stdout) == (status, ""), named
        assert message in only_line(process)
        assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


@pytest.mark.slow
def test_damaged_checkpoint_is_not_exported(exported, tmp_path):
    run = run_without_training(tmp_path)
    for path in (run.best_model, run.best_checkpoint):
        path.write_bytes(b"damaged")
    process = exported(run.name, "--export", "out")
    assert process.returncode == 1
    assert "are damaged (wrong checksum) or missing" in only_line(process)


@pytest.mark.slow
def test_export_to_full_disk_leaves_nothing(exported, trained, small_disk):
    run, disk = runs_in(trained)[0], small_disk("1m")
    (disk / "filler").write_bytes(bytes(shutil.disk_usage(disk).free - 100_000))
    process = exported(run.name, "--export", disk / "out", runs=trained / "runs")
    assert process.returncode == 1
    assert f"cannot write to {disk / 'out'} (No space left on device); free up disk space" in only_line(process)
    assert list((disk / "out").iterdir()) == []


def test_read_only_directory_is_reported(script, trained, tmp_path, unprivileged):
    (tmp_path / "sealed").mkdir(mode=0o555)
    process = script(
        *("MNIST_eval.py", runs_in(trained)[0].name, "--runs-dir", trained / "runs"),
        *("--export", tmp_path / "sealed" / "out"),
        before=unprivileged,
    )
    assert process.returncode == 2
    assert "Permission denied" in only_line(process)
