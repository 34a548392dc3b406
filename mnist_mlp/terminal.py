"""The command line that the scripts share: arguments, folders and the console."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from rich.console import Console
from rich.markup import escape

from mnist_mlp.errors import UsageError

__all__ = ["ArgumentParser", "command", "console", "escape"]

PROJECT = Path(__file__).resolve().parent.parent


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
            default=_from_here(PROJECT / default),
            metavar="FOLDER",
            help=f"{what} (default: {default})",
        )


def _from_here(path: Path) -> Path:
    """Returns the path relative to the working folder where it lies below it: shorter to read."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def command(script: str, **folders: Path) -> str:
    """Returns how to call one of the project's scripts from here, for a line that tells what to type next.

    Args:
        script: its name, such as MNIST_eval.py.
        folders: runs_dir and info_dir, as far as it takes them; named in the line where they are not the usual ones.
            (MNIST is the same in every data_dir.)
    """
    usual = {"runs_dir": PROJECT / "runs", "info_dir": PROJECT / "INFOS"}
    options = [
        f" --{name.replace('_', '-')} {shlex.quote(str(folder))}"
        for name, folder in folders.items()
        if folder.resolve() != usual[name].resolve()
    ]
    return f"{_python()} {_from_here(PROJECT / script)}{''.join(options)}"


def _this_command() -> str:
    module = sys.modules["__main__"].__spec__  # of `python -m`; a script has none
    return f"{_python()} -m {module.name}" if module else f"{_python()} {_from_here(Path(sys.argv[0]).resolve())}"


def _python() -> str:
    executable = Path(sys.executable)  # not resolved: a virtual environment's Python is a link
    return str(_from_here(executable)) if executable.is_relative_to(Path.cwd()) else "python"


def console(quiet: bool = False) -> Console:
    """Returns the console of standard output; where that is no terminal, lines are long enough for every table."""
    return Console(quiet=quiet, highlight=False, width=None if sys.stdout.isatty() else 200)


@contextlib.contextmanager
def silenced_standard_error() -> Iterator[None]:
    """Sends file descriptor 2 nowhere for a while: C++ code writes there, past `sys.stderr`."""
    sys.stderr.flush()
    saved = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
