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
        (["MNIST_train.py", "--epochs", "many"], 2, "argument --epochs: invalid int value: 'many'"),
        (["MNIST_train.py", "--seed", "-1"], 2, "--seed: must be a whole number from 0"),
        (["MNIST_train.py", "--prests", "9"], 2, "unrecognized arguments: --prests 9"),
        (["MNIST_train.py", "--runs-dir", "/proc/runs"], 2, "cannot write to /proc/runs"),
        (["MNIST_train.py", "--info-dir", "/proc/INFOS"], 2, "cannot write to /proc/INFOS"),
        (["MNIST_train.py", "--presets", "1,9", "--data-dir", "/proc/data"], 1, "cannot be written"),
        (["MNIST_train.py", "--data-dir", "/proc/data"], 1, "is missing or damaged and cannot be written"),
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
