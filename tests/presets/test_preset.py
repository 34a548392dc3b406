"""The registry: the presets of 2020, how presets are validated, derived, compared and chosen."""

from __future__ import annotations

import csv
import math
import shutil

import numpy as np
import pytest
from rich.console import Console

from mnist_mlp.errors import UsageError
from mnist_mlp.presets.preset import Preset
from mnist_mlp.presets.registry import Registry, ranges_of
from tests.helpers import PROJECT, only_line

from hyperparameters import PRESETS, select

SEED_ROWS = list(csv.DictReader((PROJECT / "tests" / "seed_presets.csv").open()))[1:]  # 0 had no optimizer


@pytest.mark.parametrize("row", SEED_ROWS, ids=lambda row: row["preset"])
def test_preset_is_as_in_2020(row):
    assert PRESETS[int(row["preset"])] == Preset(
        hidden_sizes=tuple(map(int, row["hidden_sizes"].split("-"))),
        activation=row["activation"],
        weight_init=row["weight_init"],
        bias_init="normal",
        batch_size=int(row["batch_size"]),
        epochs=int(row["epochs"]),
        optimizer=row["optimizer"],
        learning_rate=float(row["learning_rate"]),
        weight_decay=float(row["weight_decay"]),
        dropout=float(row["dropout"]),
    )
    assert PRESETS[int(row["preset"])].weight_layers == int(row["weight_layers"])


def test_all_presets_of_2020_are_there():
    assert [int(row["preset"]) for row in SEED_ROWS] == list(range(1, 38))
    assert list(PRESETS)[:37] == list(range(1, 38))


def test_the_presets_of_2020_have_nothing_that_came_later():
    assert all(PRESETS[number].switched_on() == {} for number in range(1, 38))
    later = PRESETS[1].but(standardize=True, elastic=1.5)
    assert later.switched_on() == {"standardize": "True", "elastic": "1.5"}


def test_but_changes_one_field_and_remembers_its_parent():
    child = PRESETS[18].but(dropout=0.3)
    assert child.parent is PRESETS[18]
    assert PRESETS[18].differences(child) == {"dropout": (0.0, 0.3)}
    assert PRESETS[18].dropout == 0.0


def test_another_optimizer_starts_from_its_own_arguments_and_is_one_difference():
    sgd = PRESETS[31].but(optimizer="sgd", optimizer_arguments={"momentum": 0.9})
    assert PRESETS[31].differences(sgd) == {"optimizer": ("adam", "sgd")}
    assert sgd.but(optimizer="rmsprop").optimizer_arguments == ()
    assert sgd.but(dropout=0.5).optimizer_arguments == (("momentum", 0.9),)


def test_same_but_for_one_field_can_be_found():
    base = PRESETS[22]
    neighbors = {n: d for n, p in PRESETS.items() if len(d := base.differences(p)) == 1 and "dropout" in d}
    assert sorted(neighbors) == [23, 24, 25]


def test_values_are_kept_in_one_form():
    preset = Preset(hidden_sizes=[300, np.int64(200)], learning_rate=1, dropout=np.float32(0.5), optimizer="RMSprop")
    assert preset.hidden_sizes == (300, 200)
    assert isinstance(preset.learning_rate, float)
    assert preset.dropout == 0.5
    assert preset.optimizer == "rmsprop"
    assert Preset(weight_init="HeNormal") == Preset(weight_init="he_normal")
    assert hash(Preset(optimizer_arguments={"beta_2": 0.99, "beta_1": 0.8})) == hash(
        Preset(optimizer_arguments={"beta_1": 0.8, "beta_2": 0.99})
    )


