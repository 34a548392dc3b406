"""Makes the import of TensorFlow and Keras faster."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Iterator

# Keras and TensorFlow import these if they are installed, only for functions that this project does not use. On a
# machine with matplotlib, pandas and IPython, they take a quarter of the time.
NOT_NEEDED = (
    "IPython",
    "PIL",
    "cv2",
    "huggingface_hub",
    "jax",
    "matplotlib",
    "pandas",
    "pydot",
    "pydot_ng",
    "pydotplus",
    "sklearn",
)


@contextlib.contextmanager
def without_optional_packages() -> Iterator[None]:
    """Makes imports of NOT_NEEDED fail inside a `with` block, as if these packages were not installed.

    Packages that have already been imported stay available.
    """
    hidden = [name for name in NOT_NEEDED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # Python's way to say that a module does not exist
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


@contextlib.contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Pauses Python's garbage collector inside a `with` block. It finds nothing while modules are imported."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
