"""Suppresses terminal output of C++ libraries."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def silenced_standard_error() -> Iterator[None]:
    """Discards output to file descriptor 2 inside a `with` block. C++ code writes there, bypassing `sys.stderr`."""
    sys.stderr.flush()
    saved = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
