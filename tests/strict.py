"""A JSON reader that rejects what JSON does not allow. Python's own reader accepts NaN and Infinity."""

from __future__ import annotations

import json
from typing import Any


def strict_json(text: str) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)
