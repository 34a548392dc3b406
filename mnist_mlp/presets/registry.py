"""The numbered presets, chosen by number and shown as a table. Imports no TensorFlow."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rich.table import Table

from mnist_mlp.console.tables import plain_table
from mnist_mlp.errors import UsageError
from mnist_mlp.presets.preset import Preset, format_field

WIDTH_OF_ALL_FIELDS = 150
_RANGES = "numbers and ranges from low to high, such as 9-13,31"


class Registry(dict[int, Preset]):
    """Presets by number; each number is given once.

    Raises:
        UsageError: a number is given twice, is not a whole number from 1, or is unknown when looked up.
    """

    def __setitem__(self, number: int, preset: Preset) -> None:
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise UsageError(f"PRESETS[{number!r}]: a preset's number is a whole number from 1")
        if number in self:
            raise UsageError(f"PRESETS[{number}] is given twice; every preset needs a number of its own")
        if not isinstance(preset, Preset):
            raise UsageError(f"PRESETS[{number}] is {preset!r}; it must be a Preset")
        super().__setitem__(number, preset)

    def __missing__(self, number: object) -> Preset:
        raise UsageError(f"preset {number!r} is unknown; known: {ranges_of(self)} (see hyperparameters.py)")

    def select(self, chosen: str | Iterable[int]) -> dict[int, Preset]:
        """Returns the chosen presets by number, in the order chosen.

        Args:
            chosen: text such as "9-13,31", or the numbers themselves.

        Raises:
            UsageError: nothing is chosen, a number is unknown or chosen twice, or the text is no list of ranges.
        """
        numbers = self._parse(chosen) if isinstance(chosen, str) else chosen
        selected: dict[int, Preset] = {}
        try:
            for number in numbers:
                if isinstance(number, int) and number < 0:
                    raise UsageError(f'preset {number} is unknown; for a range write text: presets = "9-13,31"')
                if not isinstance(number, int) or isinstance(number, bool):
                    raise UsageError(f"preset {number!r} is no number of a preset; known: {ranges_of(self)}")
                if number in selected:
                    raise UsageError(f"preset {number} is chosen twice")
                selected[number] = self[number]
        except TypeError:
            raise UsageError(f"presets = {chosen!r} is not a list of preset numbers, such as [9, 10, 31]") from None
        if not selected:
            raise UsageError("no preset is chosen; choose at least one, such as presets = [31] or --presets 31")
        return selected

    def _parse(self, text: str) -> Iterable[int]:
        for part in text.split(",") if text.strip() else ():
            match = re.fullmatch(r"\s*([0-9]{1,9})\s*(?:-\s*([0-9]{1,9})\s*)?", part)
            low, high = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
            if low > high:
                raise UsageError(f"presets {text!r}: {part.strip()!r} is not understood; write {_RANGES}")
            if high not in self:  # before counting up to it: 1-999999999 must not take for ever
                self[high]
            yield from range(low, high + 1)

    def number_of(self, preset: Preset) -> int | None:
        """Returns the number under which this very preset stands, None if it stands under none."""
        return next((number for number, each in self.items() if each is preset), None)

    def change_of(self, preset: Preset) -> str:
        """Returns what the preset changed against its parent: "18: dropout 0 -> 0.2"."""
        if preset.parent is None:
            return "a beginning"
        changes = ", ".join(
            f"{name} {format_field(before)} -> {format_field(after)}"
            for name, (before, after) in preset.parent.differences(preset).items()
        )
        number = self.number_of(preset.parent)
        return f"{'unnumbered' if number is None else number}: {changes or 'the same again'}"

    def table(self, width: int) -> Table:
        """Returns the registry as a table for a terminal of that many columns: every field where there is room."""
        headings = "preset|hidden sizes|activation|init|batch|epochs|optimizer|learning rate|weight decay|dropout"
        shown = 10 if width >= WIDTH_OF_ALL_FIELDS else 2
        table = plain_table("|".join(headings.split("|")[:shown]), left="hidden sizes|activation|init|optimizer")
        table.add_column("changed, against", style="cyan")
        for number, preset in self.items():
            optimizer = f"{preset.optimizer} {format_field(preset.optimizer_arguments)}".removesuffix(" none")
            values = (number, preset.hidden_sizes, preset.activation, preset.weight_init, preset.batch_size)
            values += (preset.epochs, optimizer, preset.learning_rate, preset.weight_decay, preset.dropout)
            table.add_row(*map(format_field, values[:shown]), self.change_of(preset))
        return table


def ranges_of(numbers: Iterable[int]) -> str:
    """Returns numbers as text that `Registry.select` understands: "9-13,31"."""
    ranges: list[list[int]] = []
    for number in sorted(numbers):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in ranges)
