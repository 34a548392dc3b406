"""What evaluation adds to TensorBoard: a score, a confusion matrix, a gallery of mistakes."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mnist_mlp.data.images import LabeledImages
from mnist_mlp.drawing.style import Picture
from mnist_mlp.evaluation.events import write_evaluation
from mnist_mlp.evaluation.mistakes import confident_mistakes, confusion_matrix
from mnist_mlp.evaluation.predictions import TestPredictions
from mnist_mlp.presets.preset import Preset
from mnist_mlp.runs.record import InvalidRun, RunRecord
from mnist_mlp.runs.run_folder import RunFolder

# Ten images, image i all of gray 100 + i, four of them mistaken: the 2nd, 5th, 8th and 9th.
TEST = LabeledImages(
    np.repeat(np.arange(100, 110, dtype=np.uint8), 784).reshape(10, 784), np.array([3, 3, 3, 8, 8, 8, 8, 8, 1, 0])
)
PREDICTED = [3, 5, 3, 8, 3, 8, 8, 3, 7, 0]


def predictions(predicted: list[int]) -> TestPredictions:
    confidence = np.array([0.9, 0.5, 0.9, 0.9, 0.99995, 0.9, 0.9, 0.7, 0.6, 0.9], np.float32)
    return TestPredictions(np.array(predicted, np.uint8), confidence, confidence)


def painted(picture: Picture) -> Figure:
    figure = Figure(figsize=(5.8, picture.height))
    picture.paint(figure)
    return figure


def test_confusion_matrix_has_what_is_in_rows_and_what_is_said_in_columns():
    figure = painted(confusion_matrix(predictions(PREDICTED), TEST.labels, "Preset 1"))
    (axes,) = figure.axes
    counts = {text.get_position()[::-1]: text.get_text() for text in axes.texts}
    assert counts == {(0, 0): "1", (1, 7): "1", (3, 3): "2", (3, 5): "1", (8, 3): "2", (8, 8): "3"}
    assert axes.get_ylabel() == "what it is"
    headline, subtitle = (text.get_text() for text in figure.texts)
    assert headline == "Most often, an 8 is taken for a 3"
    assert subtitle == "Preset 1.\n4 mistakes in 10 test images; the diagonal is correct."


def test_mistakes_are_shown_from_the_surest_on_each_below_its_words():
    figure = painted(confident_mistakes(predictions(PREDICTED), TEST, "Preset 1"))
    (axes,) = figure.axes
    said = [text.get_text() for text in axes.texts]
    assert said == ["8, says 3\n> 99.99%", "8, says 3\n70.00%", "1, says 7\n60.00%", "3, says 5\n50.00%"]
    sheet = np.asarray(axes.images[0].get_array())
    for text, gray in zip(axes.texts, (104, 107, 108, 101), strict=True):
        rows, columns = np.nonzero(sheet == gray)
        assert len(rows) == 784
        x, y = text.get_position()
        assert x == pytest.approx(columns.mean(), abs=1)
        assert y <= rows.min()
    assert confident_mistakes(predictions(list(TEST.labels)), TEST, "Preset 1") is None


def test_a_second_evaluation_replaces_the_first_and_leaves_the_training_s_events_alone(tmp_path):
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


def test_summaries_that_lead_out_of_the_run_are_not_written(tmp_path):
    run = RunFolder.create(tmp_path / "runs", 1795499575, RunRecord(preset_number=1, preset=Preset(), seed=1602))
    (tmp_path / "elsewhere").mkdir()
    run.summaries.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InvalidRun, match="its summaries/dev lies outside its folder"):
        write_evaluation(run, predictions(PREDICTED), TEST)
    assert list((tmp_path / "elsewhere").iterdir()) == []
