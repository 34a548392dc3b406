"""The registry of numbered presets, grouped into titled sections. Does not import TensorFlow or rich."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from mnist_mlp.errors import UsageError
from mnist_mlp.presets.preset import Preset, format_field

_RANGES = "numbers and ascending ranges, such as 9-13,31"


@dataclass
class Section:
    """A group of related presets.

    Attributes:
        title: heading of the section.
        numbers: numbers of its presets, in the order in which they were added.
    """

    title: str
    numbers: list[int] = field(default_factory=list)


class Registry(dict[int, Preset]):
    """Presets by number. A number cannot be used twice.

    Attributes:
        sections: the sections in order; presets added before the first `section(...)` are in a section without a title.

    Raises:
        UsageError: a number is used twice, is not a positive integer, or does not exist when looked up.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sections: list[Section] = []

    def section(self, title: str) -> None:
        """Starts a section; all presets added after this call belong to it."""
        self.sections.append(Section(title))

    def __setitem__(self, number: int, preset: Preset) -> None:
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise UsageError(f"PRESETS[{number!r}]: a preset number must be a whole number greater than 0")
        if number in self:
            raise UsageError(f"PRESETS[{number}] is defined twice; every preset needs its own number")
        if not isinstance(preset, Preset):
            raise UsageError(f"PRESETS[{number}] is {preset!r}; it must be a Preset")
        super().__setitem__(number, preset)
        if not self.sections:
            self.section("")
        self.sections[-1].numbers.append(number)

    def __missing__(self, number: object) -> Preset:
        raise UsageError(f"preset {number!r} does not exist; available: {ranges_of(self)} (see hyperparameters.py)")

    def select(self, chosen: str | Iterable[int]) -> dict[int, Preset]:
        """Returns the selected presets by number, in the given order.

        Args:
            chosen: text such as "9-13,31" or "9 10 31", or the numbers themselves.

        Raises:
            UsageError: nothing is selected, a number does not exist or is selected twice, or the text cannot be parsed.
        """
        numbers = self._parse(chosen) if isinstance(chosen, str) else chosen
        selected: dict[int, Preset] = {}
        try:
            for number in numbers:
                if isinstance(number, int) and number < 0:
                    raise UsageError(f'preset {number} does not exist; write ranges as text: presets = "9-13,31"')
                if not isinstance(number, int) or isinstance(number, bool):
                    raise UsageError(f"presets: {number!r} is not a preset number; available: {ranges_of(self)}")
                if number in selected:
                    raise UsageError(f"preset {number} is selected twice")
                selected[number] = self[number]
        except TypeError:
            raise UsageError(f"presets = {chosen!r} is not a list of preset numbers such as [9, 10, 31]") from None
        if not selected:
            raise UsageError("no preset is selected; select at least one, such as presets = [31] or --presets 31")
        return selected

    def _parse(self, text: str) -> Iterator[int]:
        joined = re.sub(r"\s*-\s*", "-", text.strip())
        for part in re.split(r"\s*,\s*|\s+", joined) if joined else ():
            match = re.fullmatch(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", part)
            low, high = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
            if low > high:
                raise UsageError(f"presets {text!r}: {part!r} is invalid; use {_RANGES}")
            if high not in self:  # fails for 1-999999999 without counting up to it
                self[high]
            yield from range(low, high + 1)

    def number_of(self, preset: Preset) -> int | None:
        """Returns the number of this preset object, or None if it is not in the registry."""
        return next((number for number, known in self.items() if known is preset), None)

    def change_of(self, preset: Preset) -> str:
        """Returns the parent's number and the preset's changes from it, such as "18: dropout 0 -> 0.2"."""
        if preset.parent is None:
            return "none (base preset)"
        changes = ", ".join(
            f"{name} {format_field(before)} -> {format_field(after)}"
            for name, (before, after) in preset.parent.differences(preset).items()
        )
        number = self.number_of(preset.parent)
        return f"{'unnumbered' if number is None else number}: {changes or 'no change'}"


def ranges_of(numbers: Iterable[int]) -> str:
    """Returns numbers as text that `Registry.select` accepts, such as "9-13,31"."""
    ranges: list[list[int]] = []
    for number in sorted(numbers):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in ranges)
