"""Deskews images: each is sheared until it is upright, and centered, before anything else is done to it.

After Y. LeCun and others, Gradient-Based Learning Applied to Document Recognition (1998), section III-A: the rows of
an image are shifted sideways, here until the rows and the columns of its ink are uncorrelated.
"""

from __future__ import annotations

import functools

import numpy as np

from mnist_mlp.data.dataset import MNIST, DataSet
from mnist_mlp.data.images import LabeledImages
from mnist_mlp.data.sampling import sampled, with_neighbors
from mnist_mlp.presets.preset import Preset
from mnist_mlp.quiet_tensorflow import tf

STEEPEST = 1.0  # 45 degrees; images that seem to lean further, one in 600, are mostly a 5 with a long stroke at the top
IMAGES_AT_ONCE = 5000  # float64 coordinates of 60,000 would take gigabytes


def as_seen_by(preset: Preset, images: LabeledImages, data_set: DataSet = MNIST) -> LabeledImages:
    """Returns the images as they are shown to the preset's network: uint8 [images, views * pixels]."""
    if preset.upright_beside:
        return with_upright_beside(images, data_set.image_side)
    return deskewed(images, data_set.image_side) if preset.deskew else images


@functools.lru_cache(maxsize=2)
def with_upright_beside(images: LabeledImages, side: int = MNIST.image_side) -> LabeledImages:
    """Returns the images with the deskewed version of each beside it: uint8 [images, 2 * pixels]."""
    return LabeledImages(np.concatenate([images.pixels, deskewed(images, side).pixels], axis=1), images.labels)


@functools.lru_cache(maxsize=2)  # training and validation, for presets with and without a final fit
def deskewed(images: LabeledImages, side: int = MNIST.image_side) -> LabeledImages:
    """Returns the images sheared until they do not lean, with the center of their ink in the middle.

    Args:
        side: height and width of an image in pixels.
    """
    parts = np.split(images.pixels, range(IMAGES_AT_ONCE, len(images), IMAGES_AT_ONCE))
    return LabeledImages(np.concatenate([_upright(part, side) for part in parts]), images.labels)


def _upright(pixels: np.ndarray, side: int) -> np.ndarray:
    middle = (side - 1) / 2
    ink = pixels.reshape(-1, side, side).astype(np.float64)
    ink /= np.maximum(ink.sum(axis=(1, 2), keepdims=True), 1.0)
    rows, columns = np.mgrid[:side, :side] - middle
    row, column = ((ink * positions).sum(axis=(1, 2), keepdims=True) for positions in (rows, columns))
    covariance = (ink * (rows - row) * (columns - column)).sum(axis=(1, 2), keepdims=True)
    variance = (ink * (rows - row) ** 2).sum(axis=(1, 2), keepdims=True)
    slant = np.clip(covariance / np.maximum(variance, 1e-9), -STEEPEST, STEEPEST)  # columns per row
    sources = (rows + row + middle, columns + column + slant * rows + middle)
    from_rows, from_columns = (tf.constant(source.reshape(-1, side**2), tf.float32) for source in sources)
    neighbors = tf.constant(with_neighbors(pixels, side))
    sheared = sampled(neighbors, tf.range(len(pixels)), from_rows, from_columns, side)
    return np.rint(sheared.numpy()).astype(np.uint8)
