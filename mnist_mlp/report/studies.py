"""Finds the studies: sets of runs that differ in one hyperparameter only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import mean
from typing import Any

from mnist_mlp.presets.declarations import HYPERPARAMETERS
from mnist_mlp.presets.preset import Preset, format_field
from mnist_mlp.report.evidence import ReportedRun

WIDTH = "width"
DEPTH = "depth"


@dataclass(eq=False)
class Experiment:
    """One preset as it was trained, with its runs.

    Attributes:
        preset: its hyperparameters.
        numbers: those it had in the registry, lowest first.
        runs: all its runs, oldest first.
    """

    preset: Preset
    numbers: tuple[int, ...]
    runs: list[ReportedRun]

    @property
    def label(self) -> str:
        """Its numbers as text."""
        return label_of(self.numbers)

    @property
    def seeds(self) -> list[ReportedRun]:
        """One ended run per seed: a scored one first, then the newest. A seed trained twice gives one network."""
        chosen: dict[int, ReportedRun] = {}
        for run in self.runs:
            before = chosen.get(run.record.seed)
            if run.is_comparable and (before is None or run.test_accuracy is not None or before.test_accuracy is None):
                chosen[run.record.seed] = run
        return [chosen[seed] for seed in sorted(chosen)]

    @property
    def scored(self) -> list[ReportedRun]:
        """Those of its seeds that are scored on the test set."""
        return [run for run in self.seeds if run.test_accuracy is not None]

    @property
    def mean_validation(self) -> float:
        """Mean validation accuracy over its seeds."""
        return mean(run.validation_accuracy for run in self.seeds)

    @property
    def mean_test(self) -> float | None:
        """Mean test accuracy over the scored seeds, None where there is none."""
        return mean(run.test_accuracy for run in self.scored) if self.scored else None

    @property
    def mean_seconds(self) -> float:
        """Mean training time over its seeds."""
        return mean(run.record.training_seconds for run in self.seeds)


def label_of(numbers: Iterable[int]) -> str:
    """Returns a preset's numbers as text: "31", or "2 (= 4)" where the registry has it twice."""
    first, *others = map(str, numbers)
    return f"{first} (= {', '.join(others)})" if others else first


@dataclass(eq=False)
class Study:
    """Experiments that differ in one hyperparameter only.

    Attributes:
        field: the hyperparameter's name.
        arms: an experiment per value, in the order of the values.
        figure: name of its figure, without its ending.
    """

    field: str
    arms: list[Experiment]
    figure: str = ""

    @property
    def reference(self) -> Experiment:
        """The arm that the others are compared with: the one with the lowest number, because it came first."""
        return min(self.arms, key=lambda arm: arm.numbers)

    @property
    def is_width(self) -> bool:
        """Whether layers differ in size but not in number."""
        return self.field == "hidden_sizes" and len({arm.preset.weight_layers for arm in self.arms}) == 1

    @property
    def is_depth(self) -> bool:
        """Whether layers differ in number."""
        return self.field == "hidden_sizes" and not self.is_width

    @property
    def title(self) -> str:
        """What it is a study of."""
        if self.is_width:
            return WIDTH
        return DEPTH if self.is_depth else HYPERPARAMETERS[self.field].title

    def value(self, arm: Experiment) -> str:
        """Returns the arm's value of the hyperparameter as text; an optimizer's with its arguments."""
        text = format_field(getattr(arm.preset, self.field))
        if self.field == "optimizer" and arm.preset.optimizer_arguments:
            text += f" {format_field(arm.preset.optimizer_arguments)}"
        return text

    def short_value(self, arm: Experiment) -> str:
        """Returns the arm's value where room is short: the number of layers instead of their sizes."""
        has_one_arm_per_depth = len({other.preset.weight_layers for other in self.arms}) == len(self.arms)
        return f"{arm.preset.weight_layers} layers" if self.is_depth and has_one_arm_per_depth else self.value(arm)

    def named_value(self, arm: Experiment) -> str:
        """Returns the arm's value as a sentence has it: "weight decay 0.1", "adadelta", "4 layers (300-200-200)"."""
        value = self.value(arm)
        if self.field == "hidden_sizes":
            return f"{arm.preset.weight_layers} layers ({value})"
        if self.field in ("optimizer", "activation", "optimizer_arguments"):
            return value
        return f"{self.title} {value}"


def title_of(field: str) -> str:
    """Returns the title of a hyperparameter."""
    return HYPERPARAMETERS[field].title


def find_experiments(runs: Iterable[ReportedRun]) -> list[Experiment]:
    """Returns the runs by preset, in the order of the lowest number; unfinished runs belong to none."""
    by_preset: dict[Preset, list[ReportedRun]] = defaultdict(list)
    for run in runs:
        if run.is_comparable:
            by_preset[run.preset].append(run)
    experiments = [
        Experiment(preset, tuple(sorted({run.record.preset_number for run in same})), same)
        for preset, same in by_preset.items()
    ]
    return sorted(experiments, key=lambda experiment: experiment.numbers)


def find_studies(experiments: Iterable[Experiment]) -> list[Study]:
    """Returns every study, by hyperparameter in the order of their declarations; for each the largest first."""
    experiments = list(experiments)
    studies = []
    for field in HYPERPARAMETERS:
        groups: dict[tuple[Any, ...], list[Experiment]] = defaultdict(list)
        for experiment in experiments:
            groups[_all_but(field, experiment.preset)].append(experiment)
        found = [
            Study(field, sorted(arms, key=lambda arm: _order(getattr(arm.preset, field))))
            for arms in groups.values()
            if len({getattr(arm.preset, field) for arm in arms}) > 1
        ]
        studies += sorted(found, key=lambda study: (study.is_width, -len(study.arms), study.reference.numbers))
    _name_figures(studies)
    return studies


def _name_figures(studies: Iterable[Study]) -> None:
    seen: dict[str, int] = defaultdict(int)
    for study in studies:
        name = WIDTH if study.is_width else HYPERPARAMETERS[study.field].figure
        seen[name] += 1
        study.figure = name if seen[name] == 1 else f"{name}_{seen[name]}"


def figure_names() -> set[str]:
    """Returns the names that figures of studies begin with; further ones of a hyperparameter end in _2, _3, ..."""
    return {WIDTH, *(declared.figure for declared in HYPERPARAMETERS.values())}


def _all_but(field: str, preset: Preset) -> tuple[Any, ...]:
    """Returns what must be equal. Another optimizer has other arguments, so these may differ with it."""
    left_out = {field, "optimizer_arguments"} if field == "optimizer" else {field}
    return tuple(getattr(preset, name) for name in HYPERPARAMETERS if name not in left_out)


def _order(value: Any) -> Any:
    """Returns the sort key of a value: layer sizes by number of layers first, arguments by their text."""
    if isinstance(value, tuple):
        return (len(value), str(value)) if value and isinstance(value[0], tuple) else (len(value), value)
    return value
