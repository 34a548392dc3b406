"""Tests deskewing against SciPy, and that training and validation get the same deskewed images."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import affine_transform

from mnist_mlp.data.augmentation import deformed
from mnist_mlp.data.deskewing import as_seen_by, deskewed
from mnist_mlp.data.images import LabeledImages, TrainingData
from mnist_mlp.data.sampling import with_neighbors
from mnist_mlp.errors import UsageError
from mnist_mlp.libraries.quiet_tensorflow import tf
from mnist_mlp.training.loop import train
from mnist_mlp.training.model import build_model
from tests.helpers import SMALL, bits_of

ROWS, COLUMNS = np.mgrid[:28, :28]


def deskew(pixels: np.ndarray) -> np.ndarray:
    return deskewed(LabeledImages(pixels, np.zeros(len(pixels), np.int32))).pixels


def center_and_slant(image: np.ndarray) -> tuple[float, float, float]:
    """Returns row and column of the center of mass, and the slope of columns regressed on rows."""
    ink = image.reshape(28, 28).astype(np.float64)
    row, column = np.average(ROWS, weights=ink), np.average(COLUMNS, weights=ink)
    slope, _ = np.polyfit(ROWS.ravel(), COLUMNS.ravel(), 1, w=np.sqrt(ink.ravel()))
    return row, column, slope


def test_deskewing_matches_scipy(small_data):
    pixels = small_data.train.pixels[:100]
    ours = deskew(pixels)
    for image, found in zip(pixels, ours, strict=True):
        row, column, slope = center_and_slant(image)
        matrix = np.array([[1.0, 0.0], [np.clip(slope, -1, 1), 1.0]])
        offset = np.array([row, column]) - matrix @ [13.5, 13.5]
        theirs = affine_transform(image.reshape(28, 28).astype(np.float64), matrix, offset, order=1)
        np.testing.assert_allclose(found, theirs.ravel(), rtol=0, atol=0.51)  # rounding; on a scale of 255
    assert np.abs(ours.astype(float) - pixels).mean() > 2


def test_deskewed_images_are_centered_and_upright(small_data):
    found = np.array([center_and_slant(image) for image in deskew(small_data.train.pixels[:300])])
    np.testing.assert_allclose(found[:, :2], 13.5, rtol=0, atol=0.05)
    slants = np.abs([center_and_slant(image)[2] for image in small_data.train.pixels[:300]])
    assert np.median(np.abs(found[:, 2])) < 0.01 < 0.2 < np.median(slants)


def test_slanted_stroke_becomes_upright_stroke():
    strokes = [((np.abs(COLUMNS - 13.5 - lean * (ROWS - 13.5)) < 2) & (abs(ROWS - 13.5) < 8)) * 200 for lean in (0, 1)]
    upright, leaning = deskew(np.array(strokes, np.uint8).reshape(2, 784)).astype(float)
    np.testing.assert_array_equal(upright, strokes[0].ravel())
    assert np.abs(leaning - upright).mean() < 5 < 20 < np.abs(strokes[1].ravel() - upright).mean()


def test_blank_image_and_single_pixel_are_not_sheared():
    pixels = np.zeros((2, 784), np.uint8)
    pixels[1, 14 * 28 + 14] = 200
    blank, dot = deskew(pixels)
    assert not blank.any()
    np.testing.assert_array_equal(dot.reshape(28, 28)[13:15, 13:15], 50)  # spread over the four center pixels
    assert dot.sum() == 200


def test_images_keep_their_order_across_chunks(small_data):
    pixels = np.resize(small_data.train.pixels, (5_003, 784))
    np.testing.assert_array_equal(deskew(pixels)[5_000:], deskew(pixels[5_000:]))


@pytest.mark.parametrize("final_fit", [False, True])
def test_training_and_validation_use_deskewed_images(small_data, final_fit):
    preset = SMALL.but(final_fit=final_fit, shift=1)
    beforehand = TrainingData(train=deskewed(small_data.train), validation=deskewed(small_data.validation))
    assert bits_of(train(preset.but(deskew=True), 1, small_data)) == bits_of(train(preset, 1, beforehand))


def test_deskewed_copy_gets_same_augmentation(small_data):
    preset = SMALL.but(upright_beside=True)
    both = as_seen_by(preset, small_data.train)
    np.testing.assert_array_equal(both.pixels[:, :784], small_data.train.pixels)
    np.testing.assert_array_equal(both.pixels[:, 784:], deskewed(small_data.train).pixels)
    deformations = SMALL.but(rotation=9, scaling=0.1, shear=0.1, shift=1, elastic=0.7).deformations
    batch, key, strengths = tf.constant([7, 3]), tf.constant(5, tf.uint32), tf.constant(deformations)
    together = deformed(tf.constant(with_neighbors(both.pixels)), batch, key, strengths, views=2).numpy()
    for half, images in zip(np.split(together, 2, axis=1), (small_data.train, deskewed(small_data.train)), strict=True):
        alone = deformed(tf.constant(with_neighbors(images.pixels)), batch, key, strengths).numpy()
        np.testing.assert_array_equal(half, alone)
        assert np.abs(half - images.pixels[[7, 3]]).mean() > 2


def test_training_and_validation_use_deskewed_copy(small_data):
    preset = SMALL.but(upright_beside=True, shift=1)
    results = list(train(preset, 1, small_data))
    network = build_model(preset, 1)
    assert network.input_shape == (None, 1568)
    network.set_weights(results[-1].state.evaluated_weights)
    seen = as_seen_by(preset, small_data.validation)
    logits = network(seen.pixels.astype("float32") / 255, training=False).numpy()
    assert results[-1].validation.accuracy == np.mean(logits.argmax(axis=1) == seen.labels)
    upright_half_blank = seen.pixels * (np.arange(1568) < 784) / np.float32(255)
    assert np.abs(network(upright_half_blank, training=False).numpy() - logits).mean() > 0.1


def test_deskewed_copy_is_rejected_if_images_are_deskewed():
    with pytest.raises(UsageError, match="upright_beside: must be False if deskew is True"):
        SMALL.but(deskew=True, upright_beside=True)
