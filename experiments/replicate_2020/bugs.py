"""What the two bugs of the 2020 code did: their cost in accuracy, and the penalty and norm of each layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import mean

from experiments.replicate_2020.runs_file import FinishedRun, Penalty
from mnist_mlp.presets.preset import Preset
from mnist_mlp.report.tables import Column, DataTable, Kind


class PresetRuns:
    """The runs of a preset, with both penalties if it has weight decay."""

    def __init__(self, preset: Preset, number: int, runs: Iterable[FinishedRun]) -> None:
        self.preset, self.number = preset, number
        self._runs = list(runs)

    def with_penalty(self, *, is_cumulative: bool) -> list[FinishedRun]:
        """Returns the runs with the penalty of 2020, or with the intended one. Without weight decay, they are equal."""
        penalty = Penalty.CUMULATIVE if is_cumulative else Penalty.INTENDED
        return [run for run in self._runs if run.penalty in (penalty, Penalty.NONE)]

    def test_accuracy(self, *, is_cumulative: bool, dropout: str) -> float | None:
        """Returns the mean over seeds, 0 to 1; None if a run is missing or has diverged.

        Args:
            dropout: "on" or "off", in validation and test.
        """
        accuracies = [getattr(run, f"dropout_{dropout}_test") for run in self.with_penalty(is_cumulative=is_cumulative)]
        return None if None in accuracies or not accuracies else mean(accuracies)

    def change(self, *, is_cumulative: bool, dropout: str) -> float | None:
        """Returns the change in test accuracy that one or both bugs cause, -1 to 1; None if it is unknown."""
        intended = self.test_accuracy(is_cumulative=False, dropout="off")
        found = self.test_accuracy(is_cumulative=is_cumulative, dropout=dropout)
        return None if None in (intended, found) else found - intended


COST = [
    Column("preset", Kind.COUNT, lambda item: item.number),
    Column("weight decay", Kind.NUMBER, lambda item: item.preset.weight_decay),
    Column("dropout", Kind.NUMBER, lambda item: item.preset.dropout),
    Column("as intended", Kind.PERCENT, lambda item: item.test_accuracy(is_cumulative=False, dropout="off")),
    Column("dropout left on", Kind.POINTS, lambda item: item.change(is_cumulative=False, dropout="on")),
    Column("penalty once per layer", Kind.POINTS, lambda item: item.change(is_cumulative=True, dropout="off")),
    Column("both", Kind.POINTS, lambda item: item.change(is_cumulative=True, dropout="on")),
]


def by_preset(runs: Sequence[FinishedRun], presets: Mapping[int, Preset]) -> list[PresetRuns]:
    """Groups the runs by preset, in numerical order."""
    return [
        PresetRuns(presets[number], number, (run for run in runs if run.preset == number))
        for number in sorted({run.preset for run in runs})
    ]


def cost_table(groups: Sequence[PresetRuns]) -> DataTable:
    """Returns what the bugs cost: test accuracies in percent, and changes in points."""
    affected = [group for group in groups if group.preset.weight_decay or group.preset.dropout]
    return DataTable.of("cost of the bugs", COST, affected)


def _layers(values: Sequence[Sequence[float]], digits: str) -> str:
    """Returns the mean of each layer over the runs, from input to output."""
    return ", ".join(f"{mean(layer):{digits}}" for layer in zip(*values, strict=True))


PENALTIES = [
    Column("preset", Kind.COUNT, lambda row: row[0].number),
    Column("weight decay", Kind.NUMBER, lambda row: row[0].preset.weight_decay),
    Column("penalty", Kind.TEXT, lambda row: "as in 2020" if row[1] else "intended"),
    Column("cross-entropy", Kind.NUMBER, lambda row: mean(run.train_cross_entropy for run in _runs(row))),
    Column("L2 penalty", Kind.NUMBER, lambda row: mean(sum(run.l2_penalties) for run in _runs(row))),
    Column("of each layer", Kind.TEXT, lambda row: _layers([run.l2_penalties for run in _runs(row)], ".2g")),
    Column("norms of the weights", Kind.TEXT, lambda row: _layers([run.weight_norms for run in _runs(row)], ".3g")),
]


def _runs(row: tuple[PresetRuns, bool]) -> list[FinishedRun]:
    group, is_cumulative = row
    return group.with_penalty(is_cumulative=is_cumulative)


def penalties_table(groups: Sequence[PresetRuns]) -> DataTable:
    """Returns both penalties of each group, which must have weight decay: means over seeds at the last epoch."""
    rows = [(group, is_cumulative) for group in groups for is_cumulative in (False, True)]
    return DataTable.of("both penalties", PENALTIES, [row for row in rows if _runs(row)])
