"""Compares our runs with the published figures."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from experiments.replicate_2020.intervals import Group, Interval, Sample, groups_of, own_interval, prediction_intervals
from experiments.replicate_2020.runs_file import FinishedRun, Penalty
from mnist_mlp.presets.preset import Preset
from mnist_mlp.report.tables import Cell, Column, DataTable, Kind

PUBLISHED_FILE = Path(__file__).resolve().parent.parent / "published_2020.csv"
PARTS = ("validation", "test")
MAJORITY = {"validation": 0.1126, "test": 0.1135}  # share of the most frequent class, the digit 1


@dataclass(frozen=True)
class Variant:
    """A way to train and evaluate the presets.

    Attributes:
        dropout: prefix of the columns of `FinishedRun` with the accuracies.
        penalties: the penalties of its runs.
    """

    title: str
    dropout: str
    penalties: tuple[Penalty, ...]

    def accuracies(self, runs: Iterable[FinishedRun], part: str) -> list[float]:
        """Returns the accuracies of those runs that are of this variant, on the validation or test images."""
        chosen = (run for run in runs if run.penalty in self.penalties)
        found = [getattr(run, f"dropout_{self.dropout}_{part}") for run in chosen]
        return [accuracy for accuracy in found if accuracy is not None]


AS_IN_2020 = Variant("as in 2020", "on", (Penalty.CUMULATIVE, Penalty.NONE))
AS_INTENDED = Variant("as intended", "off", (Penalty.INTENDED, Penalty.NONE))
VARIANTS = (AS_IN_2020, AS_INTENDED)


@dataclass(frozen=True)
class Figure:
    """A published accuracy of a preset, and ours.

    Attributes:
        ours: one accuracy for each seed.
        interval: prediction interval for one run; None if it is unknown.
        own: the same with the spread of this preset alone.
    """

    published: float
    ours: tuple[float, ...]
    interval: Interval | None
    own: Interval | None

    @property
    def mean(self) -> float | None:
        return mean(self.ours) if self.ours else None

    @property
    def deviation(self) -> float | None:
        return stdev(self.ours) if len(self.ours) > 1 else None

    @property
    def low(self) -> float | None:
        return self.interval.low if self.interval else None

    @property
    def high(self) -> float | None:
        return self.interval.high if self.interval else None

    @property
    def is_inside(self) -> bool | None:
        """Whether the published accuracy is inside the interval; None if that is unknown."""
        return self.interval.contains(self.published) if self.interval else None


class Comparison:
    """Our runs beside the published figures.

    Args:
        runs: finished runs of the presets.
        presets: the presets by number.
        published: {"validation": accuracy, "test": accuracy} of each preset that is compared.
    """

    def __init__(
        self,
        runs: Sequence[FinishedRun],
        presets: Mapping[int, Preset],
        published: Mapping[int, Mapping[str, float]],
    ) -> None:
        self.runs = list(runs)
        self._presets = presets
        self._published = published
        by_preset: dict[int, list[FinishedRun]] = defaultdict(list)
        for run in runs:
            by_preset[run.preset].append(run)
        self._samples: dict[tuple[Variant, str], dict[int, Sample]] = {}
        self._intervals: dict[tuple[Variant, str], dict[int, Interval]] = {}
        for variant in VARIANTS:
            for part in PARTS:
                found = {number: tuple(variant.accuracies(by_preset[number], part)) for number in published}
                samples = {
                    number: Sample(number, presets[number].dropout > 0, accuracies)
                    for number, accuracies in found.items()
                    if accuracies
                }
                self._samples[variant, part] = samples
                self._intervals[variant, part] = prediction_intervals([*samples.values()], MAJORITY[part])

    def figure(self, number: int, variant: Variant, part: str) -> Figure:
        """Returns a preset's figures."""
        sample = self._samples[variant, part].get(number)
        return Figure(
            self._published[number][part],
            sample.accuracies if sample else (),
            self._intervals[variant, part].get(number),
            own_interval(sample) if sample else None,
        )

    def figures(self, variant: Variant, part: str) -> list[Figure]:
        """Returns the figures of all presets."""
        return [self.figure(number, variant, part) for number in self.numbers]

    def groups(self, variant: Variant, part: str) -> list[Group]:
        """Returns the groups of presets over which the spread is pooled."""
        return groups_of(self._samples[variant, part].values(), MAJORITY[part])

    @property
    def numbers(self) -> list[int]:
        """The presets that are compared."""
        return sorted(self._published)

    def table(self) -> DataTable:
        """Returns all figures, with a row for each preset."""
        columns = [Column("preset", Kind.COUNT, lambda number: number)]
        columns += [Column(f"published {part}", Kind.PERCENT, self._getter(AS_IN_2020, part)) for part in PARTS]
        for variant in VARIANTS:
            columns.append(Column(f"seeds {variant.title}", Kind.COUNT, self._getter(variant, "test", _seeds)))
            for part in PARTS:
                columns += [
                    Column(f"{part} {variant.title}{ending}", kind, self._getter(variant, part, getter))
                    for ending, kind, getter in _ENDINGS
                ]
        return DataTable.of("replication of 2020", columns, self.numbers)

    def _getter(
        self, variant: Variant, part: str, getter: Callable[[Figure], Cell] = lambda figure: figure.published
    ) -> Callable[[int], Cell]:
        return lambda number: getter(self.figure(number, variant, part))


def _seeds(figure: Figure) -> int:
    return len(figure.ours)


def _inside(figure: Figure) -> str | None:
    return None if figure.is_inside is None else "yes" if figure.is_inside else "no"


_ENDINGS: tuple[tuple[str, Kind, Callable[[Figure], Cell]], ...] = (
    ("", Kind.PERCENT, lambda figure: figure.mean),
    (" SD", Kind.PERCENT, lambda figure: figure.deviation),
    (" 95% low", Kind.PERCENT, lambda figure: figure.low),
    (" 95% high", Kind.PERCENT, lambda figure: figure.high),
    (": published inside", Kind.TEXT, _inside),
)


def read_published(path: Path = PUBLISHED_FILE) -> dict[int, dict[str, float]]:
    """Returns {"validation": accuracy, "test": accuracy} of each preset, as published in 2020."""
    with path.open(encoding="utf-8", newline="") as file:
        return {
            int(row["preset"]): {part: float(row[f"{part}_accuracy"]) for part in PARTS} for row in csv.DictReader(file)
        }
