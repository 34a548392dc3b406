"""Data augmentation of batches inside the compiled epoch. It differs for every image in every epoch.

The source position of an augmented pixel is linear in the random factors of its image. So one matrix product per batch
computes rotation, scaling, shear and shift about the center, and also the smooth elastic displacements.
"""

from __future__ import annotations

import numpy as np

from mnist_mlp.data.dataset import MNIST
from mnist_mlp.data.randomness import uniform
from mnist_mlp.data.sampling import sampled
from mnist_mlp.libraries.quiet_tensorflow import tf
from mnist_mlp.presets.declarations import DEFORMATIONS

# Elastic deformation: random vectors on a coarse grid, smoothed by a Gaussian. Its standard deviation is from
# P. Simard, D. Steinkraus and J. Platt, Best Practices for Convolutional Neural Networks (2003).
GRID = 6
SIGMA = 4.0  # pixels
_AFFINE_FACTORS = 6
_FACTORS = _AFFINE_FACTORS + 2 * GRID**2


def deformed(
    neighbors: tf.Tensor,
    batch: tf.Tensor,
    key: tf.Tensor,
    strengths: tf.Tensor,
    views: int = 1,
    side: int = MNIST.image_side,
) -> tf.Tensor:
    """Returns the augmented images of a batch. Pixels that come from outside an image are white.

    Args:
        neighbors: all images, from `with_neighbors`.
        batch: int32 [n], indices of the images in the batch.
        key: uint32 scalar; the same key gives the same augmentation.
        strengths: float32 [len(DEFORMATIONS)], from `Preset.deformations`.
        views: number of versions of each image. They are concatenated, and all get the same augmentation.
        side: height and width of an image in pixels.

    Returns:
        float32 [n, views * side**2], 0.0 to 255.0.
    """
    rows, columns = _sources(batch.shape[0], key, strengths, side)
    seen = [sampled(neighbors, batch * views + view, rows, columns, side) for view in range(views)]
    return tf.concat(seen, axis=1)


def _sources(images: int, key: tf.Tensor, strengths: tf.Tensor, side: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the source rows and columns of all pixels, each float32 [images, side**2]."""
    strength = dict(zip(DEFORMATIONS, tf.unstack(strengths), strict=True))
    center = (side - 1) / 2
    drawn = 2.0 * uniform(key, (images, _FACTORS)) - 1.0
    turn, stretch_x, stretch_y, slant, move_y, move_x = tf.unstack(drawn[:, :_AFFINE_FACTORS], axis=1)
    angle = turn * strength["rotation"] * (np.pi / 180)
    width, height = 1.0 + stretch_x * strength["scaling"], 1.0 + stretch_y * strength["scaling"]
    shear, shift = slant * strength["shear"], strength["shift"]
    cosine, sine = tf.cos(angle), tf.sin(angle)
    affine_rows = tf.stack([cosine * height + sine * shear, sine * width, center + move_y * shift], axis=1)
    affine_columns = tf.stack([cosine * shear - sine * height, cosine * width, center + move_x * shift], axis=1)
    elastic_rows, elastic_columns = tf.split(drawn[:, _AFFINE_FACTORS:] * (strength["elastic"] * np.sqrt(3)), 2, axis=1)
    factors = tf.concat(
        [tf.concat([affine_rows, elastic_rows], axis=1), tf.concat([affine_columns, elastic_columns], axis=1)], axis=0
    )
    rows, columns = tf.split(factors @ _basis(side), 2)
    return rows, columns


def _basis(side: int) -> np.ndarray:
    """Returns each factor's effect on each pixel, float32 [3 + GRID**2, side**2]: row, column, constant, Gaussians.

    The squares of the Gaussians sum to 1 at every pixel, so factors with a variance of 1 displace it by 1 pixel (RMS).
    """
    rows, columns = np.mgrid[:side, :side].reshape(2, -1) - (side - 1) / 2
    distances = np.arange(side) - np.linspace(0, side - 1, GRID)[:, np.newaxis]
    gaussians = np.exp(-((distances / SIGMA) ** 2) / 2)
    gaussians /= np.sqrt((gaussians**2).sum(axis=0))
    return np.concatenate([[rows, columns, np.ones(side**2)], np.kron(gaussians, gaussians)]).astype(np.float32)
