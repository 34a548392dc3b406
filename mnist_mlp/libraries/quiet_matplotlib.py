"""Imports matplotlib without log output, for example about a home directory that is missing or read-only.

Import this before anything else from matplotlib. Keras imports it too.
"""

from __future__ import annotations

import contextlib
import logging
import os

from mnist_mlp.host.interactive import is_interactive
from mnist_mlp.host.quiet import silenced_standard_error

_backend = os.environ.pop("MPLBACKEND", "")  # an unknown backend would be an error, although none is needed
with silenced_standard_error():  # matplotlib starts fc-list, which prints its own messages
    import matplotlib
    import matplotlib.font_manager
if _backend:  # other cells of a notebook need it
    os.environ["MPLBACKEND"] = _backend
    with contextlib.suppress(ValueError):
        matplotlib.rcParams["backend"] = _backend
if not is_interactive():  # in a notebook, this belongs to the other cells
    logging.getLogger("matplotlib").setLevel(logging.ERROR)

__all__ = ["matplotlib"]
