"""Do the conclusions of 2020 hold? Compares each preset with its parent, as in 2020 and as intended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from experiments.replicate_2020.comparison import AS_IN_2020, VARIANTS, Comparison, Variant
from mnist_mlp.evaluation.seed_spread import SeedSpread
from mnist_mlp.presets.registry import Registry
from mnist_mlp.report.statistics import Difference, Mean, simultaneous_differences
from mnist_mlp.report.tables import Column, DataTable, Kind, shown


@dataclass(frozen=True)
class Conclusion:
    """A change from one preset to another, and how it affected test accuracy.

    Attributes:
        preset: number of the changed preset.
        change: its parent's number and the change, as `Registry.change_of` returns it.
        published: published accuracy of the preset minus that of its parent, -1 to 1.
        differences: the same in our runs. A variant is missing if a mean is unknown.
    """

    preset: int
    change: str
    published: float
    differences: Mapping[Variant, Difference]


def conclusions(comparison: Comparison, registry: Registry) -> list[Conclusion]:
    """Returns the changes that a bug of the 2020 code may have distorted: one of their presets has decay or dropout.

    All differences, of both variants, are tested together. Presets that have not learned in our runs have no spread
    over seeds, and their differences are not tested.
    """
    pairs = {
        number: parent
        for number in comparison.numbers
        if (parent := registry.number_of(registry[number].parent)) in comparison.numbers
        and (_is_affected(registry, number) or _is_affected(registry, parent))
    }
    means = {variant: _means(comparison, variant) for variant in VARIANTS}
    tested = [
        (variant, number)
        for variant in VARIANTS
        for number, parent in pairs.items()
        if number in means[variant] and parent in means[variant]
    ]
    found = simultaneous_differences(
        [(means[variant][number], means[variant][pairs[number]]) for variant, number in tested]
    )
    differences = dict(zip(tested, found, strict=True))
    published = {number: comparison.figure(number, AS_IN_2020, "test").published for number in comparison.numbers}
    return [
        Conclusion(
            number,
            registry.change_of(registry[number]),
            published[number] - published[parent],
            {variant: differences[variant, number] for variant in VARIANTS if (variant, number) in differences},
        )
        for number, parent in pairs.items()
    ]


def conclusions_table(rows: list[Conclusion]) -> DataTable:
    """Returns the conclusions as a table, with simultaneous 95% intervals."""
    columns = [
        Column("preset", Kind.COUNT, lambda row: row.preset),
        Column("change", Kind.TEXT, lambda row: row.change),
        Column("published", Kind.POINTS, lambda row: row.published),
        *(Column(variant.title, Kind.TEXT, _in_points(variant)) for variant in VARIANTS),
    ]
    return DataTable.of("conclusions of 2020", columns, rows)


def _is_affected(registry: Registry, number: int) -> bool:
    return bool(registry[number].weight_decay or registry[number].dropout)


def _means(comparison: Comparison, variant: Variant) -> dict[int, Mean]:
    """Returns the mean test accuracy of each preset, with the spread over seeds of its group."""
    means = {}
    for group in comparison.groups(variant, "test"):
        if group.freedom:
            spread = SeedSpread(group.deviation, group.freedom)
            for sample in group.samples:
                accuracies = sample.accuracies
                means[sample.preset] = Mean(sum(accuracies) / len(accuracies), len(accuracies), spread)
    return means


def _in_points(variant: Variant) -> Callable[[Conclusion], str | None]:
    def text(row: Conclusion) -> str | None:
        if variant not in row.differences:
            return None
        difference = row.differences[variant]
        amount, low, high = (
            shown(value, Kind.POINTS) for value in (difference.amount, difference.low, difference.high)
        )
        return f"{amount} ({low} to {high})"

    return text
