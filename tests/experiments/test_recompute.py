"""Tests the independent recomputation of the reference report."""

from __future__ import annotations

from dataclasses import replace

import pytest

from experiments.recompute.__main__ import REFERENCE, wrong_cells
from experiments.recompute.archive import Run, read_runs


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    return read_runs(REFERENCE / "records_2020.tar.xz")


def test_all_numbers_of_the_reference_report_are_right(runs):
    assert list(wrong_cells(runs)) == []


def test_wrong_number_is_found(runs):
    changed = [replace(runs[0], accuracy=runs[0].accuracy - 0.0001), *runs[1:]]
    wrong = list(wrong_cells(changed))
    assert any("test accuracy" in line for line in wrong)
