"""Tests how studies are found."""

from __future__ import annotations

import pytest

from mnist_mlp.presets.declarations import HYPERPARAMETERS
from mnist_mlp.presets.preset import Preset
from mnist_mlp.report.descriptions import value_as_text
from mnist_mlp.report.experiments import find_experiments
from mnist_mlp.report.reading import read_evidence
from mnist_mlp.report.studies import Study, find_studies
from tests.report.helpers import DATA, make_run
from tests.report.reported import reported_run

from hyperparameters import PRESETS


def test_studies_of_the_2020_presets(tmp_path):
    for number in range(1, 38):
        make_run(tmp_path, number, PRESETS[number], 0.98)
    experiments = find_experiments(read_evidence(tmp_path / "runs", tmp_path / "INFOS", DATA).runs)
    studies = find_studies(experiments)
    found = {study.figure: (study.field, [arm.label for arm in study.arms]) for study in studies}
    assert found == {
        "depth": ("hidden_sizes", ["9", "10", "11", "12", "13"]),
        "depth_2": ("hidden_sizes", ["36", "31"]),
        "depth_3": ("hidden_sizes", ["37", "27"]),
        "width": ("hidden_sizes", ["2 (= 4)", "3"]),
        "xehe": ("weight_init", ["11", "14", "15"]),
        "batch_size": ("batch_size", ["19", "22"]),
        "optimizer": ("optimizer", ["26", "22"]),
        "learning_rate": ("learning_rate", ["35", "31", "32", "33", "34"]),
        "learning_rate_2": ("learning_rate", ["6", "7"]),
        "weightdecay": ("weight_decay", ["31", "22", "27", "28", "29", "30"]),
        "weightdecay_2": ("weight_decay", ["14", "18", "17", "16"]),
        "weightdecay_3": ("weight_decay", ["36", "37"]),
        "dropout": ("dropout", ["18", "19", "20", "21"]),
        "dropout_2": ("dropout", ["23", "22", "24", "25"]),
        "dropout_3": ("dropout", ["7", "8"]),
    }
    references = {study.figure: study.reference.label for study in studies}
    assert (references["weightdecay"], references["weightdecay_2"]) == ("31", "14")  # the smallest value, the default
    assert (references["learning_rate"], references["depth_3"]) == ("31", "37")  # both have the default


def test_presets_that_differ_only_in_the_2020_penalty_form_studies():
    numbers = (14, 18, 218, 17, 217, 31, 231)
    runs = [reported_run(number, PRESETS[number]) for number in numbers]
    studies = find_studies(find_experiments(runs))
    cumulative = [study for study in studies if study.field == "cumulative_weight_decay"]
    assert [[arm.label for arm in study.arms] for study in cumulative] == [["17", "217"], ["18", "218"], ["31", "231"]]
    assert [study.reference.label for study in cumulative] == ["17", "18", "31"]
    study = cumulative[0]
    assert study.title == "cumulative weight decay"
    assert [study.phrase(arm) for arm in study.arms] == [
        "without cumulative weight decay",
        "with cumulative weight decay",
    ]
    decays = {tuple(arm.label for arm in study.arms) for study in studies if study.field == "weight_decay"}
    assert decays == {("14", "18", "17"), ("218", "217")}  # the two penalties are never mixed


def test_new_presets_form_studies(tmp_path):
    base = Preset()
    sgd = base.but(optimizer="sgd", optimizer_arguments={"momentum": 0.9})
    for number, preset in enumerate((base, sgd, sgd.but(activation="gelu"), base.but(epochs=3)), start=38):
        make_run(tmp_path, number, preset, 0.98)
    make_run(tmp_path, 42, base.but(dropout=0.5), 0.98, status="interrupted")  # did not finish
    for number, change in enumerate(({"normalization": "batch"}, {"normalization": "layer"}, {"elastic": 1.5}), 43):
        make_run(tmp_path, number, base.but(**change), 0.98)
    studies = find_studies(find_experiments(read_evidence(tmp_path / "runs", tmp_path / "INFOS", DATA).runs))
    found = {study.figure: [study.value(arm) for arm in study.arms] for study in studies}
    assert found == {
        "activation": ["gelu", "relu"],
        "epochs": ["3", "100"],
        "optimizer": ["adam", "sgd momentum=0.9"],
        "normalization": ["batch", "layer", "none"],
        "elastic": ["0", "1.5"],
    }


def test_same_seed_counts_once(tmp_path):
    for seed in (1, 1, 2):
        make_run(tmp_path, 1, Preset(), 0.98, seed)
    (experiment,) = find_experiments(read_evidence(tmp_path / "runs", tmp_path / "INFOS", DATA).runs)
    assert len(experiment.runs) == 3
    assert [run.record.seed for run in experiment.seeds] == [1, 2]


def studies_of(*presets: Preset) -> list[Study]:
    """Returns the studies found in one run of each preset. Presets are numbered from 1."""
    runs = [reported_run(number, preset) for number, preset in enumerate(presets, start=1)]
    return find_studies(find_experiments(runs))


@pytest.mark.parametrize("name", [name for name in HYPERPARAMETERS if name != "final_fit"])
def test_presets_with_one_difference_form_a_study(name):
    declared = HYPERPARAMETERS[name]
    base, changed = Preset(), Preset(**{name: declared.example})
    (study,) = studies_of(base, changed)
    assert (study.field, study.title, study.figure) == (
        ("hidden_sizes", "depth", "depth") if name == "hidden_sizes" else (name, declared.title, declared.figure)
    )
    assert {arm.preset for arm in study.arms} == {base, changed}
    assert study.reference.preset == base
    values = {arm.label: study.value(arm) for arm in study.arms}
    assert values == {"1": value_as_text(getattr(base, name)), "2": value_as_text(getattr(changed, name))}


