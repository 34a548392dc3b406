"""Tests which presets share a compiled epoch."""

from __future__ import annotations

import pytest

from mnist_mlp.presets.declarations import HYPERPARAMETERS
from mnist_mlp.presets.hyperparameter import Role
from mnist_mlp.presets.preset import Preset
from mnist_mlp.training.compile_key import CompileKey

# Whether changing a hyperparameter with this role requires a new compilation.
NEEDS_COMPILATION = {
    Role.CONSTANT: True,
    Role.STEP_INPUT: False,
    Role.OPTIONAL_STEP_INPUT: True,
    Role.DEFORMATION: True,
    Role.INITIAL_WEIGHTS: False,
    Role.SCHEDULE: False,
    Role.IMAGES: False,
}


@pytest.mark.parametrize("name", [name for name in HYPERPARAMETERS if name != "upright_beside"])
def test_role_decides_whether_a_new_value_needs_compilation(name):
    changed = Preset(**{name: HYPERPARAMETERS[name].example})
    assert (CompileKey.of(changed) != CompileKey.of(Preset())) == NEEDS_COMPILATION[HYPERPARAMETERS[name].role]


def test_second_view_changes_the_key():
    assert CompileKey.of(Preset(upright_beside=True)) != CompileKey.of(Preset())


def test_enabled_optional_inputs_share_a_key():
    weak, strong = (CompileKey.of(Preset(l1_decay=value, rotation=30 * value)) for value in (0.1, 0.2))
    assert weak == strong
    assert (weak.enabled.l1_decay, weak.enabled.deformations, weak.enabled.dropout) == (True, True, False)
