"""The two ways a script fails, each reported in one line."""

from __future__ import annotations

import signal
import sys
import traceback
from pathlib import Path
from types import TracebackType

REGISTRY_FILE = "hyperparameters.py"
TRAIN_SCRIPT = "MNIST_train.py"

_PACKAGES = "rich filelock safetensors numpy tensorflow keras scipy matplotlib xlsxwriter jinja2 optuna".split()


class UsageError(Exception):
    """Something the user asked for cannot be done as asked: exit status 2."""

    exit_status = 2


class WorkFailed(Exception):
    """The request was right, the work failed: exit status 1."""

    exit_status = 1


def install_error_hook() -> None:
    """Makes uncaught errors that a user can cause print as one line on standard error, with their exit status.

    These are `UsageError`, `WorkFailed`, Ctrl-C, a package that is not installed, and mistakes in the files that users
    edit. Every other error is a defect of the program and keeps its traceback. Scripts call this before their other
    imports, so that it covers them too.
    """
    sys.excepthook = _report


def in_one_line(error: BaseException) -> str:
    """Returns the error's text, or its type's name where it has none, with line breaks folded."""
    return " ".join(str(error).split()) or type(error).__name__


def kind_and_text(error: BaseException) -> str:
    """Returns "ValueError: its text", for a record or a table to say why something failed."""
    return f"{type(error).__name__}: {in_one_line(error)}"


def _report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, KeyboardInterrupt):
        _exit(str(error) or "Interrupted.", getattr(error, "exit_status", 128 + signal.SIGINT))
    if isinstance(error, ModuleNotFoundError) and error.name in _PACKAGES:
        needed = "run it with .venv/bin/python, or install what it needs: python -m pip install -r requirements.txt"
        _exit(f"Error: {error.name} is not installed for {sys.executable}; {needed}", UsageError.exit_status)
    location = _edited_line(error, trace)
    if isinstance(error, UsageError | WorkFailed):
        _exit(f"Error: {location or ''}{in_one_line(error)}", error.exit_status)
    if location:
        message = error.msg if isinstance(error, SyntaxError) else in_one_line(error)
        _exit(f"Error: {location}{message} ({kind.__name__})", UsageError.exit_status)
    sys.__excepthook__(kind, error, trace)


def _exit(line: str, status: int) -> None:
    print(line, file=sys.stderr)
    raise SystemExit(status)


def _edited_line(error: BaseException, trace: TracebackType | None) -> str | None:
    """Returns "hyperparameters.py, line 12: " where the error came from a line that users edit, else None."""
    if isinstance(error, SyntaxError):
        candidates = [(error.filename or "", error.lineno)]
    else:
        candidates = _module_level_lines(trace)
    edited = [(Path(filename).name, line) for filename, line in candidates]
    edited = [f"{name}, line {line}: " for name, line in edited if name in (REGISTRY_FILE, TRAIN_SCRIPT)]
    return edited[-1] if edited else None


def _module_level_lines(trace: TracebackType | None) -> list[tuple[str, int | None]]:
    """Returns the (file, line) at fault: lines of the registry, or the last line if it is the training script's own."""
    frames = traceback.extract_tb(trace)
    module_level = [frame for frame in frames if frame.name == "<module>"]
    registry = [frame for frame in module_level if Path(frame.filename).name == REGISTRY_FILE]
    if registry:
        return [(frame.filename, frame.lineno) for frame in registry]
    is_in_train_script = frames[-1:] == module_level[-1:] and Path(module_level[-1].filename).name == TRAIN_SCRIPT
    return [(frame.filename, frame.lineno) for frame in module_level[-1:]] if is_in_train_script else []
