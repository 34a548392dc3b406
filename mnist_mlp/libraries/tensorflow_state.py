"""Checks how TensorFlow and Keras are set up in this process. In a notebook, other cells may have done that already.

Imports TensorFlow only if something else has imported it.
"""

from __future__ import annotations

import sys

from mnist_mlp.errors import UsageError


def require_float32() -> None:
    """Checks that Keras computes in float32, its default. Otherwise, all numbers would differ from those of a script.

    Raises:
        UsageError: another cell has changed this.
    """
    if "keras" not in sys.modules:
        return
    from mnist_mlp.libraries.quiet_tensorflow import keras

    for setting, value in (("floatx", keras.config.floatx()), ("dtype policy", keras.config.dtype_policy().name)):
        if value != "float32":
            raise UsageError(
                f"Keras's {setting} is {value!r} in this process; set it to 'float32' or restart the kernel"
            )


def can_train_here(threads: int) -> bool:
    """Returns whether a run with this number of threads would get the same bits in this process as in a new one."""
    if "tensorflow" not in sys.modules:
        return True
    from mnist_mlp.libraries.quiet_tensorflow import HAS_SETTINGS_OF_OTHERS, tf

    is_set_up_differently = (
        HAS_SETTINGS_OF_OTHERS
        or tf.config.threading.get_inter_op_parallelism_threads() != 0
        or tf.config.functions_run_eagerly()
        or _is_op_determinism_enabled()
    )
    return not is_set_up_differently and use_threads(threads)


def _is_op_determinism_enabled() -> bool:
    from tensorflow.python.framework import config  # TensorFlow has no public function for this

    return config.is_op_determinism_enabled()


def use_threads(threads: int) -> bool:
    """Makes TensorFlow compute with this number of threads.

    Returns:
        False if it has already computed something in this process with another number, which cannot be changed anymore.
    """
    from mnist_mlp.libraries.quiet_tensorflow import tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    except RuntimeError:
        return False
    return True
