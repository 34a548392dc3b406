"""Pictures of a network's predictions for the test images: its confusion matrix and its most confident mistakes."""

from __future__ import annotations

from math import isqrt

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mnist_mlp.data.dataset import MNIST
from mnist_mlp.data.images import LabeledImages
from mnist_mlp.drawing.style import TOP, WIDTH, Picture, title
from mnist_mlp.evaluation.predictions import TestPredictions

MISTAKES_SHOWN = 20
COLUMNS = 5
ROOM_ABOVE, ROOM_BESIDE = 20, 14  # pixels of a cell that the image leaves for its words
NEARLY_CERTAIN = 0.9999


def confusion_matrix(
    predictions: TestPredictions, labels: np.ndarray, network: str, classes: int = MNIST.classes
) -> Picture:
    """Returns a picture of how often each class was taken for each.

    Args:
        labels: int [images].
        network: says which network it is.
        classes: of the data set.
    """
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (labels, predictions.predicted), 1)
    wrong = counts - np.diag(np.diag(counts))
    digit, taken_for = np.unravel_index(wrong.argmax(), wrong.shape)
    headline = "No test image is mistaken"
    if wrong.any():
        headline = f"Most often, {_with_article(digit)} is taken for {_with_article(taken_for)}"
    subtitle = f"{network}.\n{wrong.sum():,} mistakes in {len(labels):,} test images; the diagonal is correct."

    def paint(figure: Figure) -> None:
        title(figure, headline, subtitle)
        height = figure.get_figheight()
        axes = figure.add_axes((0.12, 0.6 / height, 0.85, 1 - (TOP + 0.6) / height))
        axes.imshow(wrong, cmap="Blues", vmin=0, vmax=max(1, wrong.max()) * 1.3, aspect="auto")
        for correct in range(classes):
            axes.add_patch(Rectangle((correct - 0.5, correct - 0.5), 1, 1, facecolor="#EEEEEE", edgecolor="none"))
        for row, column in np.argwhere(counts):
            color = "white" if wrong[row, column] > 0.75 * wrong.max() else "black"
            axes.text(column, row, f"{counts[row, column]}", ha="center", va="center", color=color, fontsize=10)
        axes.set_xticks(range(classes))
        axes.set_yticks(range(classes))
        axes.grid(False)
        axes.set_xlabel("what the network says")
        axes.set_ylabel("what it is")

    return Picture(6.0, paint)


def _with_article(digit: int) -> str:
    return f"an {digit}" if digit == 8 else f"a {digit}"


def confident_mistakes(predictions: TestPredictions, test: LabeledImages, network: str) -> Picture | None:
    """Returns a picture of the mistakes with the highest confidence; None if there are no mistakes.

    Args:
        network: says which network it is.
    """
    wrong = np.flatnonzero(predictions.predicted != test.labels)
    chosen = wrong[np.argsort(-predictions.confidence[wrong], kind="stable")][:MISTAKES_SHOWN]
    if not len(chosen):
        return None
    side = isqrt(test.pixels.shape[1])
    rows, height, width = -(-len(chosen) // COLUMNS), side + ROOM_ABOVE, side + ROOM_BESIDE
    subtitle = f"{network}. Above each: what it is,\nwhat the network says, and its confidence."

    def paint(figure: Figure) -> None:
        title(figure, "The most confident mistakes", subtitle)
        axes = figure.add_axes((0, 0, 1, 1 - TOP / figure.get_figheight()), anchor="N")
        axes.set_axis_off()
        sheet = np.zeros((rows * height, COLUMNS * width), np.uint8)  # one picture is drawn faster than twenty
        for cell, image in enumerate(chosen):
            top = cell // COLUMNS * height + ROOM_ABOVE
            left = cell % COLUMNS * width + ROOM_BESIDE // 2
            sheet[top : top + side, left : left + side] = test.pixels[image].reshape(side, side)
            words = f"{test.labels[image]}, says {predictions.predicted[image]}\n{_confidence(predictions, image)}"
            axes.text(left + side / 2, top - 1, words, fontsize=10, ha="center", va="bottom", linespacing=1.2)
        axes.imshow(sheet, cmap="Greys", vmin=0, vmax=255)

    return Picture(TOP + 0.1 + WIDTH * rows * height / (COLUMNS * width), paint)


def _confidence(predictions: TestPredictions, image: int) -> str:
    confidence = float(predictions.confidence[image])
    return f"> {NEARLY_CERTAIN:.2%}" if confidence > NEARLY_CERTAIN else f"{confidence:.2%}"
