"""Images that lean -> images that stand upright, all at once and before anything else is done to them.

What Y. LeCun and others did to MNIST in Gradient-Based Learning Applied to Document Recognition (1998), section III-A:
the lines of an image are shifted sideways until the principal axis of its ink is vertical.
"""

from __future__ import annotations

import functools

import numpy as np

from mnist_mlp.data import PIXELS, LabelledImages
from mnist_mlp.quiet_tensorflow import tf
from mnist_mlp.sampling import MIDDLE, SIDE, sampled, with_neighbours

STEEPEST = 1.0  # 45 degrees; no digit is written slanted any further
IMAGES_AT_ONCE = 5000


@functools.lru_cache(maxsize=3)
def deskewed(images: LabelledImages) -> LabelledImages:
    """Returns the images sheared until they do not lean, with the centre of their ink in the middle."""
    parts = np.split(images.pixels, range(IMAGES_AT_ONCE, len(images), IMAGES_AT_ONCE))
    return LabelledImages(np.concatenate([_upright(part) for part in parts]), images.labels)


def _upright(pixels: np.ndarray) -> np.ndarray:
    ink = pixels.reshape(-1, SIDE, SIDE).astype(np.float64)
    ink /= np.maximum(ink.sum(axis=(1, 2), keepdims=True), 1.0)
    rows, columns = np.mgrid[:SIDE, :SIDE] - MIDDLE
    row, column = ((ink * places).sum(axis=(1, 2), keepdims=True) for places in (rows, columns))
    covariance = (ink * (rows - row) * (columns - column)).sum(axis=(1, 2), keepdims=True)
    variance = (ink * (rows - row) ** 2).sum(axis=(1, 2), keepdims=True)
    slant = np.clip(covariance / np.maximum(variance, 1e-9), -STEEPEST, STEEPEST)  # columns a row
    sources = (rows + row + MIDDLE, columns + column + slant * rows + MIDDLE)
    from_rows, from_columns = (tf.constant(each.reshape(-1, PIXELS), tf.float32) for each in sources)
    sheared = sampled(tf.constant(with_neighbours(pixels)), tf.range(len(pixels)), from_rows, from_columns)
    return np.rint(sheared.numpy()).astype(np.uint8)
