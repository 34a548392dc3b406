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


class UsageError(Exception):
    """Something the user asked for cannot be done as asked: exit status 2."""

    exit_status = 2


class WorkFailed(Exception):
    """The request was right, the work failed: exit status 1."""

    exit_status = 1


def in_one_line(error: BaseException) -> str:
    """Returns the error's text, or its type's name where it has none, with line breaks folded."""
    return " ".join(str(error).split()) or type(error).__name__


def _line_of_registry(error: BaseException, trace: TracebackType | None) -> str | None:
    """Returns "hyperparameters.py, line 12: " where the error came out of the user's registry, else None."""
    if isinstance(error, SyntaxError):
        places = [(error.filename or "", error.lineno)]
    else:
        frames = traceback.extract_tb(trace)
        ours = isinstance(error, UsageError)  # raised by our validation, one call below the line to mend
        places = [(frame.filename, frame.lineno) for frame in (frames if ours else frames[-1:])]
    lines = [line for filename, line in places if Path(filename).name == REGISTRY_FILE]
    return f"{REGISTRY_FILE}, line {lines[-1]}: " if lines else None


def _print_in_one_line(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, KeyboardInterrupt):
        print("Interrupted.", file=sys.stderr)
        raise SystemExit(128 + signal.SIGINT)
    place = _line_of_registry(error, trace)
    if isinstance(error, UsageError | WorkFailed):
        print(f"Error: {place or ''}{in_one_line(error)}", file=sys.stderr)
        raise SystemExit(error.exit_status)
    if place:
        message = error.msg if isinstance(error, SyntaxError) else in_one_line(error)
        print(f"Error: {place}{message} ({kind.__name__})", file=sys.stderr)
        raise SystemExit(UsageError.exit_status)
    sys.__excepthook__(kind, error, trace)


sys.excepthook = _print_in_one_line