def test_preset_survives_its_json_form():
    preset = Preset(hidden_sizes=(40, 30), optimizer="sgd", optimizer_arguments={"momentum": 0.9, "nesterov": True})
    assert Preset.from_dict(preset.to_dict()) == preset


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("dropout", 1.0, "below 1"),
        ("dropout", -0.1, "at least 0"),
        ("dropout", "0.2", "a number"),
        ("dropout", True, "a number"),
        ("dropout", math.nan, "a number"),
        ("learning_rate", 0, "above 0"),
        ("learning_rate", -0.001, "above 0"),
        ("learning_rate", math.inf, "finite"),
        ("learning_rate", 10**400, "finite"),
        ("weight_decay", -1, "at least 0"),
        ("hidden_sizes", (300, 0), "from 1"),
        ("hidden_sizes", (300, 2.5), "whole number"),
        ("hidden_sizes", (300, True), "whole number"),
        ("hidden_sizes", 300, "a tuple"),
        ("hidden_sizes", "300-200", "a tuple"),
        ("hidden_sizes", (60_000, 60_000), "weights"),
        ("batch_size", 0, "from 1 to 55000"),
        ("batch_size", 55_001, "from 1 to 55000"),
        ("batch_size", 100.0, "whole number"),
        ("epochs", 0, "from 1"),
        ("activation", "rulu", "relu"),
        ("activation", None, "relu"),
        ("activation", ["relu"], "relu"),
        ("weight_init", "hee", "he, xavier, default"),
        ("bias_init", "he", "normal"),
        ("optimizer", "none", "adam"),
        ("normalization", "group", "none, batch, layer"),
        ("normalization", None, "none, batch, layer"),
        ("standardize", 1, "True or False"),
        ("final_fit", "yes", "True or False"),
        ("input_dropout", 1.0, "below 1"),
        ("label_smoothing", -0.1, "at least 0"),
        ("decoupled_weight_decay", -0.1, "at least 0"),
        ("learning_rate_schedule", "linear", "constant, cosine, one_cycle"),
        ("warmup", 1, "below 1"),
        ("ema_decay", 1.0, "below 1"),
        ("rotation", 181, "0 to 180"),
        ("scaling", 1.0, "below 1"),
        ("shear", math.inf, "finite"),
        ("shift", 29, "0 to 28"),
        ("elastic", -1, "0 to 28"),
        ("adversarial", -1, "at least 0"),
        ("l1_decay", -0.01, "at least 0"),
        ("optimizer_arguments", {"momentum": 0.9}, "beta_1"),
        ("optimizer_arguments", {"beta_1": 1.0}, "below 1"),
        ("optimizer_arguments", {"beta_1": "0.9"}, "a number"),
        ("optimizer_arguments", 3, "a dict"),
        ("optimizer_arguments", {"clipnorm": 1.0, "global_clipnorm": 1.0}, "at most one of clipnorm, clipvalue"),
        ("droput", 0.2, "did you mean dropout?"),
        ("batch_norm", True, "allowed: hidden_sizes, "),
    ],
)
def test_refusal_names_field_value_and_what_is_allowed(field, value, allowed):
    with pytest.raises(UsageError) as refused:
        Preset(**{field: value})
    message = str(refused.value)
    if field == "optimizer_arguments" and isinstance(value, dict):
        field, value = next(iter(value.items()))
    assert field in message
    assert allowed in message
    assert repr(value)[:10] in message or field == "hidden_sizes"
    assert "\n" not in message


def test_preset_takes_no_positional_values_and_cannot_be_changed():
    with pytest.raises(UsageError, match="by name"):
        Preset((300, 200))
    with pytest.raises(AttributeError):
        PRESETS[1].dropout = 0.5


def test_any_number_of_hidden_layers_is_allowed():
    assert Preset(hidden_sizes=()).weight_layers == 1
    assert Preset(hidden_sizes=(50,) * 20).weight_layers == 21


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("31", [31]), ("9-13,31", [9, 10, 11, 12, 13, 31]), (" 9 - 11 , 2", [9, 10, 11, 2]), ([31, 9], [31, 9])],
)
def test_select(text, numbers):
    assert list(select(text)) == numbers
    assert all(preset is PRESETS[number] for number, preset in select(text).items())


@pytest.mark.parametrize("numbers", [[1], [1, 2, 3], [9, 10, 11, 31, 36, 37]])
def test_ranges_of_is_understood_by_select(numbers):
    assert list(select(ranges_of(numbers))) == numbers


