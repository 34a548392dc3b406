"""Changes to presets from the command line, and the names of changed presets. Does not import TensorFlow or rich."""

from __future__ import annotations

import ast
import itertools
import re
import warnings
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from mnist_mlp.errors import UsageError
from mnist_mlp.presets.declarations import HYPERPARAMETERS
from mnist_mlp.presets.keras_names import unknown_name
from mnist_mlp.presets.preset import Preset, format_field
from mnist_mlp.presets.registry import Registry

OPTION = "--set"
ABBREVIATIONS = {"lr": "learning_rate", "wd": "weight_decay", "layers": "hidden_sizes", "bs": "batch_size"}
FIRST_OWN_NUMBER = 301  # smaller numbers are reserved for the presets of this project


class PresetName(NamedTuple):
    """The name of a trained preset in tables and messages: its number and, if it was changed, its changes.

    Attributes:
        number: the preset's number in the registry.
        changes: what was changed on the command line, such as "learning_rate=0.01"; "" for the preset itself.
    """

    number: int
    changes: str = ""

    def __str__(self) -> str:
        return f"{self.number} ({self.changes})" if self.changes else str(self.number)

    @property
    def cell(self) -> int | str:
        """The number, or the name as text if the preset was changed, so that no table mixes the two."""
        return str(self) if self.changes else self.number

    @classmethod
    def of(cls, number: int, preset: Preset, changed: Iterable[str]) -> PresetName:
        """Returns the name of a preset, given the changed hyperparameters."""
        return cls(number, ", ".join(f"{name}={format_field(getattr(preset, name))}" for name in changed))


def parse_changes(texts: Iterable[str]) -> dict[str, Any]:
    """Returns the changes in texts such as "learning_rate=0.01". Values are Python literals or text without quotes.

    Raises:
        UsageError: a text is not NAME=VALUE, a name is not a hyperparameter, or a hyperparameter is set twice.
    """
    changes: dict[str, Any] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        name = _normalized(name) if _normalized(name) in HYPERPARAMETERS else name
        if not sign:
            raise UsageError(f"{OPTION} {text}: write NAME=VALUE, such as {OPTION} learning_rate=0.01")
        if name not in HYPERPARAMETERS and (meant := hyperparameter_meant_by(name)):
            raise UsageError(f"{OPTION} {text}: there is no such hyperparameter; did you mean {meant}?")
        if name not in HYPERPARAMETERS:
            raise UsageError(f"{OPTION} {unknown_name(name, _literal(value), 'hyperparameter', HYPERPARAMETERS)}")
        if name in changes:
            raise UsageError(f"{OPTION} {text}: {name} is set twice; train each value with its own command")
        changes[name] = _value(name, value)
    return changes


def hyperparameter_meant_by(text: str) -> str | None:
    """Returns the hyperparameter that a name or abbreviation stands for: learning_rate for "--lr". None if unclear."""
    name = _normalized(text)
    same = [known for known in HYPERPARAMETERS if known.replace("_", "") == name.replace("_", "")]
    longer = [known for known in HYPERPARAMETERS if known.startswith(f"{name}_")]
    found = [ABBREVIATIONS[name]] if name in ABBREVIATIONS else same or longer
    return found[0] if len(found) == 1 else None


def with_changes(preset: Preset, changes: Mapping[str, Any]) -> tuple[Preset, tuple[str, ...]]:
    """Returns the changed preset and the names of the changes, or the preset itself if the changes have no effect.

    Raises:
        UsageError: a value is not allowed.
    """
    changed = preset.but(**changes)
    return (preset, ()) if changed == preset else (changed, tuple(changes))


def lines_to_keep(registry: Registry, presets: Mapping[int, Preset], changes: Mapping[str, Any]) -> list[str]:
    """Returns a line for each changed preset: one for hyperparameters.py, or a comment if it is already there."""
    unused = (number for number in itertools.count(FIRST_OWN_NUMBER) if number not in registry)
    lines = []
    for number, preset in presets.items():
        changed, names = with_changes(preset, changes)
        if not names:
            continue
        arguments = ", ".join(f"{name}={_as_python(changed, name)}" for name in names)
        same = next((other for other, known in registry.items() if known == changed), None)
        line = f"PRESETS[{number}].but({arguments})"
        lines.append(f"PRESETS[{next(unused)}] = {line}" if same is None else f"# {line} is PRESETS[{same}]")
    return lines


def _normalized(name: str) -> str:
    return name.strip().lstrip("-").replace("-", "_").lower()


def _value(name: str, text: str) -> Any:
    """Returns the value in the text. For a hyperparameter of that kind, "true" is True, and a number is a tuple."""
    default, value = HYPERPARAMETERS[name].default, _literal(text)
    if isinstance(default, bool) and str(value).lower() in ("true", "false"):
        return str(value).lower() == "true"
    if isinstance(default, tuple) and re.fullmatch(r"\d+(-\d+)+", text.strip()):  # as in tables: 300-200-200
        return tuple(map(int, text.split("-")))
    return (value,) if isinstance(default, tuple) and isinstance(value, int) else value


def _literal(text: str) -> Any:
    with warnings.catch_warnings(action="ignore"):  # Python warns of odd literals such as 1if
        try:
            return ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return text.strip()


def _as_python(preset: Preset, name: str) -> str:
    value = getattr(preset, name)
    if name == "optimizer_arguments":
        value = dict(value)
    return repr(value).replace("'", '"')  # the quotes of hyperparameters.py; no value contains a quote