@pytest.mark.parametrize("name", [name for name in HYPERPARAMETERS if name not in ("final_fit", "dropout")])
def test_presets_with_two_differences_form_no_study(name):
    example = HYPERPARAMETERS[name].example
    assert studies_of(Preset(), Preset(**{name: example}, dropout=0.5)) == []


def test_reference_has_the_default_value_or_else_the_smallest():
    (study,) = studies_of(Preset(dropout=0.5), Preset(dropout=0.0), Preset(dropout=0.2))
    assert ([arm.label for arm in study.arms], study.reference.label) == (["2", "3", "1"], "2")
    assert [arm.label for arm in study.others] == ["3", "1"]
    (study,) = studies_of(Preset(dropout=0.5), Preset(dropout=0.1), Preset(dropout=0.2))
    assert study.reference.label == "2"


def test_reference_has_learned_if_any_preset_has():
    runs = [
        reported_run(number, Preset(dropout=dropout), (accuracy,) * 3, accuracy)
        for number, dropout, accuracy in ((1, 0.0, 0.1), (2, 0.5, 0.98), (3, 0.2, 0.11), (4, 0.3, 0.97))
    ]
    (study,) = find_studies(find_experiments(runs))
    assert study.reference.label == "4"
    (study,) = find_studies(find_experiments([runs[2], runs[0]]))
    assert study.reference.label == "1"


def test_reference_of_optimizers_is_the_default_one_with_the_lowest_number():
    adam = {"optimizer_arguments": {"beta_1": 0.5}}
    (study, _) = (one for one in studies_of(Preset(optimizer="sgd"), Preset(**adam), Preset()))
    assert (study.field, study.reference.label) == ("optimizer", "2")


def test_context_tells_studies_of_the_same_hyperparameter_apart():
    bases = [Preset(), Preset(activation="gelu"), Preset(activation="gelu", learning_rate=0.01)]
    studies = studies_of(
        *bases, *(base.but(dropout=0.5, epochs=7) for base in bases), *(one.but(epochs=7) for one in bases)
    )
    contexts = {study.reference.label: study.context for study in studies if study.field == "dropout"}
    assert contexts == {
        "7": "relu, learning rate 0.001",
        "8": "gelu, learning rate 0.001",
        "9": "gelu, learning rate 0.01",
    }


def test_context_names_optimizer_arguments_once():
    bases = [Preset(), Preset(optimizer="sgd", optimizer_arguments={"momentum": 0.9})]
    studies = studies_of(*bases, *(base.but(dropout=0.5) for base in bases))
    assert [study.context for study in studies if study.field == "dropout"] == ["adam", "sgd momentum=0.9"]


def test_single_study_of_a_hyperparameter_needs_no_context():
    studies = studies_of(Preset(), Preset(dropout=0.5), Preset(epochs=7))
    assert [study.context for study in studies] == ["", ""]


@pytest.mark.parametrize(
    ("change", "phrases"),
    [
        ({"dropout": 0.5}, ["without dropout", "with a dropout of 0.5"]),
        ({"learning_rate": 0.01}, ["with a learning rate of 0.001", "with a learning rate of 0.01"]),
        ({"l1_decay": 1e-5}, ["without L1 decay", "with an L1 decay of 1e-05"]),
        ({"weight_init": "he"}, ["with the default (Xavier) initialization", "with He initialization"]),
        ({"epochs": 1}, ["with 100 epochs", "with 1 epoch"]),
        ({"hidden_sizes": (30, 20)}, ["with 3 hidden layers (300-200-200)", "with 2 hidden layers (30-20)"]),
        ({"hidden_sizes": (9, 9, 9)}, ["with hidden layers of 300-200-200 units", "with hidden layers of 9-9-9 units"]),
        ({"deskew": True}, ["without deskewing", "with deskewing"]),
        ({"normalization": "batch"}, ["without normalization", "with normalization batch"]),
        ({"optimizer": "sgd"}, ["with adam", "with sgd"]),
    ],
)
def test_values_are_named_in_sentences(change, phrases):
    (study,) = studies_of(Preset(), Preset(**change))
    assert [study.phrase(arm) for arm in (study.reference, *study.others)] == phrases


def test_depth_is_given_as_a_number_of_layers_if_that_is_enough():
    (study,) = studies_of(Preset(hidden_sizes=(9,)), Preset(hidden_sizes=(9, 9)))
    assert [study.short_value(arm) for arm in study.arms] == ["1 hidden layer", "2 hidden layers"]
    (study,) = studies_of(Preset(hidden_sizes=(9,)), Preset(hidden_sizes=(9, 9)), Preset(hidden_sizes=(9, 8)))
    assert [study.short_value(arm) for arm in study.arms] == ["9", "9-8", "9-9"]


def test_final_fits_are_not_in_studies():
    assert studies_of(Preset(), Preset(final_fit=True)) == []


def test_different_layer_sizes_form_a_width_study():
    (study,) = studies_of(Preset(hidden_sizes=(300, 200)), Preset(hidden_sizes=(40, 30)))
    assert (study.field, study.title, study.figure) == ("hidden_sizes", "width", "width")


def test_different_optimizer_arguments_form_a_study():
    momenta = [Preset(optimizer="sgd", optimizer_arguments={"momentum": momentum}) for momentum in (0.9, 0.5)]
    studies = {study.field: [study.value(arm) for arm in study.arms] for study in studies_of(Preset(), *momenta)}
    assert studies == {
        "optimizer": ["adam", "sgd momentum=0.9", "sgd momentum=0.5"],
        "optimizer_arguments": ["momentum=0.5", "momentum=0.9"],
    }
