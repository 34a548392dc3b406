"""Tests which runs are scored, and what is computed from stored logits."""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from mnist_mlp.data.deskewing import as_seen_by
from mnist_mlp.data.loading import load_test_data
from mnist_mlp.disk.files import sha256_of
from mnist_mlp.evaluation.evaluate import Evaluation, evaluate
from mnist_mlp.evaluation.predictions import TestPredictions, score
from mnist_mlp.evaluation.scoring import load_best_model, logits_of
from mnist_mlp.runs.run_folder import find_runs
from tests.helpers import PROJECT, flip_a_byte, run_without_training, runs_in

DATA = PROJECT / "MNIST_data"
USED = "Used stored predictions for the unchanged runs: "


@pytest.fixture(scope="module")
def test_images():
    return load_test_data(DATA)


def evaluated(folder: Path, **options) -> tuple[Evaluation, list[str]]:
    """Evaluates the runs in runs/. Also returns the printed lines."""
    lines = []
    found = find_runs(folder / "runs")
    return evaluate(found, DATA, folder, only_these=False, say=lines.append, **options), lines


def logits_without_sharing(run, images):
    """Returns the logits of a network that is built for this run only."""
    return logits_of(load_best_model(run), as_seen_by(run.record.preset, images))


@pytest.fixture(scope="module")
def pretended(tmp_path_factory, test_images):
    """An evaluated run whose stored logits are replaced by others, so that the score shows whether they are used."""
    folder = tmp_path_factory.mktemp("pretended")
    run = run_without_training(folder)
    evaluated(folder)
    save_as(run, always(7), test_images.labels)
    return folder


def always(digit):
    """Returns the logits of a network that has the same answer for every image."""
    return np.tile(np.eye(10, dtype=np.float32)[digit], (10_000, 1))


def save_as(run, network, labels, **arrays):
    """Stores other logits with the predictions that belong to them, as if they came from the run's network.

    Args:
        network: the logits.
        arrays: other values of stored arrays.
    """
    with np.load(stored(run)) as file:
        arrays = {"logits": network, "source": file["source"], **arrays}
    TestPredictions.from_logits(network, labels).save(run.path, **arrays)


def stored(run):
    return run.path / "test_predictions.npz"


def with_other_checkpoint(run, labels):
    other = run_without_training(run.path.parent.parent / "other", seed=4)
    shutil.copy(other.best_checkpoint, run.best_checkpoint)
    run.record.best_checkpoint_sha256 = other.record.best_checkpoint_sha256
    run.save_record()


def with_other_preset(run, labels):
    run.record.preset = run.record.preset.but(activation="tanh")
    run.save_record()


def with_other_source(old, new):
    def change(run, labels):
        with np.load(stored(run)) as file:
            source = str(file["source"])
        assert old in source
        save_as(run, always(7), labels, source=np.array(source.replace(old, new)))

    return change


def without_events(run, labels):
    (events,) = run.summaries.glob("dev/*.evaluation")
    events.unlink()


CHANGES = {
    "other checkpoint": with_other_checkpoint,
    "other preset": with_other_preset,
    "other test images": with_other_source('"test_images_sha256": "0fa', '"test_images_sha256": "1fa'),
    "other test labels": with_other_source('"test_labels_sha256": "ff', '"test_labels_sha256": "0f'),
    "other format": with_other_source('"format": 1', '"format": 0'),
    "written by an older version": lambda run, labels: TestPredictions.from_logits(always(7), labels).save(run.path),
    "no file": lambda run, labels: stored(run).unlink(),
    "empty": lambda run, labels: stored(run).write_bytes(b""),
    "cut": lambda run, labels: stored(run).write_bytes(stored(run).read_bytes()[:-100]),
    "damaged": lambda run, labels: flip_a_byte(stored(run)),
    "other predictions": lambda run, labels: save_as(run, always(7), labels, logits=always(8)),
    "fewer logits": lambda run, labels: save_as(run, always(7), labels, logits=always(7)[1:]),
    "fewer classes": lambda run, labels: save_as(run, always(7), labels, logits=always(7)[:, :9]),
    "other numbers": lambda run, labels: save_as(run, always(7), labels, logits=always(7).astype(np.float64)),
    "pickled source": lambda run, labels: save_as(run, always(7), labels, source=np.array([print])),
    "no events": without_events,
}


