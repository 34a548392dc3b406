"""Terminal output of the scripts."""

from __future__ import annotations

import os
import shutil
import sys
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.status import Status

__all__ = ["escape", "open_console", "print_line", "print_marked_up"]

WIDTH_WITHOUT_TERMINAL = 200  # columns; wide enough for all tables
WIDTH_IN_NOTEBOOK = 100  # a cell's output is about that wide, and wraps longer lines


class _Console(Console):
    """A console whose spinner consists of characters that its encoding has."""

    def status(self, status: Any, **options: Any) -> Status:
        """Returns a status line with a spinner, to be used as a context manager."""
        return super().status(status, spinner="line" if self.options.ascii_only else "dots", **options)


def open_console(quiet: bool = False) -> Console:
    """Returns a console that prints to standard output.

    Args:
        quiet: print nothing.
    """
    is_terminal = is_terminal_output()
    width = None if is_terminal else WIDTH_IN_NOTEBOOK if in_notebook() else WIDTH_WITHOUT_TERMINAL
    # rich assumes 80 columns on a dumb terminal, and believes COLUMNS=0
    is_unknown = Console().is_dumb_terminal or os.environ.get("COLUMNS") == "0"
    size = shutil.get_terminal_size() if is_unknown and is_terminal else None
    options = {"width": size.columns if size else width, "height": size.lines if size else None}
    options |= {"force_terminal": None if is_terminal else False, "force_jupyter": False}
    return _Console(quiet=quiet, highlight=False, emoji=False, **options)  # emoji: a path may contain ":100:"


def is_terminal_output() -> bool:
    """Returns whether standard output goes to a terminal, where lines can be overwritten.

    rich also believes FORCE_COLOR, which Jupyter sets. In a cell, `!python` gets a terminal, but its overwritten lines
    are all shown.
    """
    return sys.stdout.isatty() and "JPY_PARENT_PID" not in os.environ


def in_notebook() -> bool:
    """Returns whether output goes to a notebook, where a display can be updated."""
    return Console().is_jupyter


def print_line(console: Console, text: Any) -> None:
    """Prints text literally, without interpreting markup."""
    print_marked_up(console, escape(str(text)))


def print_marked_up(console: Console, text: str) -> None:
    """Prints text with markup. On a terminal, it is wrapped only between words, so that commands stay readable."""
    console.print(text, soft_wrap=not console.is_terminal)
