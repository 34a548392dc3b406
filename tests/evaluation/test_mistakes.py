"""Tests the pictures of predictions: the confusion matrix and the most confident mistakes."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from mnist_mlp.data.images import LabeledImages
from mnist_mlp.drawing.style import WIDTH, Picture
from mnist_mlp.evaluation.mistakes import confident_mistakes, confusion_matrix
from mnist_mlp.evaluation.predictions import TestPredictions

# 10 images; every pixel of image i has gray value 100 + i. Images 1, 4, 7 and 8 are misclassified.
TEST = LabeledImages(
    np.repeat(np.arange(100, 110, dtype=np.uint8), 784).reshape(10, 784), np.array([3, 3, 3, 8, 8, 8, 8, 8, 1, 0])
)
PREDICTED = [3, 5, 3, 8, 3, 8, 8, 3, 7, 0]


def predictions(predicted: list[int]) -> TestPredictions:
    confidence = np.array([0.9, 0.5, 0.9, 0.9, 0.99995, 0.9, 0.9, 0.7, 0.6, 0.9], np.float32)
    return TestPredictions(np.array(predicted, np.uint8), confidence, confidence)


def painted(picture: Picture) -> Figure:
    figure = Figure(figsize=(WIDTH, picture.height))
    picture.paint(figure)
    return figure


def test_confusion_matrix_has_true_classes_in_rows():
    picture = confusion_matrix(predictions(PREDICTED), TEST.labels, "Preset 1")
    (axes,) = painted(picture).axes
    counts = {text.get_position()[::-1]: text.get_text() for text in axes.texts}
    assert counts == {(0, 0): "1", (1, 7): "1", (3, 3): "2", (3, 5): "1", (8, 3): "2", (8, 8): "3"}
    assert axes.get_ylabel() == "true class"
    assert picture.headline == "Most common mistake: 8 classified as 3"
    assert picture.subtitle == "Preset 1.\n4 mistakes in 10 test images (off-diagonal cells)."


def test_mistakes_are_sorted_by_confidence_with_captions_above():
    picture = confident_mistakes(predictions(PREDICTED), TEST, "Preset 1")
    assert (picture.headline, picture.subtitle.splitlines()[0]) == ("Most confident mistakes", "Preset 1.")
    (axes,) = painted(picture).axes
    captions = [text.get_text() for text in axes.texts]
    assert captions == ["8 → 3\n> 99.99%", "8 → 3\n70.00%", "1 → 7\n60.00%", "3 → 5\n50.00%"]
    sheet = np.asarray(axes.images[0].get_array())
    for text, gray in zip(axes.texts, (104, 107, 108, 101), strict=True):
        rows, columns = np.nonzero(sheet == gray)
        assert len(rows) == 784
        x, y = text.get_position()
        assert x == pytest.approx(columns.mean(), abs=1)
        assert y <= rows.min()
    assert confident_mistakes(predictions(list(TEST.labels)), TEST, "Preset 1") is None


def test_confusion_matrix_without_mistakes():
    picture = confusion_matrix(predictions(list(TEST.labels)), TEST.labels, "Preset 1")
    assert picture.headline == "No test image is misclassified"
    assert picture.subtitle.endswith("0 mistakes in 10 test images (off-diagonal cells).")
    (axes,) = painted(picture).axes
    assert {text.get_position() for text in axes.texts} == {(digit, digit) for digit in (0, 1, 3, 8)}


def test_at_most_20_mistakes_are_shown():
    labels = np.zeros(30, int)
    many = LabeledImages(np.zeros((30, 784), np.uint8), labels)
    confidence = np.linspace(0.1, 0.9, 30, dtype=np.float32)
    wrong = TestPredictions(np.ones(30, np.uint8), confidence, confidence)
    (axes,) = painted(confident_mistakes(wrong, many, "Preset 1")).axes
    assert len(axes.texts) == 20
    assert axes.texts[0].get_text() == "0 → 1\n90.00%"
