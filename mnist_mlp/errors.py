"""The errors that scripts report in one line, and their exit statuses."""

from __future__ import annotations

import shutil
import signal
import sys
import textwrap
import traceback
from pathlib import Path
from types import TracebackType

from mnist_mlp.host.interactive import is_interactive
from mnist_mlp.host.streams import prepare_standard_streams

REGISTRY_FILE = "hyperparameters.py"
TRAIN_SCRIPT = "MNIST_train.py"

_PACKAGES = "rich filelock psutil safetensors numpy tensorflow keras scipy matplotlib xlsxwriter jinja2".split()


class _OneLineError(Exception):
    """An error that is reported in one line, in notebooks too."""

    def _render_traceback_(self) -> list[str]:
        """Called by IPython instead of formatting a traceback."""
        return [f"Error: {_message(self, self.__traceback__)}"]


class UsageError(_OneLineError):
    """The user's input is invalid. Exit status 2."""

    exit_status = 2


class WrongCommand(UsageError):
    """The command line is invalid, so no line of a file that users edit is to blame."""


class WorkFailed(_OneLineError):
    """The input is valid, but the work failed. Exit status 1."""

    exit_status = 1


def install_error_hook() -> None:
    """Installs a hook that prints errors a user can cause as one line on standard error and sets the exit status.

    These are `UsageError`, `WorkFailed`, Ctrl-C, a missing package, and mistakes in the files that users edit. Any
    other error is a bug and keeps its traceback. Scripts call this before their other imports, so that errors during
    those imports are covered too. It also makes the standard streams safe to print to.
    """
    prepare_standard_streams()
    sys.excepthook = _report


def in_one_line(error: BaseException) -> str:
    """Returns the error message without line breaks, or the exception's type if there is no message."""
    return " ".join(str(error).split()) or type(error).__name__


def kind_and_text(error: BaseException) -> str:
    """Returns "ValueError: message", the form in which records and tables store why something failed."""
    return f"{type(error).__name__}: {in_one_line(error)}"


def _report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    text = _message(error, trace)
    if isinstance(error, KeyboardInterrupt):
        _exit(str(error) or "Interrupted.", getattr(error, "exit_status", 128 + signal.SIGINT))
    elif isinstance(error, ModuleNotFoundError) and error.name in _PACKAGES:
        needed = "use .venv/bin/python, or install the requirements: python -m pip install -r requirements.txt"
        if not Path(__file__).resolve().parent.with_name(".venv").exists():
            needed = "install this project as described in README.md, under Quick start"
        _exit(f"Error: {error.name} is not installed for {sys.executable}; {needed}", UsageError.exit_status)
    elif text:
        _exit(f"Error: {text}", getattr(error, "exit_status", UsageError.exit_status))
    else:
        sys.__excepthook__(kind, error, trace)


def mistake_in_edited_file(error: BaseException) -> UsageError | None:
    """Returns the error as a UsageError that names the line, if it came from a file that users edit, else None."""
    if isinstance(error, ModuleNotFoundError) and error.name in _PACKAGES:
        return None
    text = _message(error, error.__traceback__)
    return UsageError(text) if text else None


def _message(error: BaseException, trace: TracebackType | None) -> str | None:
    """Returns the message for an error that a user can cause, with the line in a file that users edit, else None."""
    location = _edited_line(error, trace)
    if isinstance(error, _OneLineError):
        return f"{location or ''}{in_one_line(error)}"
    if location:
        message = error.msg if isinstance(error, SyntaxError) else in_one_line(error)
        return f"{location}{message} ({type(error).__name__})"
    return None


def _exit(line: str, status: int) -> None:
    print(_wrapped_on_terminal(line), file=sys.stderr)
    if not is_interactive():  # a Python prompt would close
        raise SystemExit(status)


def _wrapped_on_terminal(line: str) -> str:
    """Returns the line wrapped between words if it goes to a terminal, which would break commands inside words."""
    if not sys.stderr.isatty():
        return line
    from mnist_mlp.commands import python_command

    text, _, last = line.rpartition(": ")
    width = shutil.get_terminal_size().columns
    if text and len(line) > width and last.startswith(python_command()):  # a command on its own line can be copied
        return f"{_wrapped(f'{text}:', width)}\n{last}"
    return _wrapped(line, width)


def _wrapped(line: str, width: int) -> str:
    return textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False)


def _edited_line(error: BaseException, trace: TracebackType | None) -> str | None:
    """Returns "hyperparameters.py, line 12: " if the error came from a file that users edit, else None."""
    if isinstance(error, WrongCommand):
        return None
    if isinstance(error, SyntaxError):
        candidates = [(error.filename or "", error.lineno)]
    else:
        candidates = _module_level_lines(trace)
    edited = [(Path(filename).name, line) for filename, line in candidates]
    edited = [f"{name}, line {line}: " for name, line in edited if name in (REGISTRY_FILE, TRAIN_SCRIPT)]
    return edited[-1] if edited else None


def _module_level_lines(trace: TracebackType | None) -> list[tuple[str, int | None]]:
    """Returns the module-level (file, line) pairs of the registry, or of the training script if it raised the error."""
    frames = traceback.extract_tb(trace)
    module_level = [frame for frame in frames if frame.name == "<module>"]
    registry = [frame for frame in module_level if Path(frame.filename).name == REGISTRY_FILE]
    if registry:
        return [(frame.filename, frame.lineno) for frame in registry]
    if not module_level:  # Ctrl-C at a Python prompt has no frames
        return []
    is_in_train_script = frames[-1:] == module_level[-1:] and Path(module_level[-1].filename).name == TRAIN_SCRIPT
    return [(frame.filename, frame.lineno) for frame in module_level[-1:]] if is_in_train_script else []
