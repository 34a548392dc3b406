"""Command lines of the project's scripts, for messages that suggest what to type next."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

from mnist_mlp.host.interactive import ipython_shell

PROJECT = Path(__file__).resolve().parent.parent


def typed_path(text: str | Path) -> Path:
    """Returns the path that a user typed, with ~ as the home directory: shells do not replace it in --runs-dir=~."""
    return Path(os.path.expanduser(text))


def relative_to_here(path: Path) -> Path:
    """Returns the path relative to the working directory, or unchanged if it is outside that directory."""
    try:
        here = Path.cwd()
    except FileNotFoundError:  # the working directory was deleted
        return path
    return path.relative_to(here) if path.is_relative_to(here) else path


def command(script: str, **folders: Path) -> str:
    """Returns the command line that runs one of the project's scripts from the working directory.

    Args:
        script: the script's file name, such as MNIST_eval.py.
        folders: runs_dir and info_dir, which become options if they are not the defaults. data_dir is not needed,
            because all copies of MNIST are identical.
    """
    usual = {"runs_dir": PROJECT / "runs", "info_dir": PROJECT / "INFOS"}
    options = [
        f" --{name.replace('_', '-')} {quoted(str(folder))}"
        for name, folder in folders.items()
        if folder.resolve() != usual[name].resolve()
    ]
    return f"{python_command()} {relative_to_here(PROJECT / script)}{''.join(options)}"


def quoted(argument: str) -> str:
    """Returns the argument with quotes if the user's command line needs them."""
    return subprocess.list2cmdline([argument]) if sys.platform == "win32" else shlex.quote(argument)


def python_command() -> str:
    """Returns how the user runs a script: %run in a notebook, else the running Python as the user would type it.

    This is "python" if it is outside the working directory.
    """
    if ipython_shell():
        return "%run"
    executable = Path(sys.executable)  # not resolved: the Python of a virtual environment is a symlink
    shown = relative_to_here(executable)
    return "python" if shown == executable else str(shown)
