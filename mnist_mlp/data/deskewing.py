"""Deskews images: centers each image and shears it upright, before any other processing.

Follows Y. LeCun et al., Gradient-Based Learning Applied to Document Recognition (1998), section III-A: rows are shifted
sideways, here until the rows and columns of the ink (the dark pixels) are uncorrelated.
"""

from __future__ import annotations

import functools

import numpy as np

from mnist_mlp.data.dataset import MNIST, DataSet
from mnist_mlp.data.images import LabeledImages
from mnist_mlp.data.sampling import sampled, with_neighbors
from mnist_mlp.libraries.quiet_tensorflow import tf
from mnist_mlp.presets.preset import Preset

MAX_SHEAR = 1.0  # 45 degrees; images that need more (1 in 600) are mostly 5s with a long stroke at the top
CHUNK_SIZE = 5000  # images at a time; the float64 coordinates of 60,000 would take gigabytes of memory


def as_seen_by(preset: Preset, images: LabeledImages, data_set: DataSet = MNIST) -> LabeledImages:
    """Returns the images that the preset's network gets as input: uint8 [images, views * pixels], 0 to 255."""
    if preset.upright_beside:
        return with_deskewed_copy(images, data_set.image_side)
    return deskewed(images, data_set.image_side) if preset.deskew else images


@functools.lru_cache(maxsize=2)
def with_deskewed_copy(images: LabeledImages, side: int = MNIST.image_side) -> LabeledImages:
    """Returns each image followed by its deskewed copy: uint8 [images, 2 * pixels]."""
    return LabeledImages(np.concatenate([images.pixels, deskewed(images, side).pixels], axis=1), images.labels)


@functools.lru_cache(maxsize=2)  # training and validation, for presets with and without a final fit
def deskewed(images: LabeledImages, side: int = MNIST.image_side) -> LabeledImages:
    """Returns the images sheared upright, with the center of mass of the ink in the middle.

    Args:
        side: height and width of an image in pixels.
    """
    chunks = np.split(images.pixels, range(CHUNK_SIZE, len(images), CHUNK_SIZE))
    return LabeledImages(np.concatenate([_deskew(chunk, side) for chunk in chunks]), images.labels)


def _deskew(pixels: np.ndarray, side: int) -> np.ndarray:
    middle = (side - 1) / 2
    ink = pixels.reshape(-1, side, side).astype(np.float64)
    ink /= np.maximum(ink.sum(axis=(1, 2), keepdims=True), 1.0)
    rows, columns = np.mgrid[:side, :side] - middle
    row, column = ((ink * positions).sum(axis=(1, 2), keepdims=True) for positions in (rows, columns))
    covariance = (ink * (rows - row) * (columns - column)).sum(axis=(1, 2), keepdims=True)
    variance = (ink * (rows - row) ** 2).sum(axis=(1, 2), keepdims=True)
    shear = np.clip(covariance / np.maximum(variance, 1e-9), -MAX_SHEAR, MAX_SHEAR)  # columns per row
    sources = (rows + row + middle, columns + column + shear * rows + middle)
    source_rows, source_columns = (tf.constant(source.reshape(-1, side**2), tf.float32) for source in sources)
    neighbors = tf.constant(with_neighbors(pixels, side))
    sheared = sampled(neighbors, tf.range(len(pixels)), source_rows, source_columns, side)
    return np.rint(sheared.numpy()).astype(np.uint8)
