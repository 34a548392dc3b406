"""Command-line parsing shared by the scripts."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from mnist_mlp.commands import PROJECT, python_command, relative_to_here
from mnist_mlp.errors import UsageError
from mnist_mlp.presets.checks import not_allowed


class ArgumentParser(argparse.ArgumentParser):
    """Parser that reports usage errors in one line and has helpers for common option types."""

    def __init__(self, description: str, epilog: str | None = None) -> None:
        super().__init__(description=description, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {_this_command()} --help)")

    def add_folder(self, option: str, default: str, help: str) -> None:
        """Adds an option for a directory. The default is relative to the project directory."""
        self.add_argument(
            option,
            type=Path,
            default=relative_to_here(PROJECT / default),
            metavar="DIR",
            help=f"{help} (default: {default})",
        )

    def add_whole_number(self, option: str, low: int, high: int, help: str, default: int | None = None) -> None:
        """Adds an option for an integer from low to high, inclusive."""
        shown = "" if default is None else f" (default: {default})"
        self.add_argument(option, type=_integer(option, low, high), default=default, metavar="N", help=f"{help}{shown}")


def _integer(option: str, low: int, high: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        number = int(text)
        if not low <= number <= high:
            raise not_allowed(option, number, f"a whole number from {low:,} to {high:,}")
        return number

    convert.__name__ = "int"  # argparse shows this name if the text is not an integer
    return convert


def _this_command() -> str:
    module = sys.modules["__main__"].__spec__  # None for a script, set by `python -m`
    if module:
        return f"{python_command()} -m {module.name}"
    return f"{python_command()} {relative_to_here(Path(sys.argv[0]).resolve())}"
