"""Random deformations of a batch inside the compiled epoch: every epoch sees each image deformed differently.

The source position of a deformed pixel is linear in the numbers that are drawn for its image: rotation, scaling, shear
and shift about the middle, and smooth elastic displacements, are one matrix product per batch.
"""

from __future__ import annotations

import numpy as np

from mnist_mlp.data.dataset import MNIST
from mnist_mlp.data.randomness import uniform
from mnist_mlp.data.sampling import sampled
from mnist_mlp.presets.declarations import DEFORMATIONS
from mnist_mlp.quiet_tensorflow import tf

# Elastic displacements: random vectors on a coarse grid, spread by a bell of the width that P. Simard, D. Steinkraus
# and J. Platt, Best Practices for Convolutional Neural Networks (2003), smoothed theirs with.
GRID = 6
BELL_PIXELS = 4.0
_AFFINE_NUMBERS = 6
_NUMBERS = _AFFINE_NUMBERS + 2 * GRID**2


def deformed(
    neighbors: tf.Tensor,
    batch: tf.Tensor,
    key: tf.Tensor,
    strengths: tf.Tensor,
    views: int = 1,
    side: int = MNIST.image_side,
) -> tf.Tensor:
    """Returns the images of a batch, each deformed in its own way; what comes from outside an image is white.

    Args:
        neighbors: of all images, by `with_neighbors`.
        batch: int32 [n], the images of the batch.
        key: uint32 scalar; the same key gives the same deformations.
        strengths: float32 [deformations], in the order of DEFORMATIONS, as `Preset.deformations` has them.
        views: number of views of each image, side by side; all of them are deformed alike.
        side: height and width of an image in pixels.

    Returns:
        float32 [n, views * side**2], 0.0 to 255.0.
    """
    rows, columns = _sources(batch.shape[0], key, strengths, side)
    seen = [sampled(neighbors, batch * views + view, rows, columns, side) for view in range(views)]
    return tf.concat(seen, axis=1)


def _sources(images: int, key: tf.Tensor, strengths: tf.Tensor, side: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the source position of each pixel of each image: two of float32 [images, side**2], row and column."""
    strength = dict(zip(DEFORMATIONS, tf.unstack(strengths), strict=True))
    middle = (side - 1) / 2
    drawn = 2.0 * uniform(key, (images, _NUMBERS)) - 1.0
    turn, wider, taller, slant, down, across = tf.unstack(drawn[:, :_AFFINE_NUMBERS], axis=1)
    angle = turn * strength["rotation"] * (np.pi / 180)
    width, height = 1.0 + wider * strength["scaling"], 1.0 + taller * strength["scaling"]
    lean, shift = slant * strength["shear"], strength["shift"]
    cosine, sine = tf.cos(angle), tf.sin(angle)
    affine_rows = tf.stack([cosine * height + sine * lean, sine * width, middle + down * shift], axis=1)
    affine_columns = tf.stack([cosine * lean - sine * height, cosine * width, middle + across * shift], axis=1)
    elastic_rows, elastic_columns = tf.split(drawn[:, _AFFINE_NUMBERS:] * (strength["elastic"] * np.sqrt(3)), 2, axis=1)
    factors = tf.concat(
        [tf.concat([affine_rows, elastic_rows], axis=1), tf.concat([affine_columns, elastic_columns], axis=1)], axis=0
    )
    rows, columns = tf.split(factors @ _basis(side), 2)
    return rows, columns


def _basis(side: int) -> np.ndarray:
    """Returns what each factor moves: float32 [3 + GRID**2, side**2]; the row, the column, all alike, then the bells.

    The bells' squares add up to 1 at every pixel: factors of variance 1 displace it by one pixel, root mean square.
    """
    rows, columns = np.mgrid[:side, :side].reshape(2, -1) - (side - 1) / 2
    distances = np.arange(side) - np.linspace(0, side - 1, GRID)[:, np.newaxis]
    bells = np.exp(-((distances / BELL_PIXELS) ** 2) / 2)
    bells /= np.sqrt((bells**2).sum(axis=0))
    return np.concatenate([[rows, columns, np.ones(side**2)], np.kron(bells, bells)]).astype(np.float32)
