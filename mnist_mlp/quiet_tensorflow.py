"""Imports TensorFlow and Keras without their startup log output and sets a fixed number of threads."""

from __future__ import annotations

import os

from mnist_mlp.quiet import silenced_standard_error

# The number of threads affects how some matrix products are split, and therefore the last bits of their sums. Every
# run uses the same number, so that results do not depend on the number of cores or workers. More than 2 threads
# do not help small networks.
THREADS = 2

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # errors only
with silenced_standard_error():
    import keras
    import tensorflow as tf

    tf.config.list_physical_devices()  # TensorFlow logs to stderr while it searches for GPUs
tf.config.threading.set_intra_op_parallelism_threads(THREADS)
tf.get_logger().setLevel("ERROR")  # hides retracing warnings, which a sweep over many shapes causes

__all__ = ["keras", "tf"]
