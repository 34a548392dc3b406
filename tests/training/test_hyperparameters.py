"""Every declared hyperparameter acts: with its example value one epoch gives other weights, images or rates."""

from __future__ import annotations

import pytest

from mnist_mlp.presets.declarations import HYPERPARAMETERS
from mnist_mlp.presets.hyperparameter import Role
from mnist_mlp.presets.preset import Preset
from mnist_mlp.training.loop import train

BASE = Preset(hidden_sizes=(20,), batch_size=100, epochs=1)
INPUTS = (Role.STEP_INPUT, Role.OPTIONAL_STEP_INPUT, Role.DEFORMATION)


pytestmark = pytest.mark.usefixtures("uncompiled")  # compiling 29 times would take most of a minute


def outcome(preset: Preset, data) -> list[tuple]:
    """Returns the bits of all weights and the learning rate, by epoch."""
    return [
        (result.learning_rate, *(weight.tobytes() for weight in result.state.evaluated_weights))
        for result in train(preset, 1, data)
    ]


@pytest.mark.parametrize("name", HYPERPARAMETERS)
def test_example_value_changes_a_training(small_data, name):
    assert outcome(BASE.but(**{name: HYPERPARAMETERS[name].example}), small_data) != outcome(BASE, small_data)


@pytest.mark.parametrize("name", [name for name, declared in HYPERPARAMETERS.items() if declared.role in INPUTS])
def test_value_of_an_input_counts_where_the_compilation_is_shared(small_data, name):
    """A step that took the value from the preset that was compiled first would ignore the second one's."""
    example = HYPERPARAMETERS[name].example
    first, second = (outcome(BASE.but(**{name: value}), small_data) for value in (example, example / 2))
    assert first != second
