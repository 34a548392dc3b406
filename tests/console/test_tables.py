"""Tests the tables that the scripts print."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from mnist_mlp.console.tables import hyperparameters_help, presets_tables, repeats_table, results_table, scores_table
from mnist_mlp.evaluation.scores import ScoredRun, TestScore
from mnist_mlp.presets.declarations import HYPERPARAMETERS
from mnist_mlp.presets.preset import Preset, format_field
from mnist_mlp.presets.registry import Registry
from mnist_mlp.runs.record import RunRecord, RunStatus
from mnist_mlp.runs.run_folder import RunFolder
from tests.report.helpers import seed_interval

from hyperparameters import PRESETS


def shown(table) -> list[list[str]]:
    terminal = Console(width=80, highlight=False)
    with terminal.capture() as capture:
        terminal.print(table)
    return [line.split() for line in capture.get().splitlines()[1:]]


def test_seed_trained_twice_counts_once():
    one, other = Preset(), Preset(dropout=0.5)
    measured = [(RunRecord(1, one, seed), accuracy) for seed, accuracy in ((1, 0.97), (2, 0.99), (1, 0.97))]
    measured += [(RunRecord(2, other, 1), 0.98), (RunRecord(2, other, 1), 0.98)]
    low, high = seed_interval([0.97, 0.99], repeated=[0.97, 0.99])
    interval = [f"{low * 100:.2f}", "to", f"{high:.2%}"]
    assert shown(repeats_table(measured, "test accuracy")) == [["1", "2", "98.00%", *interval, "1.41%"]]
    assert repeats_table(measured[3:], "test accuracy") is None


def test_different_presets_with_same_number_are_not_combined():
    measured = [(RunRecord(1, Preset(dropout=rate), seed), 0.98) for seed, rate in enumerate((0.1, 0.2))]
    assert repeats_table(measured, "test accuracy") is None


@pytest.mark.parametrize(
    ("name", "is_wrapped"), [("1795552362_preset100_2", False), ("1795552362_preset100_123456789", True)]
)
def test_tables_fit_80_columns(tmp_path, name, is_wrapped):
    metrics = {"accuracy": 0.9918}
    epochs = [{"epoch": epoch, "seconds": 60.0, "validation": metrics} for epoch in range(1, 601)]
    record = RunRecord(100, Preset(final_fit=True), 1602, "interrupted", epochs=epochs, best_epoch=600)
    run = RunFolder(tmp_path / name, record)
    ended = [["100", "600", "of", "600", "99.18%*", "10:00:00", "interrupted"], [name]]
    scored = [["100", "99.05%", "98.84", "to", "99.22", "0.0500", "99.18%*", "1602"], [name]]
    for table, heading_lines, (numbers, (whole_name,)) in (
        (results_table([run]), 1, ended),
        (scores_table([ScoredRun(run, TestScore(9905, 10_000, 0.05))]), 2, scored),
    ):
        first, *more, footnote = shown(table)[heading_lines - 1 :]
        assert first[: len(numbers)] == numbers
        assert bool(more) == is_wrapped
        assert "".join([*first[len(numbers) :], *(part for line in more for part in line)]) == whole_name
        assert " ".join(footnote) == "* final fit: the validation images were part of the training data"


@pytest.mark.parametrize("final_fit", [False, True])
def test_run_without_epochs_has_no_accuracy(tmp_path, final_fit):
    run = RunFolder(tmp_path / "1_preset1", RunRecord(1, Preset(final_fit=final_fit), 1602, "failed"))
    assert shown(results_table([run])) == [["1", "-", "-", "0:00:00", "failed", "1_preset1"]]


def cells(table) -> list[list[str]]:
    """Returns the cells of a rich table, row by row."""
    return [list(row) for row in zip(*(column.cells for column in table.columns), strict=True)]


def scored_run(number: int, seed: int, correct: int, validation: float) -> ScoredRun:
    epochs = [{"epoch": epoch, "seconds": 20.0, "validation": {"accuracy": validation}} for epoch in (1, 2, 3)]
    record = RunRecord(number, Preset(), seed, RunStatus.FINISHED, epochs=epochs, best_epoch=2)
    return ScoredRun(RunFolder(Path(f"run_{number}"), record), TestScore(correct, 10_000, 0.0625))


def test_results_table_columns():
    run = scored_run(31, 7, 9_700, 0.9812).run
    assert cells(results_table([run])) == [["31", "2 of 3", "98.12%", "0:01:00", "finished", "run_31"]]
    other = scored_run(31, 8, 9_700, 0.9812).run
    assert [row[:2] for row in cells(results_table([run, other]))] == [["31", "7"], ["31", "8"]]


def test_scores_table_is_sorted_and_ends_with_ensemble():
    worse, better = scored_run(31, 7, 9_700, 0.9912), scored_run(32, 8, 9_800, 0.9812)
    assert cells(scores_table([worse, better], TestScore(9_750, 10_000, 0.03125))) == [
        ["32", "98.00%", "97.71 to 98.26", "0.0625", "98.12%", "8", "run_32"],
        ["31", "97.00%", "96.65 to 97.32", "0.0625", "99.12%", "7", "run_31"],
        ["all", "97.50%", "97.18 to 97.79", "0.0312", "", "", "ensemble of 2 runs"],
    ]


def test_repeats_table_is_sorted_by_mean():
    measured = [(RunRecord(number, Preset(dropout=number / 10), seed), accuracy) for number, seed, accuracy in REPEATS]
    assert [row[:3] for row in cells(repeats_table(measured, "test accuracy"))] == [
        ["2", "3", "98.00%"],
        ["1", "2", "96.00%"],
    ]


REPEATS = ((1, 1, 0.95), (1, 2, 0.97), (2, 1, 0.97), (2, 2, 0.98), (2, 3, 0.99))


def test_presets_table_columns():
    registry = Registry()
    registry.section("A section")
    registry[1] = Preset(hidden_sizes=(300, 200), batch_size=250, epochs=30)
    registry[7] = registry[1].but(
        activation="gelu", weight_init="he", optimizer="sgd", optimizer_arguments={"momentum": 0.9}, dropout=0.4
    )
    title, table = presets_tables(registry, width=200)
    assert "A section" in title
    assert [column.header for column in table.columns] == [
        *("preset", "hidden layers", "activation", "init", "batch\nsize", "epochs", "optimizer", "learning\nrate"),
        *("weight\ndecay", "dropout", "changed from"),
    ]
    assert cells(table)[1] == [
        *("7", "300-200", "gelu", "he", "250", "30", "sgd momentum=0.9", "0.001", "0", "0.4"),
        "1: activation relu -> gelu, weight_init default -> he, optimizer adam -> sgd, dropout 0 -> 0.4",
    ]


def test_presets_before_first_section_have_no_title():
    registry = Registry()
    registry[1] = Preset()
    registry.section("A section")
    registry[2] = Preset()
    first, title, second = presets_tables(registry, width=80)
    assert (cells(first)[0][0], cells(second)[0][0]) == ("1", "2")
    assert "A section" in title


def test_presets_table_has_the_most_important_columns_on_80_columns():
    terminal = Console(width=80, highlight=False)
    with terminal.capture() as capture:
        terminal.print(*presets_tables(PRESETS, width=80), sep="\n")
    lines = [line.split() for line in capture.get().splitlines()]
    assert max(map(len, capture.get().splitlines())) <= 80
    assert lines.count("preset hidden layers size rate decay dropout changed from".split()) > 10
    assert ["31", "300-200-200-200", "200", "0.001", "0.0001", "0.2"] in [line[:6] for line in lines]


def test_help_lists_every_hyperparameter():
    text = " ".join(hyperparameters_help().split())
    for name, declared in HYPERPARAMETERS.items():
        assert f" {name} (default: {format_field(declared.default)}) allowed: {declared.check.allowed} " in text
        assert declared.help in text


def test_repeats_table_headings_fit_80_columns():
    console = Console(width=80, highlight=False)
    measured = [(RunRecord(number, Preset(dropout=number / 10), seed), accuracy) for number, seed, accuracy in REPEATS]
    with console.capture() as capture:
        console.print(repeats_table(measured, "validation accuracy"))
    heading = capture.get().splitlines()[0].split()
    assert heading == "preset seeds mean validation accuracy 95% interval standard deviation".split()


def on_narrow_terminal(table) -> list[str]:
    terminal = Console(width=40, highlight=False)
    with terminal.capture() as capture:
        terminal.print(table)
    return [line.rstrip() for line in capture.get().splitlines()]


def test_table_becomes_list_on_narrow_terminal(tmp_path):
    epochs = [{"epoch": 1, "seconds": 6.0, "validation": {"accuracy": 0.9918}}]
    record = RunRecord(31, Preset(final_fit=True), 1602, RunStatus.FINISHED, epochs=epochs, best_epoch=1)
    lines = on_narrow_terminal(results_table([RunFolder(tmp_path / "1795552362_preset31[bold]", record)]))
    assert lines[:6] == [
        "preset      31",
        "best epoch  1 of 1",
        "validation  99.18%*",
        "time        0:00:06",
        "status      finished",
        "run         1795552362_preset31[bold]",
    ]
    assert " ".join(lines[6:]).strip().startswith("* final fit: ")
    assert max(map(len, lines)) <= 40


def test_changed_preset_is_not_combined_with_plain_one():
    plain, changed = Preset(), Preset(dropout=0.5)
    measured = [(RunRecord(1, plain, seed), 0.98) for seed in (1, 2)]
    measured += [(RunRecord(1, changed, seed, changed=["dropout"]), 0.97) for seed in (1, 2)]
    one, *other = shown(repeats_table(measured, "test accuracy"))
    assert one[:3] == ["1", "2", "98.00%"]
    assert other[0][:4] == ["1", "(dropout=0.5)", "2", "97.00%"]
