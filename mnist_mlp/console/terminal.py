"""Terminal output of the scripts."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.markup import escape

__all__ = ["escape", "open_console", "print_line"]

WIDTH_WITHOUT_TERMINAL = 200  # columns; wide enough for all tables


def open_console(quiet: bool = False) -> Console:
    """Returns a console that prints to standard output.

    Args:
        quiet: print nothing.
    """
    return Console(quiet=quiet, highlight=False, width=None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL)


def print_line(console: Console, text: Any) -> None:
    """Prints text literally, without interpreting markup and without wrapping."""
    console.print(escape(str(text)), soft_wrap=True)
