"""Images that lean -> images that stand upright, all at once and before anything else is done to them.

After Y. LeCun and others, Gradient-Based Learning Applied to Document Recognition (1998), section III-A: the lines of
an image are shifted sideways, here until the rows and the columns of its ink are uncorrelated.
"""

from __future__ import annotations

import functools

import numpy as np

from mnist_mlp.data.dataset import PIXELS, LabeledImages
from mnist_mlp.data.sampling import MIDDLE, SIDE, sampled, with_neighbors
from mnist_mlp.presets.preset import Preset
from mnist_mlp.quiet_tensorflow import tf

STEEPEST = 1.0  # 45 degrees; what seems to lean further, one in 600, is mostly a 5 with a long stroke at the top
IMAGES_AT_ONCE = 5000  # float64 places of 60,000 would take gigabytes


def as_seen_by(preset: Preset, images: LabeledImages) -> LabeledImages:
    """Returns the images as they are shown to the preset's network: uint8 [images, 784 * views]."""
    if preset.upright_beside:
        return with_upright_beside(images)
    return deskewed(images) if preset.deskew else images


@functools.lru_cache(maxsize=2)
def with_upright_beside(images: LabeledImages) -> LabeledImages:
    """Returns the images with what `deskewed` makes of each beside it: uint8 [images, 1568]."""
    return LabeledImages(np.concatenate([images.pixels, deskewed(images).pixels], axis=1), images.labels)


@functools.lru_cache(maxsize=2)  # training and validation, for presets with and without a final fit
def deskewed(images: LabeledImages) -> LabeledImages:
    """Returns the images sheared until they do not lean, with the center of their ink in the middle."""
    parts = np.split(images.pixels, range(IMAGES_AT_ONCE, len(images), IMAGES_AT_ONCE))
    return LabeledImages(np.concatenate([_upright(part) for part in parts]), images.labels)


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
    sheared = sampled(tf.constant(with_neighbors(pixels)), tf.range(len(pixels)), from_rows, from_columns)
    return np.rint(sheared.numpy()).astype(np.uint8)
