"""Tests the scripts on terminals, pipes and files of all kinds: encodings, widths, closed and full outputs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import PROJECT, folders, on_terminal, runs_in, without_control_sequences

from hyperparameters import PRESETS

NO_UTF_8 = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
ENCODINGS = [{"PYTHONIOENCODING": name} for name in ("ascii", "ascii:strict", "latin-1", "cp1252", "utf-16")] + [
    {"LANG": "C"},
    {"LC_ALL": "POSIX"},
    NO_UTF_8,
]
ODD_NAME = "r\N{LATIN SMALL LETTER E WITH ACUTE}\N{CHECK MARK}:100:[bold]"
LISTS = [["MNIST_train.py", "--list"], ["hyperparameters.py"], ["MNIST_eval.py", "--help"]]
QUICK = ("--presets", "54", "--epochs", "1", "--workers", "1")


def without_reader(*command: object, lines: int = 0) -> tuple[int, str]:
    """Runs a script and closes the pipe of its output after some lines. Returns its exit status and error output."""
    process = subprocess.Popen(
        [sys.executable, *map(str, command)], cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for _ in range(lines):
        assert process.stdout.readline()
    process.stdout.close()
    errors = process.stderr.read()
    return process.wait(timeout=120), errors


def shell(command: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["bash", "-c", command.replace("PYTHON", sys.executable)], cwd=PROJECT, capture_output=True, text=True
    )


@pytest.mark.parametrize("environment", ENCODINGS, ids=str)
def test_list_is_printed_in_any_encoding(environment):
    process = subprocess.run(
        [sys.executable, "MNIST_train.py", "--list"],
        cwd=PROJECT,
        env={**os.environ, **environment},
        capture_output=True,
    )
    assert (process.returncode, process.stderr) == (0, b"")
    text = process.stdout.decode(
        environment.get("PYTHONIOENCODING", "ascii").partition(":")[0].replace("utf-16", "utf-16-le")
    )
    assert len(re.findall(r"^ *\d+ ", text, re.M)) == len(PRESETS)


@pytest.mark.parametrize("command", LISTS, ids=" ".join)
def test_reader_that_leaves_is_no_error(command):
    assert without_reader(*command, lines=1) == (0, "")
    assert without_reader(*command) == (0, "")
    process = shell(f"set -o pipefail; PYTHON -u {' '.join(command)} | head -1")
    assert (process.returncode, process.stderr) == (0, "")


@pytest.mark.parametrize("command", LISTS, ids=" ".join)
def test_closed_and_full_outputs(command):
    line = f"PYTHON {' '.join(command)}"
    assert (shell(f"{line} >&-").returncode, shell(f"{line} >&-").stderr) == (0, "")
    assert shell(f"{line} <&- >&- 2>&-").returncode == 0
    full = shell(f"{line} > /dev/full")
    assert full.stderr == (
        "Warning: cannot print to standard output (No space left on device); its rest is discarded\n"
    )
    assert full.returncode == 0


def test_error_without_reader_keeps_exit_status():
    assert shell("PYTHON MNIST_train.py --prests 2>&-").returncode == 2
    assert shell("PYTHON MNIST_train.py --prests > /dev/null 2> /dev/full").returncode == 2


def test_file_is_never_opened_in_place_of_closed_stream(tmp_path):
    """A library that prints to a closed stream would write into the file that got its number."""
    code = "import os, sys; from mnist_mlp.errors import install_error_hook; install_error_hook()\n"
    code += (
        f"file = open({str(tmp_path / 'file')!r}, 'w'); print('text'); os.write(1, b'C++'); assert file.fileno() > 2"
    )
    assert shell(f'PYTHON -c "{code}" <&- >&-').returncode == 0
    assert (tmp_path / "file").read_text() == ""


@pytest.mark.parametrize("columns", [40, 80])
@pytest.mark.parametrize("environment", [{}, {"TERM": "dumb"}, {"PYTHONIOENCODING": "ascii"}], ids=str)
def test_list_fits_terminal(columns, environment):
    status, output = on_terminal("MNIST_train.py", "--list", columns=columns, **environment)
    text = without_control_sequences(output)
    assert status == 0
    assert max(map(len, text.splitlines())) <= columns
    assert len(re.findall(r"^ {3,5}\d{1,3}  \S", text, re.M)) == len(PRESETS)


def test_commands_in_errors_are_not_broken_inside_words(tmp_path):
    (tmp_path / "runs").mkdir()
    command = ["MNIST_eval.py", "--runs-dir", str(tmp_path / "runs")]
    _, on_wide = on_terminal(*command, columns=1000)
    _, on_narrow = on_terminal(*command, columns=50)
    lines = without_control_sequences(on_narrow).splitlines()
    assert len(lines) > 2
    assert " ".join(line.strip() for line in lines).split() == without_control_sequences(on_wide).split()


@pytest.mark.slow
def test_training_goes_on_without_reader(tmp_path):
    status, errors = without_reader("MNIST_train.py", *QUICK, *folders(tmp_path), lines=1)
    assert (status, errors) == (0, "")
    (run,) = runs_in(tmp_path)
    assert (run.record.status, len(run.record.epochs)) == ("finished", 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("columns", "environment"),
    [(40, {"PYTHONIOENCODING": "ascii"}), (40, {"TERM": "dumb", **NO_UTF_8}), (80, {"PYTHONIOENCODING": "latin-1"})],
    ids=str,
)
def test_training_on_terminal_without_utf_8(tmp_path, columns, environment):
    odd = tmp_path / ODD_NAME
    status, output = on_terminal("MNIST_train.py", *QUICK, *folders(odd), columns=columns, **environment)
    text = without_control_sequences(output)
    assert status == 0, text
    assert "Traceback" not in text
    (run,) = runs_in(odd)
    accuracy = f"{run.record.best_validation_accuracy:.2%}"
    assert re.search(rf"(validation +|1 of 1 +){accuracy}", text)  # a list or a table, with complete numbers
    assert run.name in text
    assert "\\u28" not in text  # no spinner of characters that the terminal does not have


@pytest.fixture(scope="module")
def oddly_named(trained, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("odd") / ODD_NAME
    shutil.copytree(trained / "runs", folder / "runs")
    for run in runs_in(folder):
        run.path.rename(run.path.with_name(f"{run.name}{ODD_NAME}"))
    return folder


@pytest.mark.parametrize("environment", [{"PYTHONIOENCODING": "ascii"}, NO_UTF_8], ids=str)
def test_odd_names_are_printed_in_any_encoding(script, oddly_named, tmp_path, environment):
    info = ["--info-dir", tmp_path]
    process = script("MNIST_eval.py", "--runs-dir", oddly_named / "runs", *info, **environment)
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.count(":100:[bold]") == 3  # neither an emoji nor markup; two runs, and the next command
    command = ["for_report/make_report.py", "--runs-dir", oddly_named / "runs", *info, "--output-dir", tmp_path / "out"]
    process = script(*command, **environment)
    assert (process.returncode, process.stderr) == (0, "")


@pytest.mark.slow
def test_run_in_directory_with_undecodable_name(script, tmp_path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    process = script("MNIST_train.py", *QUICK, *folders(folder))
    assert (process.returncode, process.stderr) == (0, "")
    (run,) = runs_in(folder)
    run.path.rename(Path(os.fsdecode(os.fsencode(run.path) + b"\xfe")))
    process = script("MNIST_eval.py", *folders(folder))
    assert (process.returncode, process.stderr) == (0, "")
    assert b"\xfe\t54\t" in (folder / "INFOS/eval_log.txt").read_bytes()


def test_other_scripts_without_reader(evaluated, tmp_path):
    for name in ("runs", "INFOS"):
        shutil.copytree(evaluated / name, tmp_path / name)
    assert without_reader("MNIST_eval.py", *folders(tmp_path)) == (0, "")
    report = ["for_report/make_report.py", *folders(tmp_path), "--output-dir", tmp_path / "out"]
    assert without_reader(*report) == (0, "")
    assert (tmp_path / "out/report.html").exists()
