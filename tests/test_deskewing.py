"""Deskewing, held against SciPy image by image, and that all of training and evaluation sees the same images."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import affine_transform

from mnist_mlp.data import LabelledImages, TrainingData
from mnist_mlp.deskewing import deskewed
from mnist_mlp.training import train
from tests.test_training import SMALL, bits_of

ROWS, COLUMNS = np.mgrid[:28, :28]


def deskew(pixels: np.ndarray) -> np.ndarray:
    return deskewed(LabelledImages(pixels, np.zeros(len(pixels), np.int32))).pixels


def centre_and_slant(image: np.ndarray) -> tuple[float, float, float]:
    """Returns row and column of the centre of the ink, and the slope of the line of columns fitted to rows."""
    ink = image.reshape(28, 28).astype(np.float64)
    row, column = np.average(ROWS, weights=ink), np.average(COLUMNS, weights=ink)
    slope, _ = np.polyfit(ROWS.ravel(), COLUMNS.ravel(), 1, w=np.sqrt(ink.ravel()))
    return row, column, slope


def test_deskewed_images_against_scipy(small_data):
    pixels = small_data.train.pixels[:100]
    ours = deskew(pixels)
    for image, found in zip(pixels, ours, strict=True):
        row, column, slope = centre_and_slant(image)
        matrix = np.array([[1.0, 0.0], [np.clip(slope, -1, 1), 1.0]])
        offset = np.array([row, column]) - matrix @ [13.5, 13.5]
        theirs = affine_transform(image.reshape(28, 28).astype(np.float64), matrix, offset, order=1)
        np.testing.assert_allclose(found, theirs.ravel(), rtol=0, atol=0.51)  # a rounding; of 255
    assert np.abs(ours.astype(float) - pixels).mean() > 2


def test_what_is_deskewed_stands_upright_in_the_middle(small_data):
    found = np.array([centre_and_slant(image) for image in deskew(small_data.train.pixels[:300])])
    np.testing.assert_allclose(found[:, :2], 13.5, rtol=0, atol=0.05)
    slants = np.abs([centre_and_slant(image)[2] for image in small_data.train.pixels[:300]])
    assert np.median(np.abs(found[:, 2])) < 0.01 < 0.2 < np.median(slants)


def test_a_stroke_however_it_leans_becomes_the_same_stroke():
    strokes = [((np.abs(COLUMNS - 13.5 - lean * (ROWS - 13.5)) < 2) & (abs(ROWS - 13.5) < 8)) * 200 for lean in (0, 1)]
    upright, leaning = deskew(np.array(strokes, np.uint8).reshape(2, 784)).astype(float)
    np.testing.assert_array_equal(upright, strokes[0].ravel())
    assert np.abs(leaning - upright).mean() < 5 < 20 < np.abs(strokes[1].ravel() - upright).mean()


def test_a_blank_image_and_a_single_pixel_have_no_slant():
    pixels = np.zeros((2, 784), np.uint8)
    pixels[1, 14 * 28 + 14] = 200
    blank, dot = deskew(pixels)
    assert not blank.any()
    np.testing.assert_array_equal(dot.reshape(28, 28)[13:15, 13:15], 50)  # between the four pixels of the middle
    assert dot.sum() == 200


def test_more_images_than_are_deskewed_at_once_keep_their_order(small_data):
    pixels = np.resize(small_data.train.pixels, (5_003, 784))
    np.testing.assert_array_equal(deskew(pixels)[5_000:], deskew(pixels[5_000:]))


@pytest.mark.parametrize("final_fit", [False, True])
def test_training_and_validation_see_deskewed_images(small_data, final_fit):
    preset = SMALL.but(final_fit=final_fit, shift=1)
    beforehand = TrainingData(train=deskewed(small_data.train), dev=deskewed(small_data.dev))
    assert bits_of(train(preset.but(deskew=True), 1, small_data)) == bits_of(train(preset, 1, beforehand))
