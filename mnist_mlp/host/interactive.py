"""Finds out whether this code runs in an interactive session, which must survive errors and Ctrl-C."""

from __future__ import annotations

import sys
from typing import Any


def ipython_shell() -> Any | None:
    """Returns the IPython shell of this process, for example in a notebook's kernel, or None."""
    ipython = sys.modules.get("IPython")  # not imported here: if there is a shell, it is imported already
    return ipython.get_ipython() if ipython else None


def is_interactive() -> bool:
    """Returns whether this is a notebook, IPython, or a Python prompt."""
    return ipython_shell() is not None or hasattr(sys, "ps1")
