"""The tables that the scripts end with."""

from __future__ import annotations

from mnist_mlp.preset import Preset
from mnist_mlp.run_folder import RunRecord
from mnist_mlp.tables import repeats_table
from mnist_mlp.terminal import console


def shown(table) -> list[list[str]]:
    terminal = console()
    with terminal.capture() as capture:
        terminal.print(table)
    return [line.split() for line in capture.get().splitlines()[1:]]


def test_a_seed_trained_twice_is_one_network():
    one, other = Preset(), Preset(dropout=0.5)
    measured = [(RunRecord(1, one, seed), accuracy) for seed, accuracy in ((1, 0.97), (2, 0.99), (1, 0.97))]
    measured += [(RunRecord(2, other, 1), 0.98), (RunRecord(2, other, 1), 0.98)]
    # 97 and 99%: a deviation of 1.41 points; 12.7062 (one degree of freedom) * 1.41421 / sqrt(2) = 12.71
    assert shown(repeats_table(measured, "test accuracy")) == [["1", "2", "98.00%", "85.29", "to", "110.71%", "1.41%"]]
    assert repeats_table(measured[3:], "test accuracy") is None


def test_seeds_of_presets_with_one_number_that_are_not_the_same_are_not_put_together():
    measured = [(RunRecord(1, Preset(dropout=rate), seed), 0.98) for seed, rate in enumerate((0.1, 0.2))]
    assert repeats_table(measured, "test accuracy") is None
