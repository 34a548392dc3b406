"""Tests the TensorBoard events of an evaluation: test accuracy, confusion matrix and most confident mistakes."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mnist_mlp.data.dataset import DATA_SETS, MNIST
from mnist_mlp.data.images import LabeledImages
from mnist_mlp.evaluation.events import write_evaluation
from mnist_mlp.evaluation.predictions import TestPredictions
from mnist_mlp.presets.preset import Preset
from mnist_mlp.runs.record import InvalidRun, RunRecord
from mnist_mlp.runs.run_folder import RunFolder

# 10 images; every pixel of image i has gray value 100 + i. Images 1, 4, 7 and 8 are misclassified.
TEST = LabeledImages(
    np.repeat(np.arange(100, 110, dtype=np.uint8), 784).reshape(10, 784), np.array([3, 3, 3, 8, 8, 8, 8, 8, 1, 0])
)
PREDICTED = [3, 5, 3, 8, 3, 8, 8, 3, 7, 0]


def predictions(predicted: list[int]) -> TestPredictions:
    confidence = np.array([0.9, 0.5, 0.9, 0.9, 0.99995, 0.9, 0.9, 0.7, 0.6, 0.9], np.float32)
    return TestPredictions(np.array(predicted, np.uint8), confidence, confidence)


def test_new_evaluation_replaces_old_and_keeps_training_events(tmp_path):
    run = RunFolder.create(tmp_path, 1795499575, RunRecord(preset_number=1, preset=Preset(), seed=1602))
    run.record.best_epoch = 7
    folder = run.summaries / "dev"
    folder.mkdir(parents=True)
    (folder / "events.out.tfevents.1795499575.host.1.0.v2").touch()
    write_evaluation(run, predictions(list(TEST.labels)), TEST)
    write_evaluation(run, predictions(PREDICTED), TEST)
    assert len(list(folder.iterdir())) == 2
    assert (folder / "events.out.tfevents.1795499575.host.1.0.v2").stat().st_size == 0
    events = EventAccumulator(str(folder))
    events.Reload()
    assert [(point.step, round(point.value, 6)) for point in events.Scalars("test_accuracy")] == [(7, 0.6)]
    for tag in ("test_confusion_matrix", "test_mistakes"):
        (event,) = events.Images(tag)
        picture = Image.open(io.BytesIO(event.encoded_image_string))
        assert (event.step, event.width, event.height) == (7, *picture.size)
        assert picture.width > 500
        assert np.asarray(picture.convert("L")).std() > 10


def test_evaluation_supports_26_classes(tmp_path, monkeypatch):
    images = dataclasses.replace(MNIST.test_images_file, shape=(10, 28, 28))
    letters = dataclasses.replace(MNIST, name="letters", classes=26, test_images_file=images)
    monkeypatch.setitem(DATA_SETS, "letters", letters)
    run = RunFolder.create(tmp_path, 1795499575, RunRecord(1, Preset(), seed=1602, data_set="letters"))
    found, test = predictions([3, 5, 3, 8, 25, 8, 8, 3, 7, 0]), LabeledImages(TEST.pixels, TEST.labels + 16)
    write_evaluation(run, found, test)
    events = EventAccumulator(str(run.summaries / "dev"))
    events.Reload()
    assert len(events.Images("test_confusion_matrix")) == 1
    found.save(run.path)
    assert TestPredictions.load(run.path, letters).predicted[4] == 25
    with pytest.raises(InvalidRun, match="classes that digits does not have"):
        TestPredictions.load(run.path, dataclasses.replace(letters, name="digits", classes=10))


def test_summaries_outside_run_directory_are_rejected(tmp_path):
    run = RunFolder.create(tmp_path / "runs", 1795499575, RunRecord(preset_number=1, preset=Preset(), seed=1602))
    (tmp_path / "elsewhere").mkdir()
    run.summaries.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InvalidRun, match="its summaries/dev is outside the run directory"):
        write_evaluation(run, predictions(PREDICTED), TEST)
    assert list((tmp_path / "elsewhere").iterdir()) == []
