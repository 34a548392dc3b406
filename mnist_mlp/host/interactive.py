"""Finds out whether this code runs in an interactive session, which must survive errors and Ctrl-C."""

from __future__ import annotations

import os
import sys
from typing import Any


def ipython_shell() -> Any | None:
    """Returns the IPython shell of this process, for example in a notebook's kernel, or None."""
    ipython = sys.modules.get("IPython")  # not imported here: if there is a shell, it is imported already
    return ipython.get_ipython() if ipython else None


def is_interactive() -> bool:
    """Returns whether this is a notebook, IPython, or a Python prompt, also one that opens later (`python -i`)."""
    opens_prompt = sys.flags.interactive or sys.flags.inspect or bool(os.environ.get("PYTHONINSPECT"))
    return ipython_shell() is not None or hasattr(sys, "ps1") or opens_prompt
