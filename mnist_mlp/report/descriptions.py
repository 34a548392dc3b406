"""Describes presets in a few words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from mnist_mlp.presets.declarations import HYPERPARAMETERS
from mnist_mlp.presets.preset import Preset, format_field
from mnist_mlp.report.experiments import Experiment
from mnist_mlp.report.wording import count

CLEAR = ("hidden_sizes", "activation", "optimizer")  # hyperparameters whose values need no title
AMBIGUOUS = ("default", "constant")  # values that need the hyperparameter's title


def value_as_text(value: Any) -> str:
    """Returns the value of a hyperparameter as the report shows it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return format_field(value)


def described(preset: Preset) -> str:
    """Returns a short description of a preset: its hidden layers and all values that are not the default."""
    return in_words(preset, ["hidden_sizes", *preset.differences(Preset(hidden_sizes=preset.hidden_sizes))])


def change_from_nearest(experiment: Experiment, experiments: Sequence[Experiment]) -> str:
    """Returns how a preset differs from the most similar preset that has learned and has a lower number.

    If there is none, returns a description of the preset itself.
    """
    preset = experiment.preset
    earlier = [other for other in experiments if other.numbers < experiment.numbers and not other.has_failed]
    if not earlier:
        return described(preset)
    nearest = min(reversed(earlier), key=lambda other: len(preset.differences(other.preset)))
    return f"as {nearest.label}, but {in_words(preset, preset.differences(nearest.preset))}"


def in_words(preset: Preset, names: Iterable[str], *, has_titles: bool = False) -> str:
    """Returns the preset's values of these hyperparameters: "300-200, decay 0.01".

    Args:
        has_titles: whether to use full titles: "300-200, weight decay 0.01".
    """
    words = []
    for name in names:
        words.append(_value_in_words(name, getattr(preset, name), has_titles))
        if name == "optimizer" and preset.optimizer_arguments:
            words[-1] += f" {format_field(preset.optimizer_arguments)}"
    return ", ".join(words)


def _value_in_words(name: str, value: Any, has_title: bool) -> str:
    declared, text = HYPERPARAMETERS[name], format_field(value)
    if value is True:
        return declared.title
    if value is False or text == "none":
        return f"no {declared.title}"
    if name == "epochs":
        return count(value, "epoch")
    is_clear = not has_title or name in CLEAR
    return f"{declared.label}{text}" if is_clear and text not in AMBIGUOUS else f"{declared.title} {text}"
