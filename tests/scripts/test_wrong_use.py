"""Tests that the scripts report usage errors in one line, with the right exit status."""

from __future__ import annotations

import pytest

from mnist_mlp.presets.registry import ranges_of
from tests.helpers import only_line

from hyperparameters import PRESETS


@pytest.mark.parametrize(
    ("command", "status", "message"),
    [
        (["MNIST_train.py", "--presets", "99"], 2, f"preset 99 does not exist; available: {ranges_of(PRESETS)}"),
        (["MNIST_train.py", "--presets", "9-"], 2, "'9-' is invalid"),
        (["MNIST_train.py", "--presets", ""], 2, "no preset is selected"),
        (["MNIST_train.py", "--presets", "9,8-10"], 2, "preset 9 is selected twice"),
        (["MNIST_train.py", "--epochs", "0"], 2, "epochs: must be a whole number from 1"),
        (["MNIST_train.py", "--epochs", "many"], 2, "--epochs: must be a whole number from 1 to 100,000, not 'many'"),
        (["MNIST_train.py", "--seed", "-1"], 2, "--seed: must be a whole number from 0"),
        (["MNIST_train.py", "--prests", "9"], 2, "there is no option --prests; did you mean --presets?"),
        (["MNIST_train.py", "--runs-dir", "/proc/runs"], 2, "cannot write to /proc/runs"),
        (["MNIST_train.py", "--info-dir", "/proc/INFOS"], 2, "cannot write to /proc/INFOS"),
        (["MNIST_train.py", "--presets", "1,9", "--data-dir", "/proc/data"], 1, "cannot be written"),
        (["MNIST_train.py", "--data-dir", "/proc/data"], 1, "is missing or damaged and cannot be written"),
        (
            ["MNIST_train.py", "--learning-rate", "0.01"],
            2,
            "is a hyperparameter, not an option; use --set learning_rate=0.01",
        ),
        (["MNIST_train.py", "--learning_rate=0.01"], 2, "use --set learning_rate=0.01 (see "),
        (
            ["MNIST_train.py", "--presets", "1", "9", "--hidden-sizes", "40", "30", "--quiet"],
            2,
            "use --set hidden_sizes=40,30",
        ),
        (["MNIST_train.py", "--dropout"], 2, "use --set dropout=0.2"),
        (
            ["MNIST_train.py", "--lr", "0.01"],
            2,
            "--lr is a hyperparameter, not an option; use --set learning",
        ),
        (["MNIST_train.py", "--final-fit", "true"], 2, "use --set final_fit=true"),
        (["MNIST_train.py", "--set", "dropout=0.1", "lr=0.1"], 2, "did you mean learning_rate?"),
        (["MNIST_train.py", "--presets", "1", "--presets", "999"], 2, "preset 999 does not exist"),
        (["MNIST_train.py", "--presets", "9", "31,"], 2, "presets '9 31,': '' is invalid"),
        (["MNIST_train.py", "--set", "dropout=2"], 2, "dropout: must be a number that is at least 0 and less"),
        (["MNIST_train.py", "--set", "batch_size=60000"], 2, "batch_size: must be a whole number from 1 to 55,000"),
        (["MNIST_train.py", "--set", "epochs=3", "--epochs", "4"], 2, "--epochs and --set epochs=... set the same"),
        (["MNIST_train.py", "--resume", "--set", "dropout=0.3"], 2, "--resume cannot be combined with --set"),
        (["MNIST_eval.py", "--runs-dir", "EMPTY"], 1, "contains no runs; train a preset first: "),
        (["MNIST_eval.py", "--runs-dir", "missing"], 2, "runs directory missing cannot be read"),
        (["MNIST_eval.py", "no_such_run", "--runs-dir", "EMPTY"], 2, "run 'no_such_run' does not exist"),
        (["tensorboard_run.py", "--runs-dir", "EMPTY"], 1, "contains no runs; train a preset first: "),
        (["tensorboard_run.py", "--port", "99999"], 2, "--port: must be a whole number from 1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_usage_error_is_one_line(script, tmp_path, command, status, message):
    (tmp_path / "empty").mkdir()
    command = [str(tmp_path / "empty") if item == "EMPTY" else item for item in command]
    scratch = [] if "--runs-dir" in command else ["--runs-dir", str(tmp_path / "runs")]
    if command[0] == "MNIST_train.py" and "--info-dir" not in command:
        scratch += ["--info-dir", str(tmp_path / "INFOS")]
    process = script(*command, *scratch)
    line = only_line(process)
    assert line.startswith("Error: ")
    assert message in line
    if "train a preset first" in message:
        assert line.endswith(f"MNIST_train.py --runs-dir {tmp_path / 'empty'}")
    assert process.returncode == status
    assert not list(tmp_path.glob("runs/*"))


def test_wrong_option_of_registry_has_no_line_number(script):
    process = script("hyperparameters.py", "foo")
    assert only_line(process).startswith("Error: unrecognized arguments: foo (see ")
    assert process.returncode == 2


@pytest.mark.parametrize("options", [["-i"], []], ids=["-i", "PYTHONINSPECT"])
def test_error_before_a_prompt_is_one_line(script, options):
    environment = {} if options else {"PYTHONINSPECT": "1"}
    process = script(*options, "MNIST_train.py", "--prests", "9", **environment)
    shown = process.stderr.replace(">>> ", "").strip()
    assert shown.startswith("Error: there is no option --prests; did you mean --presets?")
    assert shown.count("\n") == 0


def test_ctrl_c_at_a_prompt_is_one_line(script):
    code = "import sys, MNIST_train; sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)"
    process = script("-i", "-c", code)
    assert process.stderr.replace(">>> ", "").strip() == "Interrupted."
