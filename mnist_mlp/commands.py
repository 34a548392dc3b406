"""The project's scripts as a user calls them from the working directory, for messages that say what to type next."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


def relative_to_here(path: Path) -> Path:
    """Returns the path relative to the working folder where it lies below it: shorter to read."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def command(script: str, **folders: Path) -> str:
    """Returns how to call one of the project's scripts from here, for a line that tells what to type next.

    Args:
        script: its name, such as MNIST_eval.py.
        folders: runs_dir and info_dir, of its options; named in the line only if they are not the defaults.
            (MNIST is the same in every data_dir.)
    """
    usual = {"runs_dir": PROJECT / "runs", "info_dir": PROJECT / "INFOS"}
    options = [
        f" --{name.replace('_', '-')} {shlex.quote(str(folder))}"
        for name, folder in folders.items()
        if folder.resolve() != usual[name].resolve()
    ]
    return f"{python_command()} {relative_to_here(PROJECT / script)}{''.join(options)}"


def python_command() -> str:
    executable = Path(sys.executable)  # not resolved: a virtual environment's Python is a link
    return str(relative_to_here(executable)) if executable.is_relative_to(Path.cwd()) else "python"
