"""Tests that the time of a compiled epoch is divided into parts."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from benchmarks.inside_the_epoch import PARTS, seconds_of_parts

ONE_ROUND = "import benchmarks.inside_the_epoch as script; script.ROUNDS = 1; print(script.table(script.measure()))"


def test_operations_count_in_their_parts():
    operations = {
        "MatMul.1": "while/hidden_1_1/MatMul",
        "MatMul.2": "gradient_tape/while/logits_1/MatMul/MatMul_1",
        "fusion.1": "while/adam/AssignSubVariableOp",
        "MatMul.3": "mlp_1/hidden_1_1/MatMul",
        "while.1": "while",
    }
    seconds = Counter({"MatMul.1": 1.0, "MatMul.2": 2.0, "fusion.1": 4.0, "MatMul.3": 8.0, "while.1": 16.0, "x": 32.0})
    parts = seconds_of_parts(operations, seconds)
    assert {part: value for part, value in parts.items() if value} == {
        "matrix products of the steps": 3.0,
        "optimizer and weight decay": 4.0,
        "validation": 8.0,
    }


@pytest.mark.slow
def test_every_part_takes_time_and_together_not_more_than_the_epoch(script):
    process = script("-c", ONE_ROUND)
    assert process.returncode == 0, process.stderr
    shares = {name: float(value) for name, value in re.findall(r"^\| (.+?) \| ([\d.]+) \(", process.stdout, re.M)}
    parts = [shares[part] for part in PARTS]
    assert min(parts) > 0
    assert sum(parts) <= shares["compiled epoch"]
