"""Draws a network's predictions for the test images: the confusion matrix and the most confident mistakes."""

from __future__ import annotations

from math import isqrt

import mnist_mlp.libraries.quiet_matplotlib  # noqa: F401 - before matplotlib

# isort: split
import numpy as np
from matplotlib.figure import SubFigure
from matplotlib.patches import Rectangle

from mnist_mlp.data.dataset import MNIST
from mnist_mlp.data.images import LabeledImages
from mnist_mlp.drawing.style import SMALL, WIDTH, Picture
from mnist_mlp.evaluation.predictions import TestPredictions

MISTAKES_SHOWN = 20
COLUMNS = 5
SQUARE = 4.2  # height of the confusion matrix, in inches
MARGIN_TOP, MARGIN_SIDES = 22, 18  # pixels per cell for the caption and for the gaps on both sides
NEARLY_CERTAIN = 0.9999


def confusion_matrix(
    predictions: TestPredictions, labels: np.ndarray, network: str, classes: int = MNIST.classes
) -> Picture:
    """Returns a picture of the confusion matrix: one row per true class, one column per predicted class.

    Args:
        labels: the true classes, int [images].
        network: name of the network, for the subtitle.
        classes: number of classes.
    """
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (labels, predictions.predicted), 1)
    wrong = counts - np.diag(np.diag(counts))
    true_class, predicted_class = np.unravel_index(wrong.argmax(), wrong.shape)
    headline = "No test image is misclassified"
    if wrong.any():
        headline = f"Most common mistake: {true_class} classified as {predicted_class}"
    subtitle = f"{network}.\n{wrong.sum():,} mistakes in {len(labels):,} test images (off-diagonal cells)."

    def paint(figure: SubFigure) -> None:
        axes = figure.add_axes((0.13, 0.55 / SQUARE, 0.84, 1 - 0.55 / SQUARE))
        axes.imshow(wrong, cmap="Blues", vmin=0, vmax=max(1, wrong.max()) * 1.3, aspect="auto")
        for correct in range(classes):
            axes.add_patch(Rectangle((correct - 0.5, correct - 0.5), 1, 1, facecolor="#EEEEEE", edgecolor="none"))
        for row, column in np.argwhere(counts):
            color = "white" if wrong[row, column] > 0.75 * wrong.max() else "black"
            axes.text(column, row, f"{counts[row, column]}", ha="center", va="center", color=color, fontsize=SMALL)
        axes.set_xticks(range(classes))
        axes.set_yticks(range(classes))
        axes.grid(False)
        axes.set_xlabel("predicted class")
        axes.set_ylabel("true class")

    return Picture(headline, subtitle, SQUARE, paint)


def confident_mistakes(predictions: TestPredictions, test: LabeledImages, network: str) -> Picture | None:
    """Returns a picture of the mistakes with the highest confidence; None if there are no mistakes.

    Args:
        network: name of the network, for the subtitle.
    """
    wrong = np.flatnonzero(predictions.predicted != test.labels)
    chosen = wrong[np.argsort(-predictions.confidence[wrong], kind="stable")][:MISTAKES_SHOWN]
    if not len(chosen):
        return None
    side = isqrt(test.pixels.shape[1])
    rows, height, width = -(-len(chosen) // COLUMNS), side + MARGIN_TOP, side + MARGIN_SIDES
    subtitle = f"{network}.\nAbove each image: true → predicted class, confidence."

    def paint(figure: SubFigure) -> None:
        axes = figure.add_axes((0, 0, 1, 1), anchor="N")
        axes.set_axis_off()
        sheet = np.zeros((rows * height, COLUMNS * width), np.uint8)  # faster than drawing 20 images
        for cell, image in enumerate(chosen):
            top = cell // COLUMNS * height + MARGIN_TOP
            left = cell % COLUMNS * width + MARGIN_SIDES // 2
            sheet[top : top + side, left : left + side] = test.pixels[image].reshape(side, side)
            text = f"{test.labels[image]} → {predictions.predicted[image]}\n{_confidence(predictions, image)}"
            axes.text(left + side / 2, top - 1, text, fontsize=SMALL, ha="center", va="bottom", linespacing=1.2)
        axes.imshow(sheet, cmap="Greys", vmin=0, vmax=255)

    return Picture("Most confident mistakes", subtitle, 0.1 + WIDTH * rows * height / (COLUMNS * width), paint)


def _confidence(predictions: TestPredictions, image: int) -> str:
    confidence = float(predictions.confidence[image])
    return f"> {NEARLY_CERTAIN:.2%}" if confidence > NEARLY_CERTAIN else f"{confidence:.2%}"