def test_unchanged_run_is_not_scored(pretended, test_images):
    evaluation, lines = evaluated(pretended)
    assert lines == [f"{USED}1 of 1"]
    (scored,) = evaluation.scored
    assert scored.score.correct == (test_images.labels == 7).sum()


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changed_run_is_scored(pretended, tmp_path, test_images, change):
    shutil.copytree(pretended / "runs", tmp_path / "runs")
    change(runs_in(tmp_path)[0], test_images.labels)
    (run,) = runs_in(tmp_path)
    expected = score(logits_without_sharing(run, test_images), test_images.labels)[0]
    assert [scored.score for scored in evaluated(tmp_path)[0].scored] == [expected]
    evaluation, lines = evaluated(tmp_path)  # now its predictions are stored
    assert ([scored.score for scored in evaluation.scored], lines) == ([expected], [f"{USED}1 of 1"])


def test_all_runs_can_be_scored_again(pretended, tmp_path, test_images):
    shutil.copytree(pretended / "runs", tmp_path / "runs")
    (run,) = runs_in(tmp_path)
    (earlier,) = run.summaries.glob("dev/*.evaluation")
    evaluation, lines = evaluated(tmp_path, again=True)
    assert lines == []
    assert evaluation.scored[0].score == score(logits_without_sharing(run, test_images), test_images.labels)[0]
    (events,) = run.summaries.glob("dev/*.evaluation")
    assert events.name != earlier.name


NETWORKS = (
    *(dict(), dict(dropout=0.5), dict(dropout=0.2, weight_init="he"), dict(deskew=True), dict(normalization="layer")),
    *(
        dict(normalization="batch", standardize=True, input_dropout=0.5),
        dict(normalization="batch", upright_beside=True),
    ),
)


def test_shared_network_has_the_logits_of_each_run(tmp_path, test_images):
    runs = [run_without_training(tmp_path, seed, **changes) for seed in (3, 4) for changes in NETWORKS]
    evaluation, _ = evaluated(tmp_path, ensemble=True)
    assert [scored.run.name for scored in evaluation.scored] == sorted(run.name for run in runs)
    mean = np.zeros((10_000, 10))
    for run in runs:
        expected = logits_without_sharing(run, test_images)
        with np.load(stored(run)) as file:
            np.testing.assert_array_equal(file["logits"], expected)
        mean += np.exp(expected) / np.exp(expected).sum(axis=1, keepdims=True)
    assert evaluation.ensemble.accuracy == pytest.approx((mean.argmax(axis=1) == test_images.labels).mean(), abs=2e-4)
    again, lines = evaluated(tmp_path, ensemble=True)
    assert lines == [f"{USED}{len(runs)} of {len(runs)}"]
    assert again.ensemble == evaluation.ensemble
    assert [scored.score for scored in again.scored] == [scored.score for scored in evaluation.scored]


@pytest.mark.parametrize("missing", ["layers/dense/vars/0", "layers/dense/vars", "layers/dense_1", "layers"])
def test_checkpoint_without_a_layer_does_not_get_the_weights_of_another_run(tmp_path, missing):
    whole, damaged = run_without_training(tmp_path), run_without_training(tmp_path, seed=4)
    content = io.BytesIO()
    with zipfile.ZipFile(damaged.best_checkpoint) as source, zipfile.ZipFile(content, "w") as target:
        for name in source.namelist():
            data = io.BytesIO(source.read(name))
            if name.endswith(".h5"):
                with h5py.File(data, "r+") as file:
                    del file[missing]
            target.writestr(name, data.getvalue())
    damaged.best_checkpoint.write_bytes(content.getvalue())
    damaged.record.best_checkpoint_sha256 = sha256_of(content.getvalue())
    damaged.save_record()
    evaluation, lines = evaluated(tmp_path)
    assert [scored.run.name for scored in evaluation.scored] == [whole.name]
    assert [line.partition(": ")[0] for line in lines] == [f"Skipped {damaged.name}"]
    assert not stored(damaged).exists()