@pytest.mark.parametrize(
    ("chosen", "complaint"),
    [
        ("9-", "'9-' is not understood"),
        ("-9", "'-9' is not understood"),
        ("13-9", "'13-9' is not understood"),
        ("9,,10", "'' is not understood"),
        ("nine", "'nine' is not understood"),
        ("1.5", "'1.5' is not understood"),
        ("", "no preset is chosen"),
        ([], "no preset is chosen"),
        ("99", "preset 99 is unknown; known: 1-"),
        ("1-999999999", "preset 999999999 is unknown"),
        ("9,9", "preset 9 is chosen twice"),
        ([9, 9], "preset 9 is chosen twice"),
        (["9"], "preset '9' is no number of a preset"),
        ([[9]], "preset [9] is no number of a preset"),
        (31, "is not a list of preset numbers"),
    ],
)
def test_select_refuses(chosen, complaint):
    with pytest.raises(UsageError) as refused:
        select(chosen)
    assert complaint in str(refused.value)


def test_registry_refuses_a_number_given_twice_and_what_is_no_preset():
    registry = Registry()
    registry[1] = Preset()
    for number, preset, complaint in (
        (1, Preset(), "given twice"),
        (0, Preset(), "from 1"),
        (2, {}, "must be a Preset"),
    ):
        with pytest.raises(UsageError, match=complaint):
            registry[number] = preset


def test_table_fits_a_terminal_of_80_columns(capsys):
    Console(width=80).print(PRESETS.table(80))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.rstrip().endswith("18: dropout 0 -> 0.2") for line in lines)


def test_script_prints_every_preset_and_what_it_changed_without_tensorflow(script):
    check = "import runpy, sys; runpy.run_path('hyperparameters.py', run_name='__main__')"
    process = script("-c", f"{check}; assert not {{'tensorflow', 'keras'}} & set(sys.modules)")
    assert process.returncode == 0, process.stderr
    rows = {line.split()[0]: line.rstrip() for line in process.stdout.splitlines() if line[:6].strip().isdecimal()}
    assert list(rows) == [str(number) for number in PRESETS]
    assert rows["19"].endswith("18: dropout 0 -> 0.2")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (
            "PRESETS[99] = PRESETS[18].but(dropout=1.0)",
            "dropout=1.0 is not allowed; allowed: a number of at least 0 and ",
        ),
        (
            "PRESETS[99] = PRESETS[18].but(learning_rate=-1)",
            "learning_rate=-1 is not allowed; allowed: a finite number ",
        ),
        (
            "PRESETS[99] = PRESETS[18].but(batch_size='9')",
            "batch_size='9' is not allowed; allowed: a whole number from 1 ",
        ),
        (
            "PRESETS[99] = PRESETS[18].but(hidden_sizes=(9, 0))",
            "hidden_sizes[1]=0 is not allowed; allowed: a whole number",
        ),
        ("PRESETS[99] = PRESETS[18].but(dropuot=0.5)", "dropuot=0.5: there is no such field; did you mean dropout?"),
        ("PRESETS[99] = PRESETS[18].but(dropout=0.5, dropout=0.6)", "keyword argument repeated: dropout"),
        ("PRESETS[99] = PRESETS[18].but(dropout=half)", "name 'half' is not defined"),
        ("PRESETS[99] = PRESETS[998].but(dropout=0.5)", "preset 998 is unknown"),
        ("PRESETS[31].dropout = 0.3", "cannot assign to field 'dropout' (FrozenInstanceError)"),
    ],
)
def test_a_mistake_in_the_registry_is_told_in_one_line_with_its_place(script, tmp_path, line, complaint):
    text = (PROJECT / "hyperparameters.py").read_text()
    (tmp_path / "hyperparameters.py").write_text(text.replace("select =", f"{line}\nselect ="))
    shutil.copy(PROJECT / "MNIST_train.py", tmp_path)
    process = script(tmp_path / "MNIST_train.py", "--list", PYTHONPATH=str(PROJECT))
    line_number = text[: text.index("select =")].count("\n") + 1
    assert only_line(process).startswith(f"Error: hyperparameters.py, line {line_number}: {complaint}")
    assert process.returncode == 2
