"""The two ways a script ends badly, each told in one line.

Importing this module makes an uncaught `UsageError` or `WorkFailed` print as one line on standard error, with its exit
status and no traceback. Everything else that escapes is a defect of ours and keeps its traceback.
"""

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


def in_one_line(error: BaseException) -> str:
    """Returns the error's text, or its type's name where it has none, with line breaks folded."""
    return " ".join(str(error).split()) or type(error).__name__


def kind_and_text(error: BaseException) -> str:
    """Returns "ValueError: what it says", for a record or a table to tell why something failed."""
    return f"{type(error).__name__}: {in_one_line(error)}"


def _place_to_mend(error: BaseException, trace: TracebackType | None) -> str | None:
    """Returns "hyperparameters.py, line 12: " where the error came out of a line that users edit, else None."""
    if isinstance(error, SyntaxError):
        places = [(error.filename or "", error.lineno)]
    else:
        frames = traceback.extract_tb(trace)
        lines = [frame for frame in frames if frame.name == "<module>"]  # of a file while it is read, not of a function
        registry = [frame for frame in lines if Path(frame.filename).name == REGISTRY_FILE]
        in_train_script = frames[-1:] == lines[-1:] and Path(lines[-1].filename).name == TRAIN_SCRIPT
        places = [(frame.filename, frame.lineno) for frame in registry or (lines[-1:] if in_train_script else [])]
    edited = [(Path(filename).name, line) for filename, line in places]
    edited = [f"{name}, line {line}: " for name, line in edited if name in (REGISTRY_FILE, TRAIN_SCRIPT)]
    return edited[-1] if edited else None


def _print_in_one_line(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, KeyboardInterrupt):
        print(str(error) or "Interrupted.", file=sys.stderr)
        raise SystemExit(getattr(error, "exit_status", 128 + signal.SIGINT))
    if isinstance(error, ModuleNotFoundError) and error.name in _PACKAGES:
        needed = "run it with .venv/bin/python, or install what it needs: python -m pip install -r requirements.txt"
        print(f"Error: {error.name} is not installed for {sys.executable}; {needed}", file=sys.stderr)
        raise SystemExit(UsageError.exit_status)
    place = _place_to_mend(error, trace)
    if isinstance(error, UsageError | WorkFailed):
        print(f"Error: {place or ''}{in_one_line(error)}", file=sys.stderr)
        raise SystemExit(error.exit_status)
    if place:
        message = error.msg if isinstance(error, SyntaxError) else in_one_line(error)
        print(f"Error: {place}{message} ({kind.__name__})", file=sys.stderr)
        raise SystemExit(UsageError.exit_status)
    sys.__excepthook__(kind, error, trace)


sys.excepthook = _print_in_one_line
