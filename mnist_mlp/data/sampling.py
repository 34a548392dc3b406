"""Samples images at fractional pixel positions by bilinear interpolation.

Looking up pixels takes most of the time. So the four neighbors of a position are packed into one uint32, and a single
lookup finds all of them.
"""

from __future__ import annotations

import numpy as np

from mnist_mlp.data.dataset import MNIST
from mnist_mlp.libraries.quiet_tensorflow import tf


def with_neighbors(pixels: np.ndarray, side: int = MNIST.image_side) -> np.ndarray:
    """Packs the four pixels around each position between pixels into one number.

    Args:
        pixels: uint8 [images, side**2]; concatenated versions of an image count as separate images.
        side: height and width of an image in pixels.

    Returns:
        uint32 [images * (side + 1)**2], about four times the memory of the pixels.
    """
    bordered = np.pad(pixels.reshape(-1, side, side), ((0, 0), (1, 1), (1, 1)))
    upper, lower = bordered[:, :-1], bordered[:, 1:]
    around = np.stack([upper[..., :-1], upper[..., 1:], lower[..., :-1], lower[..., 1:]], axis=-1)
    return around.view("<u4").reshape(-1)


def sampled(
    neighbors: tf.Tensor, batch: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor, side: int = MNIST.image_side
) -> tf.Tensor:
    """Returns the interpolated pixels of a batch at these positions. Everything outside an image is white.

    Args:
        neighbors: all images, from `with_neighbors`.
        batch: int32 [n], indices of the images in the batch.
        rows, columns: float32 [n, side**2], positions to sample; 0 to side - 1 is inside the image.
        side: height and width of an image in pixels.

    Returns:
        float32 [n, side**2], 0.0 to 255.0.
    """
    corners = side + 1  # positions between pixels per row, including the white border
    last = np.nextafter(np.float32(corners), np.float32(0))
    # Everything beyond the border is white, so positions can be clipped there.
    rows, columns = (tf.clip_by_value(positions + 1.0, 0.0, last) for positions in (rows, columns))
    row, column = tf.cast(rows, tf.int32), tf.cast(columns, tf.int32)
    around = tf.gather(neighbors, (batch[:, tf.newaxis] * corners + row) * corners + column)
    to_the_right, below = columns - tf.cast(column, tf.float32), rows - tf.cast(row, tf.float32)
    upper = _byte(around, 0) + to_the_right * (_byte(around, 1) - _byte(around, 0))
    lower = _byte(around, 2) + to_the_right * (_byte(around, 3) - _byte(around, 2))
    return upper + below * (lower - upper)


def _byte(numbers: tf.Tensor, index: int) -> tf.Tensor:
    shifted = tf.bitwise.right_shift(numbers, tf.constant(8 * index, tf.uint32))
    byte = tf.bitwise.bitwise_and(shifted, tf.constant(255, tf.uint32))
    return tf.cast(tf.bitcast(byte, tf.int32), tf.float32)  # XLA converts signed integers much faster
