"""Imports TensorFlow and Keras without their startup log output and with settings that are the same for every user."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings

from mnist_mlp.disk.files import require_temporary_folder
from mnist_mlp.errors import UsageError
from mnist_mlp.host.interactive import is_interactive
from mnist_mlp.host.quiet import silenced_standard_error
from mnist_mlp.libraries.faster_import import without_garbage_collection, without_optional_packages
from mnist_mlp.libraries.user_settings import remove_numeric_settings, without_keras_configuration

# The number of threads affects how some matrix products are split, and therefore the last bits of their sums. This is
# the number for everything that does not train a run, such as an evaluation. See `tensorflow_state.use_threads`.
THREADS = 2

require_temporary_folder()
_was_imported = "tensorflow" in sys.modules
_had_settings = remove_numeric_settings(os.environ)
HAS_SETTINGS_OF_OTHERS = _was_imported and _had_settings  # another cell of a notebook may have computed with them
if not is_interactive():
    # Warnings inside these packages are not for our users, and PYTHONWARNINGS=error would turn them into errors.
    warnings.filterwarnings("ignore", module=r"(h5py|html5lib|keras|numpy|tensorboard|tensorflow)(\.|$)")
if not os.environ.get("TF_CPP_MIN_LOG_LEVEL", "").isdecimal():  # TensorFlow takes other text as 0: log everything
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"  # errors only
with contextlib.ExitStack() as _during_import:
    if is_interactive():  # other cells may use all of Keras
        import mnist_mlp.libraries.quiet_matplotlib  # noqa: F401 - before Keras imports matplotlib
    else:
        _during_import.enter_context(without_optional_packages())
    _during_import.enter_context(without_garbage_collection())
    _during_import.enter_context(silenced_standard_error())
    _during_import.enter_context(without_keras_configuration(os.environ))
    import keras
    import tensorflow as tf

    tf.config.list_physical_devices()  # TensorFlow logs to stderr while it searches for GPUs
_keras_config = keras.src.backend.config
if getattr(_keras_config, "_KERAS_DIR", "") == os.devnull:  # where downloads go; Keras has no function to set it
    _keras_config._KERAS_DIR = os.environ.get("KERAS_HOME", os.path.join(os.path.expanduser("~"), ".keras"))
if keras.backend.backend() != "tensorflow":  # only in a notebook where another cell has imported Keras
    raise UsageError(f"Keras uses {keras.backend.backend()} in this process, not TensorFlow; restart the kernel")
with contextlib.suppress(RuntimeError):  # another cell has used TensorFlow; see `tensorflow_state.can_train_here`
    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
if not is_interactive():  # in a notebook, these belong to the other cells
    # If hyperparameters.py has imported Keras, Keras has already read the user's configuration file.
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")
tf.get_logger().setLevel("ERROR")  # hides retracing warnings, which a sweep over many shapes causes

__all__ = ["keras", "tf"]
