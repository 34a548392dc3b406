"""Numbers and lists as sentences have them."""

from __future__ import annotations

from collections.abc import Sequence


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Returns "1 run", "3 runs", "2 studies"."""
    return f"{number} {noun}" if number == 1 else f"{number} {plural or noun + 's'}"


def listed(names: Sequence[str]) -> str:
    """Returns "a", "a and b", "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def points(amount: float) -> str:
    """Returns a difference of two accuracies in points: "+0.31"."""
    return f"{amount * 100:+.2f}".replace("-", "\N{MINUS SIGN}")


def p_value(p: float) -> str:
    """Returns a p-value as papers write it, without a line break."""
    text = "p < 0.0001" if p < 0.0001 else f"p = {p:.2g}"
    return text.replace(" ", "\N{NO-BREAK SPACE}")
