"""JSON that every reader accepts. Python's own writer uses `NaN` and `Infinity`, which JSON does not allow."""

from __future__ import annotations

import json
import math
from typing import Any


def to_json(value: Any, indent: int | None = None) -> str:
    """Returns the value as JSON. NaN and infinite numbers are written as null."""
    try:
        return json.dumps(value, indent=indent, allow_nan=False)
    except ValueError:  # rare, so only these values pay for the copy
        return json.dumps(_with_null(value), indent=indent, allow_nan=False)


def null_to_nan(value: Any) -> Any:
    """Returns a number that `to_json` wrote as null as NaN. Applies to a dict of numbers or of such dicts, too."""
    if isinstance(value, dict):
        return {key: null_to_nan(item) for key, item in value.items()}
    return math.nan if value is None else value


def _with_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_null(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_null(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
