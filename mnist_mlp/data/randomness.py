"""Random numbers and dropout masks as pure functions of seed, epoch, step, layer and unit: reproducible and fast.

Keras's Dropout uses a Philox generator, which takes up most of an epoch when XLA compiles it for the CPU. A dropout
mask only needs well-mixed bits. An integer hash of the unit's index provides them in a few percent of the epoch's time.
"""

from __future__ import annotations

from collections.abc import Sequence

from mnist_mlp.libraries.quiet_tensorflow import tf


def _mix(bits: tf.Tensor) -> tf.Tensor:
    """Returns the uint32 hash of each number: lowbias32 from C. Wellons, Prospecting for Hash Functions."""
    for shift, multiplier in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        bits = tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, tf.constant(shift, tf.uint32)))
        bits *= tf.constant(multiplier, tf.uint32)
    return tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, tf.constant(16, tf.uint32)))


def fold(key: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
    """Derives a new uint32 key from a key and an integer. Keys for different integers are uncorrelated."""
    return _mix(tf.bitwise.bitwise_xor(_mix(key), tf.cast(number, tf.uint32)))


def uniform(key: tf.Tensor, shape: Sequence[int]) -> tf.Tensor:
    """Returns float32 [*shape], uniform in [0, 1); the same uint32 key gives the same numbers."""
    indices = tf.reshape(tf.range(tf.reduce_prod(shape)), shape)
    bits = _mix(tf.bitwise.bitwise_xor(_mix(tf.bitcast(indices, tf.uint32)), key))
    # The upper 24 bits fill a float32's significand exactly.
    return tf.cast(tf.bitcast(tf.bitwise.right_shift(bits, tf.constant(8, tf.uint32)), tf.int32), tf.float32) * 2.0**-24


def dropout_mask(key: tf.Tensor, shape: Sequence[int], rate: tf.Tensor) -> tf.Tensor:
    """Returns float32 [*shape]: 0 with probability `rate`, else 1 / (1 - rate), so that the mean does not change.

    Args:
        key: uint32 scalar; the same key gives the same mask.
        shape: shape of the activations.
        rate: float32 scalar, at least 0 and less than 1.
    """
    return tf.cast(uniform(key, shape) >= rate, tf.float32) / (1.0 - rate)
