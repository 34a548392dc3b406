"""Checks of single values: each returns the value in the form that is kept, or raises one clear line."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from mnist_mlp.errors import UsageError

MOST_LAYERS = 100
WIDEST_LAYER = 65_536


@dataclass(frozen=True)
class Check:
    """A check of one value.

    Attributes:
        allowed: the allowed values, in words; for error messages and for the documentation.
        convert: (name, value) -> the value to keep; raises UsageError.
    """

    allowed: str
    convert: Callable[[str, Any], Any]

    def __call__(self, name: str, value: Any) -> Any:
        return self.convert(name, value)


def not_allowed(name: str, value: Any, allowed: str) -> UsageError:
    """Returns the error that names a setting, its value and the allowed values."""
    shown = repr(value)
    return UsageError(f"{name}={shown if len(shown) <= 80 else shown[:77] + '...'} is not allowed; allowed: {allowed}")


def number(allowed: str, is_allowed: Callable[[float], bool]) -> Check:
    """Returns the check of a finite real number, kept as a float."""

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
    """Returns the check of an integer from low to high, both included."""
    allowed = f"a whole number from {low} to {high}"

    def convert(name: str, value: Any) -> int:
        if not isinstance(value, Integral) or isinstance(value, bool) or not low <= value <= high:
            raise not_allowed(name, value, allowed)
        return int(value)

    return Check(allowed, convert)


def one_of(names: Iterable[str]) -> Check:
    """Returns the check of a name; Keras's class names, such as HeNormal and RMSprop, are accepted too."""
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
    if not isinstance(value, list | tuple) or len(value) > MOST_LAYERS:
        raise not_allowed(name, value, layer_sizes.allowed)
    size = whole_number(1, WIDEST_LAYER)
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
positive = number("a finite number above 0", lambda value: value > 0)
non_negative = number("a finite number of at least 0", lambda value: value >= 0)
non_positive = number("a finite number of at most 0", lambda value: value <= 0)
fraction = number("a number of at least 0 and below 1", lambda value: 0 <= value < 1)
degrees = number("degrees from 0 to 180", lambda value: 0 <= value <= 180)
true_or_false = Check("True or False", _convert_boolean)
layer_sizes = Check(f"a tuple of at most {MOST_LAYERS} layer sizes, such as (300, 200, 200)", _convert_layer_sizes)
arguments_by_name = Check('a dict such as {"momentum": 0.9}', _convert_arguments)
