"""Pictures of what a network said of the test images: which digits it takes for which, and its surest mistakes."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mnist_mlp.data.dataset import LabeledImages
from mnist_mlp.drawing.style import TOP, WIDTH, Picture, title
from mnist_mlp.evaluation.predictions import CLASSES, TestPredictions

MISTAKES_SHOWN = 20
COLUMNS = 5
CELL = (48, 42)  # height and width in pixels of an image with its words above it
SIDE = 28


def confusion_matrix(predictions: TestPredictions, labels: np.ndarray, whose: str) -> Picture:
    """Returns a picture of how often each digit was taken for each.

    Args:
        labels: int [images].
        whose: says which network it was.
    """
    counts = np.zeros((CLASSES, CLASSES), int)
    np.add.at(counts, (labels, predictions.predicted), 1)
    wrong = counts - np.diag(np.diag(counts))
    digit, taken_for = np.unravel_index(wrong.argmax(), wrong.shape)
    finding = "No test image is mistaken"
    if wrong.any():
        finding = f"Most often, {_with_article(digit)} is taken for {_with_article(taken_for)}"
    what = f"{whose}.\n{wrong.sum():,} mistakes in {len(labels):,} test images; the diagonal is right."

    def paint(figure: Figure) -> None:
        title(figure, finding, what)
        height = figure.get_figheight()
        axes = figure.add_axes((0.12, 0.6 / height, 0.85, 1 - (TOP + 0.6) / height))
        axes.imshow(wrong, cmap="Blues", vmin=0, vmax=max(1, wrong.max()) * 1.3, aspect="auto")
        for place in range(CLASSES):
            axes.add_patch(Rectangle((place - 0.5, place - 0.5), 1, 1, facecolor="#EEEEEE", edgecolor="none"))
        for row, column in np.argwhere(counts):
            color = "white" if wrong[row, column] > 0.75 * wrong.max() else "black"
            axes.text(column, row, f"{counts[row, column]}", ha="center", va="center", color=color, fontsize=10)
        axes.set_xticks(range(CLASSES))
        axes.set_yticks(range(CLASSES))
        axes.grid(False)
        axes.set_xlabel("what the network says")
        axes.set_ylabel("what it is")

    return Picture(6.0, paint)


def _with_article(digit: int) -> str:
    return f"an {digit}" if digit == 8 else f"a {digit}"


def surest_mistakes(predictions: TestPredictions, test: LabeledImages, whose: str) -> Picture | None:
    """Returns a picture of the mistakes that the network was surest of; None where it made none.

    Args:
        whose: says which network it was.
    """
    wrong = np.flatnonzero(predictions.predicted != test.labels)
    chosen = wrong[np.argsort(-predictions.confidence[wrong], kind="stable")][:MISTAKES_SHOWN]
    if not len(chosen):
        return None
    rows = -(-len(chosen) // COLUMNS)
    height, width = CELL
    what = f"{whose}. Above each: what it is,\nwhat the network says, and how sure it was."

    def paint(figure: Figure) -> None:
        title(figure, "The most confident mistakes", what)
        axes = figure.add_axes((0, 0, 1, 1 - TOP / figure.get_figheight()), anchor="N")
        axes.set_axis_off()
        sheet = np.zeros((rows * height, COLUMNS * width), np.uint8)  # one picture is drawn faster than twenty
        for place, image in enumerate(chosen):
            top, left = place // COLUMNS * height + height - SIDE, place % COLUMNS * width + (width - SIDE) // 2
            sheet[top : top + SIDE, left : left + SIDE] = test.pixels[image].reshape(SIDE, SIDE)
            confidence = float(predictions.confidence[image])
            sure = "> 99.99%" if confidence > 0.9999 else f"{confidence:.2%}"
            said = f"{test.labels[image]}, says {predictions.predicted[image]}\n{sure}"
            axes.text(left + SIDE / 2, top - 1, said, fontsize=10, ha="center", va="bottom", linespacing=1.2)
        axes.imshow(sheet, cmap="Greys", vmin=0, vmax=255)

    return Picture(TOP + 0.1 + WIDTH * rows * height / (COLUMNS * width), paint)
