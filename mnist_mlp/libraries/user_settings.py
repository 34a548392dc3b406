"""Removes the user's settings of TensorFlow and Keras that would change the results of a run or break it.

Many machines have such settings: in `~/.keras/keras.json` (number format, backend), in a shell profile or container
image (`XLA_FLAGS`, `TF_DETERMINISTIC_OPS`), or left over from another project (`TF_USE_LEGACY_KERAS`). With them, equal
presets and seeds would not give equal results. A setting that an installed version does not know can even end the
process without a message.
"""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Iterator, MutableMapping

NUMERIC = ("KERAS_", "TF_", "XLA_", "NVIDIA_TF32_", "CUBLAS_", "CUDNN_", "ONEDNN_", "DNNL_", "AUTOGRAPH_")
OTHER = ("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION",)  # "cpp" was once advised for TensorFlow and now breaks its import

# These select or find devices, limit their memory, or only affect log output.
HARMLESS = ("KERAS_HOME", "TF_CPP_", "TF_FORCE_", "TF_GPU_", "TF_CUDA_", "TF_PLUGGABLE_", "XLA_PYTHON_", "XLA_PJRT_")
HARMLESS_FLAGS = ("--xla_gpu_cuda_data_dir=",)  # without it, XLA may not find CUDA


def remove_numeric_settings(environment: MutableMapping[str, str]) -> bool:
    """Removes these settings from the environment. Must be called before TensorFlow and Keras are imported.

    Returns:
        whether there were any.
    """
    flags = _harmless_flags(environment.get("XLA_FLAGS", ""))
    numeric = [name for name in environment if name.startswith(NUMERIC + OTHER) and not name.startswith(HARMLESS)]
    for name in numeric:
        del environment[name]
    if flags:
        environment["XLA_FLAGS"] = flags
    environment["KERAS_BACKEND"] = "tensorflow"
    return bool(numeric)


@contextlib.contextmanager
def without_keras_configuration(environment: MutableMapping[str, str]) -> Iterator[None]:
    """Keeps Keras from reading or writing its configuration file while it is imported inside a `with` block."""
    earlier = environment.get("KERAS_HOME")
    environment["KERAS_HOME"] = os.devnull
    try:
        yield
    finally:
        del environment["KERAS_HOME"]
        if earlier is not None:
            environment["KERAS_HOME"] = earlier


def _harmless_flags(flags: str) -> str:
    try:
        return shlex.join(flag for flag in shlex.split(flags) if flag.startswith(HARMLESS_FLAGS))
    except ValueError:  # unbalanced quotes
        return ""
