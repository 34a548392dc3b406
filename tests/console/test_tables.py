"""The tables that the scripts end with."""

from __future__ import annotations

import pytest
from rich.console import Console

from mnist_mlp.console.tables import repeats_table, results_table, scores_table
from mnist_mlp.evaluation.scoring import TestScore
from mnist_mlp.presets.preset import Preset
from mnist_mlp.runs.run_folder import RunFolder, RunRecord


def shown(table) -> list[list[str]]:
    terminal = Console(width=80, highlight=False)
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


@pytest.mark.parametrize(
    ("name", "has_no_room"), [("1795552362_preset100_2", False), ("1795552362_preset100_123456789", True)]
)
def test_eighty_columns_cut_nothing_off(tmp_path, name, has_no_room):
    metrics = {"accuracy": 0.9918}
    epochs = [{"epoch": epoch, "seconds": 60.0, "validation": metrics} for epoch in range(1, 601)]
    record = RunRecord(100, Preset(final_fit=True), 1602, "interrupted", epochs=epochs, best_epoch=600)
    run = RunFolder(tmp_path / name, record)
    ended = [["100", "600", "of", "600", "99.18%*", "10:00:00", "interrupted"], [name]]
    scored = [["100", "99.05%", "98.84", "to", "99.22", "0.0500", "99.18%*", "1602"], [name]]
    for table, (numbers, (whole_name,)) in (
        (results_table([run]), ended),
        (scores_table([(TestScore(9905, 10_000, 0.05), run)]), scored),
    ):
        first, *more, footnote = shown(table)
        assert first[: len(numbers)] == numbers
        assert bool(more) == has_no_room
        assert "".join([*first[len(numbers) :], *(part for line in more for part in line)]) == whole_name
        assert " ".join(footnote) == "* a final fit: it has been trained on the validation images too"


@pytest.mark.parametrize("final_fit", [False, True])
def test_a_run_that_failed_at_once_has_no_accuracy(tmp_path, final_fit):
    run = RunFolder(tmp_path / "1_preset1", RunRecord(1, Preset(final_fit=final_fit), 1602, "failed"))
    assert shown(results_table([run])) == [["1", "-", "-", "0", "s", "failed", "1_preset1"]]
