"""TensorFlow and Keras, imported without the chatter that they print at start-up, and set to one number of threads."""

from __future__ import annotations

import os

from mnist_mlp.quiet import silenced_standard_error

# How a matrix product is cut up, and with it the last bits of a sum, depends on the number of threads for some shapes.
# So every training has the same number, on one core or many, alone or beside others; small networks gain from no more.
THREADS = 2

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # errors only
with silenced_standard_error():
    import keras
    import tensorflow as tf

    tf.config.list_physical_devices()  # TensorFlow logs to stderr while it looks for GPUs
tf.config.threading.set_intra_op_parallelism_threads(THREADS)
tf.get_logger().setLevel("ERROR")  # hides the warning about retracing, which a sweep over many shapes causes

__all__ = ["keras", "tf"]
