"""Finds studies: groups of presets that differ in exactly one hyperparameter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mnist_mlp.presets.declarations import HYPERPARAMETERS
from mnist_mlp.presets.hyperparameter import Kind
from mnist_mlp.presets.preset import Preset, format_field
from mnist_mlp.report.descriptions import in_words, value_as_text
from mnist_mlp.report.experiments import Experiment
from mnist_mlp.report.wording import count

WIDTH = "width"
DEPTH = "depth"
INITIALIZATIONS = {"he": "He", "xavier": "Xavier", "default": "the default (Xavier)"}


@dataclass(eq=False)
class Study:
    """A group of experiments that differ in exactly one hyperparameter.

    Attributes:
        field: name of the hyperparameter.
        arms: one experiment per value, sorted by value.
        figure: file name of the study's figure, without the extension.
        context: what tells it apart from other studies with the same title, such as "dropout 0.2"; may be empty.
    """

    field: str
    arms: list[Experiment]
    figure: str = ""
    context: str = ""

    @property
    def reference(self) -> Experiment:
        """The arm that the others are compared with.

        Of the arms that have learned, the one with the default value or, if there is none, the smallest value.
        """
        default = HYPERPARAMETERS[self.field].default
        return min(self.arms, key=lambda arm: (arm.has_failed, getattr(arm.preset, self.field) != default))

    @property
    def others(self) -> list[Experiment]:
        """The arms that are compared with the reference."""
        return [arm for arm in self.arms if arm is not self.reference]

    @property
    def failed(self) -> list[Experiment]:
        """The arms whose training has failed."""
        return [arm for arm in self.arms if arm.has_failed]

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
        text = value_as_text(getattr(arm.preset, self.field))
        if self.field == "optimizer" and arm.preset.optimizer_arguments:
            text += f" {format_field(arm.preset.optimizer_arguments)}"
        return text

    def short_value(self, arm: Experiment) -> str:
        """Returns a short form of the arm's value: the number of layers if that is enough."""
        has_one_arm_per_depth = len({other.preset.weight_layers for other in self.arms}) == len(self.arms)
        if self.is_depth and has_one_arm_per_depth:
            return count(arm.preset.weight_layers - 1, "hidden layer")
        return self.value(arm)

    def phrase(self, arm: Experiment) -> str:
        """Returns the arm's value as part of a sentence: "with a dropout of 0.5", "without deskewing"."""
        value, text, title = getattr(arm.preset, self.field), self.value(arm), title_of(self.field)
        if value is False or text in ("none", "0"):
            return f"without {title}"
        return f"with {title if value is True else self._with(arm, text, title)}"

    def _with(self, arm: Experiment, text: str, title: str) -> str:
        if self.field == "epochs":
            return count(arm.preset.epochs, "epoch")
        if self.is_width:
            return f"hidden layers of {text} units"
        if self.is_depth:
            return f"{count(arm.preset.weight_layers - 1, 'hidden layer')} ({text})"
        if self.field == "weight_init":
            return f"{INITIALIZATIONS.get(text, text)} initialization"
        if self.field in ("optimizer", "activation", "optimizer_arguments"):
            return text
        if HYPERPARAMETERS[self.field].kind in (Kind.COUNT, Kind.NUMBER):
            article = "an" if title[0] in "aeioEL" else "a"  # an EMA decay, an L1 decay
            return f"{article} {title} of {text}"
        return f"{title} {text}"


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
    _add_contexts(studies)
    return studies


def _name_figures(studies: Iterable[Study]) -> None:
    seen: dict[str, int] = defaultdict(int)
    for study in studies:
        name = WIDTH if study.is_width else HYPERPARAMETERS[study.field].figure
        seen[name] += 1
        study.figure = name if seen[name] == 1 else f"{name}_{seen[name]}"


def _add_contexts(studies: Iterable[Study]) -> None:
    same_title: dict[str, list[Study]] = defaultdict(list)
    for study in studies:
        same_title[study.title].append(study)
    for same in same_title.values():
        presets = [study.reference.preset for study in same]
        differing = [
            name
            for name in HYPERPARAMETERS
            if len({getattr(preset, name) for preset in presets}) > 1 and name != same[0].field
        ]
        if "optimizer" in differing:  # its description includes the arguments
            differing = [name for name in differing if name != "optimizer_arguments"]
        for study, preset in zip(same, presets, strict=True):
            study.context = in_words(preset, differing, has_titles=True)


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
