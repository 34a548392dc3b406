"""Finds the studies: sets of runs that are equal but for one hyperparameter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import mean
from typing import Any

from mnist_mlp.presets.preset import Preset, format_field
from mnist_mlp.report.evidence import ReportedRun

# What people call a study of the field, and its figure (as the original's were named, where it had one).
TITLES = {
    **{"weight_init": "weight initialization", "bias_init": "bias initialization", "optimizer": "optimizer"},
    **{"hidden_sizes": "hidden layers", "optimizer_arguments": "optimizer arguments"},
    **{"normalization": "normalization", "standardize": "standardized inputs", "warmup": "warm-up"},
    **{"ema_decay": "averaged weights", "elastic": "elastic deformation", "adversarial": "adversarial images"},
    **{"deskew": "deskewed images", "l1_decay": "L1 decay", "upright_beside": "upright images beside"},
}
FIGURES = {"hidden_sizes": "depth", "weight_init": "xehe", "weight_decay": "weightdecay"}


@dataclass(eq=False)
class Experiment:
    """One preset as it was trained, with its runs: what repeats of it would repeat.

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
        return label_of(self.numbers)

    @property
    def seeds(self) -> list[ReportedRun]:
        """One ended run a seed, a scored one first and the newest of equals: a seed trained twice gives one network."""
        chosen: dict[int, ReportedRun] = {}
        for run in self.runs:
            before = chosen.get(run.record.seed)
            if run.is_comparable and (before is None or run.test_accuracy is not None or before.test_accuracy is None):
                chosen[run.record.seed] = run
        return [chosen[seed] for seed in sorted(chosen)]

    @property
    def scored(self) -> list[ReportedRun]:
        """Those of its seeds that the test set has scored."""
        return [run for run in self.seeds if run.test_accuracy is not None]

    @property
    def mean_validation(self) -> float:
        return mean(run.validation_accuracy for run in self.seeds)

    @property
    def mean_test(self) -> float | None:
        """Mean test accuracy over the scored seeds, None where there is none."""
        return mean(run.test_accuracy for run in self.scored) if self.scored else None


def label_of(numbers: Iterable[int]) -> str:
    """Returns a preset's numbers as text: "31", or "2 (= 4)" where the registry has it twice."""
    first, *others = map(str, numbers)
    return f"{first} (= {', '.join(others)})" if others else first


@dataclass(eq=False)
class Study:
    """Experiments equal but for one field.

    Attributes:
        field: of the preset.
        arms: an experiment a value, in the order of the values.
        figure: name of its figure, without its ending.
    """

    field: str
    arms: list[Experiment]
    figure: str = ""

    @property
    def reference(self) -> Experiment:
        """The arm that the others are compared with: the one with the lowest number, as it was there first."""
        return min(self.arms, key=lambda arm: arm.numbers)

    @property
    def is_width(self) -> bool:
        """Whether layers differ in size but not in number."""
        return self.field == "hidden_sizes" and len({arm.preset.weight_layers for arm in self.arms}) == 1

    @property
    def title(self) -> str:
        if self.field == "hidden_sizes":
            return "width" if self.is_width else "depth"
        return name_of(self.field)

    def value(self, arm: Experiment) -> str:
        """Returns the arm's value of the one field, as text; an optimizer's with its arguments."""
        text = format_field(getattr(arm.preset, self.field))
        if self.field == "optimizer":
            text = f"{text} {format_field(arm.preset.optimizer_arguments)}".removesuffix(" none")
        return text

    def short_value(self, arm: Experiment) -> str:
        """Returns the arm's value as a figure has room for: the number of layers for their sizes."""
        return f"{arm.preset.weight_layers} layers" if self.title == "depth" and self._one_a_depth else self.value(arm)

    @property
    def _one_a_depth(self) -> bool:
        return len({arm.preset.weight_layers for arm in self.arms}) == len(self.arms)


def name_of(field: str) -> str:
    """Returns what people call a field of the preset."""
    return TITLES.get(field, field.replace("_", " "))


def find_experiments(runs: Iterable[ReportedRun]) -> list[Experiment]:
    """Returns the runs by preset, in the order of the lowest number; unfinished runs are none's."""
    by_preset: dict[Preset, list[ReportedRun]] = defaultdict(list)
    for run in runs:
        if run.is_comparable:
            by_preset[run.preset].append(run)
    experiments = [
        Experiment(preset, tuple(sorted({run.record.preset_number for run in same})), same)
        for preset, same in by_preset.items()
    ]
    return sorted(experiments, key=lambda each: each.numbers)


def find_studies(experiments: Iterable[Experiment]) -> list[Study]:
    """Returns every study: by field in the preset's order, of one field the largest first."""
    experiments = list(experiments)
    studies = []
    for field in Preset.field_names():
        groups: dict[tuple[Any, ...], list[Experiment]] = defaultdict(list)
        for experiment in experiments:
            groups[_all_but(field, experiment.preset)].append(experiment)
        found = [
            Study(field, sorted(arms, key=lambda arm: _order(getattr(arm.preset, field))))
            for arms in groups.values()
            if len({getattr(arm.preset, field) for arm in arms}) > 1
        ]
        studies += sorted(found, key=lambda study: (study.is_width, -len(study.arms), study.reference.numbers))
    seen: dict[str, int] = defaultdict(int)
    for study in studies:
        name = "width" if study.is_width else FIGURES.get(study.field, study.field)
        seen[name] += 1
        study.figure = name if seen[name] == 1 else f"{name}_{seen[name]}"
    return studies


def _all_but(field: str, preset: Preset) -> tuple[Any, ...]:
    """Returns what must be equal; with another optimizer come other arguments, so those go with it."""
    left_out = {field, "optimizer_arguments"} if field == "optimizer" else {field}
    return tuple(getattr(preset, name) for name in preset.field_names() if name not in left_out)


def _order(value: Any) -> Any:
    """Returns what sorts values of one field: layer sizes by number of layers first, arguments by their text."""
    if isinstance(value, tuple):
        return (len(value), str(value)) if value and isinstance(value[0], tuple) else (len(value), value)
    return value
