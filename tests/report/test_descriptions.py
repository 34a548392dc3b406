"""Tests descriptions of presets in a few words."""

from __future__ import annotations

import pytest

from mnist_mlp.presets.preset import Preset
from mnist_mlp.report.descriptions import change_from_nearest, described
from mnist_mlp.report.experiments import find_experiments
from tests.report.reported import reported_run


@pytest.mark.parametrize(
    ("preset", "text"),
    [
        (Preset(), "300-200-200"),
        (Preset(hidden_sizes=(40,), weight_decay=0.1, dropout=0.5), "40, decay 0.1, dropout 0.5"),
        (Preset(deskew=True, epochs=1), "300-200-200, 1 epoch, deskewing"),
        (Preset(optimizer="sgd", optimizer_arguments={"momentum": 0.9}), "300-200-200, sgd momentum=0.9"),
    ],
)
def test_preset_is_described_by_its_layers_and_what_is_not_the_default(preset, text):
    assert described(preset) == text


def changes(*runs) -> dict[str, str]:
    experiments = find_experiments(runs)
    return {experiment.label: change_from_nearest(experiment, experiments) for experiment in experiments}


def test_change_is_from_the_most_similar_earlier_preset():
    base = Preset(hidden_sizes=(40,))
    presets = {1: base, 2: base.but(dropout=0.5), 3: base.but(dropout=0.5, deskew=True), 4: base.but(dropout=0.2)}
    assert changes(*(reported_run(number, preset) for number, preset in presets.items())) == {
        "1": "40",
        "2": "as 1, but dropout 0.5",
        "3": "as 2, but deskewing",
        "4": "as 2, but dropout 0.2",  # the last one of those that differ in one hyperparameter
    }


def test_change_is_not_from_a_failed_preset():
    base = Preset(hidden_sizes=(40,))
    runs = [reported_run(1, base, (0.1, 0.15, 0.1)), reported_run(2, base.but(dropout=0.5))]
    assert changes(*runs)["2"] == "40, dropout 0.5"
    assert changes(*runs, reported_run(3, base.but(dropout=0.2)))["3"] == "as 2, but dropout 0.2"


def test_default_value_that_is_ambiguous_is_named_with_its_hyperparameter():
    base = Preset(hidden_sizes=(40,), weight_init="he", deskew=True)
    runs = [reported_run(1, base), reported_run(2, base.but(weight_init="default", deskew=False))]
    assert changes(*runs)["2"] == "as 1, but weight initialization default, no deskewing"
