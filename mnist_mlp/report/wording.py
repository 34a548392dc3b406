"""Formats numbers and lists for sentences."""

from __future__ import annotations

from collections.abc import Sequence


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Returns "1 run", "3 runs", "2 studies"."""
    return f"{number} {noun}" if number == 1 else f"{number} {plural or noun + 's'}"


def listed(names: Sequence[str]) -> str:
    """Returns "a", "a and b" or "a, b, and c"."""
    if len(names) < 3:
        return " and ".join(names)
    return f"{', '.join(names[:-1])}, and {names[-1]}"


def capitalized(text: str) -> str:
    """Returns the text with its first letter capitalized. Does not change other letters, as `str.capitalize` would."""
    return text[:1].upper() + text[1:]


def points(amount: float, digits: int = 2) -> str:
    """Returns a difference of two accuracies in percentage points, such as "+0.31"."""
    return f"{amount * 100:+z.{digits}f}".replace("-", "\N{MINUS SIGN}")


def p_value(p: float) -> str:
    """Returns a p-value with non-breaking spaces, such as "p = 0.031" or "p < 0.0001"."""
    text = "p < 0.0001" if p < 0.0001 else "p > 0.99" if p > 0.99 else f"p = {p:.2g}"
    return text.replace(" ", "\N{NO-BREAK SPACE}")
