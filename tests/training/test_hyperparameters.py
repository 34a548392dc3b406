"""Tests that every declared hyperparameter has an effect: its example value changes the weights or learning rate."""

from __future__ import annotations

import pytest

from mnist_mlp.presets.declarations import HYPERPARAMETERS
from mnist_mlp.presets.hyperparameter import Role
from mnist_mlp.presets.preset import Preset
from mnist_mlp.training.loop import train

BASE = Preset(hidden_sizes=(20,), batch_size=100, epochs=1, weight_decay=0.01)
INPUTS = (Role.STEP_INPUT, Role.OPTIONAL_STEP_INPUT, Role.DEFORMATION)


pytestmark = pytest.mark.usefixtures("eager")  # compiling for every hyperparameter takes most of a minute


def outcome(preset: Preset, data) -> list[tuple]:
    """Returns the learning rate and the bytes of all weights of each epoch."""
    return [
        (result.learning_rate, *(weight.tobytes() for weight in result.state.evaluated_weights))
        for result in train(preset, 1, data)
    ]


@pytest.mark.parametrize("name", HYPERPARAMETERS)
def test_example_value_changes_the_result(small_data, name):
    assert outcome(BASE.but(**{name: HYPERPARAMETERS[name].example}), small_data) != outcome(BASE, small_data)


@pytest.mark.parametrize("name", [name for name, declared in HYPERPARAMETERS.items() if declared.role in INPUTS])
def test_input_value_has_an_effect_in_a_shared_compilation(small_data, name):
    """Fails if the value of the first preset is compiled in and used for the second one too."""
    example = HYPERPARAMETERS[name].example
    first, second = (outcome(BASE.but(**{name: value}), small_data) for value in (example, example / 2))
    assert first != second
