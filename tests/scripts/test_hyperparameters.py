"""Tests hyperparameters.py as a script and as a module."""

from __future__ import annotations

import shutil

import pytest
from rich.console import Console

from mnist_mlp.console.tables import presets_tables
from tests.helpers import PROJECT, only_line, registry_with

from hyperparameters import PRESETS


def test_table_fits_80_columns(capsys):
    Console(width=80).print(*presets_tables(PRESETS, 80), sep="\n")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.rstrip().endswith("18: dropout 0 -> 0.2") for line in lines)


def test_script_prints_every_preset_without_importing_tensorflow(script):
    check = "import runpy, sys; runpy.run_path('hyperparameters.py', run_name='__main__')"
    process = script("-c", f"{check}; assert not {{'tensorflow', 'keras'}} & set(sys.modules)")
    assert process.returncode == 0, process.stderr
    rows = {line.split()[0]: line.rstrip() for line in process.stdout.splitlines() if line[:6].strip().isdecimal()}
    assert list(rows) == [str(number) for number in PRESETS]
    assert rows["19"].endswith("18: dropout 0 -> 0.2")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "PRESETS[99] = PRESETS[18].but(dropout=1.0)",
            "dropout: must be a number that is at least 0 and less than 1, not 1.0",
        ),
        (
            "PRESETS[99] = PRESETS[18].but(learning_rate=-1)",
            "learning_rate: must be a finite number greater than 0, not -1",
        ),
        (
            "PRESETS[99] = PRESETS[18].but(batch_size='9')",
            "batch_size: must be a whole number from 1 ",
        ),
        (
            "PRESETS[99] = PRESETS[18].but(hidden_sizes=(9, 0))",
            "hidden_sizes[1]: must be a whole number",
        ),
        (
            "PRESETS[99] = PRESETS[18].but(dropuot=0.5)",
            "dropuot=0.5: there is no such hyperparameter; did you mean dropout?",
        ),
        ("PRESETS[99] = PRESETS[18].but(dropout=0.5, dropout=0.6)", "keyword argument repeated: dropout"),
        ("PRESETS[99] = PRESETS[18].but(dropout=half)", "name 'half' is not defined"),
        ("PRESETS[99] = PRESETS[998].but(dropout=0.5)", "preset 998 does not exist"),
        ("PRESETS[31].dropout = 0.3", "cannot assign to field 'dropout' (FrozenInstanceError)"),
    ],
)
def test_mistake_in_registry_is_reported_with_line_number(script, tmp_path, line, message):
    text = registry_with(line)
    (tmp_path / "hyperparameters.py").write_text(text)
    shutil.copy(PROJECT / "MNIST_train.py", tmp_path)
    process = script(tmp_path / "MNIST_train.py", "--list", PYTHONPATH=str(PROJECT))
    line_number = text[: text.index(line)].count("\n") + 1
    assert only_line(process).startswith(f"Error: hyperparameters.py, line {line_number}: {message}")
    assert process.returncode == 2


def test_import_does_not_load_tensorflow_or_rich_or_install_hook(script):
    code = "import sys; before = sys.excepthook; import hyperparameters; assert sys.excepthook is before"
    process = script("-c", f"{code}; assert not {{'tensorflow', 'keras', 'rich'}} & set(sys.modules)")
    assert (process.returncode, process.stderr) == (0, "")


def test_help_lists_hyperparameters(script):
    process = script("hyperparameters.py", "--help")
    assert process.returncode == 0
    assert "  l1_decay (default: 0)\n    allowed: a finite number that is at least 0\n" in process.stdout


def test_registry_in_utf_16_is_reported_in_one_line(script, tmp_path):
    (tmp_path / "hyperparameters.py").write_text(registry_with(""), encoding="utf-16")
    shutil.copy(PROJECT / "MNIST_train.py", tmp_path)
    process = script(tmp_path / "MNIST_train.py", "--list", PYTHONPATH=str(PROJECT))
    assert process.returncode == 2
    assert only_line(process) == "Error: hyperparameters.py is encoded as UTF-16; save it as UTF-8"
