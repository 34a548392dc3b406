"""The terminal that the scripts print to."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.markup import escape

__all__ = ["escape", "open_console", "print_line"]

WIDTH_WITHOUT_TERMINAL = 200  # columns; wide enough for every table


def open_console(quiet: bool = False) -> Console:
    """Returns the console of standard output.

    Args:
        quiet: prints nothing.
    """
    return Console(quiet=quiet, highlight=False, width=None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL)


def print_line(console: Console, text: Any) -> None:
    """Prints text as it is, without markup and without breaking it into lines."""
    console.print(escape(str(text)), soft_wrap=True)
