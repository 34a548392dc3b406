"""What stands between the pixels of an image, bilinearly.

Looking pixels up is what costs time: the four neighbors of a place lie side by side in one number, so that one look-up
finds them all.
"""

from __future__ import annotations

import numpy as np

from mnist_mlp.quiet_tensorflow import tf

SIDE = 28
MIDDLE = (SIDE - 1) / 2
CORNERS = SIDE + 1  # places between the pixels of a row, the white border's included
LAST_PLACE = np.nextafter(np.float32(CORNERS), np.float32(0))


def with_neighbors(pixels: np.ndarray) -> np.ndarray:
    """Returns images ready to be sampled: each place between pixels with the four around it, as the bytes of a number.

    Args:
        pixels: uint8 [images, 784], or several images side by side, which are then images of their own.

    Returns:
        uint32 [images * 29 * 29], four times the bytes that the pixels take.
    """
    bordered = np.pad(pixels.reshape(-1, SIDE, SIDE), ((0, 0), (1, 1), (1, 1)))
    upper, lower = bordered[:, :-1], bordered[:, 1:]
    around = np.stack([upper[..., :-1], upper[..., 1:], lower[..., :-1], lower[..., 1:]], axis=-1)
    return around.view("<u4").reshape(-1)


def sampled(neighbors: tf.Tensor, batch: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
    """Returns what a batch's images have at these places; all is white outside an image.

    Args:
        neighbors: of all images, by `with_neighbors`.
        batch: int32 [n], which of them.
        rows, columns: float32 [n, 784], each pixel's place; 0 to 27 within the image.

    Returns:
        float32 [n, 784], 0.0 to 255.0.
    """
    # Half a pixel's width beyond the border all is white, so there is nothing to be sampled further out.
    rows, columns = (tf.clip_by_value(places + 1.0, 0.0, LAST_PLACE) for places in (rows, columns))
    row, column = tf.cast(rows, tf.int32), tf.cast(columns, tf.int32)
    around = tf.gather(neighbors, (batch[:, tf.newaxis] * CORNERS + row) * CORNERS + column)
    to_the_right, below = columns - tf.cast(column, tf.float32), rows - tf.cast(row, tf.float32)
    upper = _byte(around, 0) + to_the_right * (_byte(around, 1) - _byte(around, 0))
    lower = _byte(around, 2) + to_the_right * (_byte(around, 3) - _byte(around, 2))
    return upper + below * (lower - upper)


def _byte(numbers: tf.Tensor, place: int) -> tf.Tensor:
    shifted = tf.bitwise.right_shift(numbers, tf.constant(8 * place, tf.uint32))
    byte = tf.bitwise.bitwise_and(shifted, tf.constant(255, tf.uint32))
    return tf.cast(tf.bitcast(byte, tf.int32), tf.float32)  # XLA converts signed numbers much faster
