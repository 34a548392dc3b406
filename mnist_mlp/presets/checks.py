"""Checks for single values. Each one returns the normalized value or raises a one-line error."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from mnist_mlp.errors import UsageError

MAX_LAYERS = 100
MAX_LAYER_SIZE = 65_536


@dataclass(frozen=True)
class Check:
    """A check of one value.

    Attributes:
        allowed: description of the allowed values, for error messages and documentation.
        convert: (name, value) -> normalized value. Raises UsageError if the value is not allowed.
    """

    allowed: str
    convert: Callable[[str, Any], Any]

    def __call__(self, name: str, value: Any) -> Any:
        return self.convert(name, value)


def not_allowed(name: str, value: Any, allowed: str) -> UsageError:
    """Returns an error that names the setting, its invalid value and the allowed values."""
    shown = repr(value)
    return UsageError(f"{name}: must be {allowed}, not {shown if len(shown) <= 80 else shown[:77] + '...'}")


def number(allowed: str, is_allowed: Callable[[float], bool]) -> Check:
    """Returns a check that accepts finite real numbers and converts them to float."""

    def convert(name: str, value: Any) -> float:
        try:
            as_float = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
        except OverflowError:
            as_float = math.inf
        if not (math.isfinite(as_float) and is_allowed(as_float)):
            raise not_allowed(name, value, allowed)
        return as_float

    return Check(allowed, convert)


def whole_number(low: int, high: int) -> Check:
    """Returns a check that accepts integers from low to high, inclusive."""
    allowed = f"a whole number from {low:,} to {high:,}"

    def convert(name: str, value: Any) -> int:
        if not isinstance(value, Integral) or isinstance(value, bool) or not low <= value <= high:
            raise not_allowed(name, value, allowed)
        return int(value)

    return Check(allowed, convert)


def one_of(names: Iterable[str]) -> Check:
    """Returns a check that accepts these names. Keras class names (HeNormal, RMSprop) are accepted too."""
    names = tuple(names)
    allowed = "one of " + ", ".join(names)

    def convert(name: str, value: Any) -> str:
        if isinstance(value, str):
            snake_case = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", value).lower()
            for candidate in (snake_case, value.lower()):
                if candidate in names:
                    return candidate
        raise not_allowed(name, value, allowed)

    return Check(allowed, convert)


def _convert_boolean(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise not_allowed(name, value, true_or_false.allowed)
    return value


def _convert_layer_sizes(name: str, value: Any) -> tuple[int, ...]:
    if not isinstance(value, list | tuple) or len(value) > MAX_LAYERS:
        raise not_allowed(name, value, layer_sizes.allowed)
    size = whole_number(1, MAX_LAYER_SIZE)
    return tuple(size(f"{name}[{index}]", units) for index, units in enumerate(value))


def _convert_arguments(name: str, value: Any) -> tuple[tuple[str, Any], ...]:
    try:
        arguments = dict(value)
    except (TypeError, ValueError):
        raise not_allowed(name, value, arguments_by_name.allowed) from None
    if not all(isinstance(argument, str) for argument in arguments):
        raise not_allowed(name, value, arguments_by_name.allowed)
    return tuple((argument, arguments[argument]) for argument in sorted(arguments))


any_number = number("a finite number", lambda value: True)
positive = number("a finite number greater than 0", lambda value: value > 0)
non_negative = number("a finite number that is at least 0", lambda value: value >= 0)
non_positive = number("a finite number that is at most 0", lambda value: value <= 0)
fraction = number("a number that is at least 0 and less than 1", lambda value: 0 <= value < 1)
degrees = number("an angle from 0 to 180 degrees", lambda value: 0 <= value <= 180)
true_or_false = Check("True or False", _convert_boolean)
layer_sizes = Check(f"a tuple of at most {MAX_LAYERS} layer sizes, such as (300, 200, 200)", _convert_layer_sizes)
arguments_by_name = Check('a dict such as {"momentum": 0.9}', _convert_arguments)
