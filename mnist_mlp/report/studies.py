"""Finds studies: groups of presets that differ in exactly one hyperparameter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mnist_mlp.presets.declarations import HYPERPARAMETERS
from mnist_mlp.presets.preset import Preset, format_field
from mnist_mlp.report.experiments import Experiment
from mnist_mlp.report.wording import count

WIDTH = "width"
DEPTH = "depth"


@dataclass(eq=False)
class Study:
    """A group of experiments that differ in exactly one hyperparameter.

    Attributes:
        field: name of the hyperparameter.
        arms: one experiment per value, sorted by value.
        figure: file name of the study's figure, without the extension.
    """

    field: str
    arms: list[Experiment]
    figure: str = ""

    @property
    def reference(self) -> Experiment:
        """The arm that the others are compared with: the one with the lowest preset number, because it came first."""
        return min(self.arms, key=lambda arm: arm.numbers)

    @property
    def is_width(self) -> bool:
        """Whether the arms differ in the sizes of their layers but not in the number of layers."""
        return self.field == "hidden_sizes" and len({arm.preset.weight_layers for arm in self.arms}) == 1

    @property
    def is_depth(self) -> bool:
        """Whether the arms differ in the number of layers."""
        return self.field == "hidden_sizes" and not self.is_width

    @property
    def title(self) -> str:
        """The name of what differs between the arms, as shown in the report."""
        if self.is_width:
            return WIDTH
        return DEPTH if self.is_depth else HYPERPARAMETERS[self.field].title

    def value(self, arm: Experiment) -> str:
        """Returns the arm's value of the hyperparameter as text. An optimizer includes its arguments."""
        text = format_field(getattr(arm.preset, self.field))
        if self.field == "optimizer" and arm.preset.optimizer_arguments:
            text += f" {format_field(arm.preset.optimizer_arguments)}"
        return text

    def short_value(self, arm: Experiment) -> str:
        """Returns a short form of the arm's value: "on" or "off", or the number of layers if that is enough."""
        value = getattr(arm.preset, self.field)
        if isinstance(value, bool):
            return "on" if value else "off"
        has_one_arm_per_depth = len({other.preset.weight_layers for other in self.arms}) == len(self.arms)
        return f"{arm.preset.weight_layers} layers" if self.is_depth and has_one_arm_per_depth else self.value(arm)

    def phrase(self, arm: Experiment) -> str:
        """Returns the arm's value as part of a sentence: "with dropout = 0.5", "with 6 epochs", "without deskewing"."""
        value, text, title = getattr(arm.preset, self.field), self.value(arm), title_of(self.field)
        if value is False or text == "none":
            return f"without {title}"
        if value is True:
            return f"with {title}"
        if self.field == "epochs":
            return f"with {count(value, 'epoch')}"
        if self.is_width:
            return f"with hidden layers of {text} units"
        if self.is_depth:
            return f"with {count(arm.preset.weight_layers, 'weight layer')} (hidden layers {text})"
        if self.field in ("optimizer", "activation", "optimizer_arguments"):
            return f"with {text}"
        return f"with {title} = {text}"


def title_of(field: str) -> str:
    """Returns the title of a hyperparameter, as shown in the report."""
    return HYPERPARAMETERS[field].title


def find_studies(experiments: Iterable[Experiment]) -> list[Study]:
    """Returns all studies, in the order in which hyperparameters are declared and then by size, largest first."""
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
    """Returns the base names of study figures. If a name is used more than once, _2, _3, ... is appended."""
    return {WIDTH, *(declared.figure for declared in HYPERPARAMETERS.values())}


def _all_but(field: str, preset: Preset) -> tuple[Any, ...]:
    """Returns the values that must be equal in a study. If the optimizer differs, its arguments may differ too."""
    left_out = {field, "optimizer_arguments"} if field == "optimizer" else {field}
    return tuple(getattr(preset, name) for name in HYPERPARAMETERS if name not in left_out)


def _order(value: Any) -> Any:
    """Returns the sort key of a value. Sorts layer sizes by number of layers first, and optimizer arguments as text."""
    if isinstance(value, tuple):
        return (len(value), str(value)) if value and isinstance(value[0], tuple) else (len(value), value)
    return value
