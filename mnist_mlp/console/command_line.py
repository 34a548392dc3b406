"""The command line that the scripts share: arguments, folders and the console."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NoReturn

from rich.console import Console
from rich.markup import escape

from mnist_mlp.commands import PROJECT, command, python_command, relative_to_here
from mnist_mlp.errors import UsageError

__all__ = ["ArgumentParser", "command", "console", "escape"]


class ArgumentParser(argparse.ArgumentParser):
    """An argparse parser that tells wrong use in one line, and knows the project's folders."""

    def __init__(self, description: str) -> None:
        super().__init__(description=description)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {_this_command()} --help)")

    def add_folder(self, option: str, default: str, what: str) -> None:
        """Adds an option that names a folder; by default the one of that name beside the scripts."""
        self.add_argument(
            option,
            type=Path,
            default=relative_to_here(PROJECT / default),
            metavar="FOLDER",
            help=f"{what} (default: {default})",
        )


def _this_command() -> str:
    module = sys.modules["__main__"].__spec__  # of `python -m`; a script has none
    return (
        f"{python_command()} -m {module.name}"
        if module
        else f"{python_command()} {relative_to_here(Path(sys.argv[0]).resolve())}"
    )


def console(quiet: bool = False) -> Console:
    """Returns the console of standard output; where that is no terminal, lines are long enough for every table."""
    return Console(quiet=quiet, highlight=False, width=None if sys.stdout.isatty() else 200)
