"""Tests the tables in INFOS/: every column has the right value, and tables from old versions are upgraded."""

from __future__ import annotations

import pytest

from mnist_mlp.errors import UsageError
from mnist_mlp.presets.preset import Preset, format_field
from mnist_mlp.runs.info_tables import OVERALL_COLUMNS, OVERALL_DEFAULTS, TRAINING_LOG_COLUMNS, InfoLogs
from mnist_mlp.runs.record import RunRecord, RunStatus
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.runs.text_table import read_table

PRESET = Preset(
    hidden_sizes=(31, 32),
    activation="tanh",
    weight_init="he",
    bias_init="ones",
    batch_size=33,
    epochs=34,
    optimizer="sgd",
    optimizer_arguments={"momentum": 0.35},
    learning_rate=0.36,
    weight_decay=0.37,
    dropout=0.38,
    input_dropout=0.39,
    label_smoothing=0.41,
    decoupled_weight_decay=0.42,
    warmup=0.43,
    ema_decay=0.44,
    l1_decay=0.45,
)


def make_epoch(number: int, first: float) -> dict:
    """Returns the record of an epoch in which all numbers are different."""
    names = ("loss", "cross_entropy", "l2_penalty", "accuracy")
    return {
        "epoch": number,
        "seconds": first + 0.001,
        "learning_rate": first + 0.002,
        "train": {name: first + 0.01 * index for index, name in enumerate(names, start=1)},
        "validation": {name: first + 0.1 * index for index, name in enumerate(names, start=1)},
    }


@pytest.fixture
def run(tmp_path) -> RunFolder:
    record = RunRecord(
        7, PRESET, 19, RunStatus.DIVERGED, epochs=[make_epoch(1, 3.0), make_epoch(2, 4.0)], best_epoch=2, threads=3
    )
    return RunFolder(tmp_path / "the_run", record)


def test_training_log_has_the_right_values(run, tmp_path):
    logs = InfoLogs(tmp_path)
    for epoch in run.record.epochs:
        logs.append_epoch(run, epoch)
    second = read_table(tmp_path / "training_log.txt", TRAINING_LOG_COLUMNS)[1]
    assert second == {
        "run": "the_run",
        "preset": "7",
        "seed": "19",
        "epoch": "2",
        "train_loss": "4.01",
        "train_cross_entropy": "4.02",
        "train_accuracy": "4.04",
        "validation_loss": "4.1",
        "validation_cross_entropy": "4.2",
        "validation_accuracy": "4.4",
        "l2_penalty": "4.3",
        "learning_rate": "4.002",
        "seconds": "4.001",
    }
    assert len(set(second.values())) == len(TRAINING_LOG_COLUMNS)


def test_epochs_of_other_runs_are_not_returned(run, tmp_path):
    logs = InfoLogs(tmp_path)
    other = RunFolder(tmp_path / "another_run", run.record)
    logs.append_epoch(run, run.record.epochs[1])
    logs.append_epoch(other, run.record.epochs[0])
    assert (logs.epochs_of(run), logs.epochs_of(other)) == ({2}, {1})


def test_overall_table_has_the_right_values(run, tmp_path):
    InfoLogs(tmp_path).append_run(run)
    (row,) = read_table(tmp_path / "overral_info.txt", OVERALL_COLUMNS)
    expected = {
        "preset": "7",
        "seed": "19",
        "weight_layers": "3",
        "training_seconds": "7.002",
        "best_epoch": "2",
        "validation_accuracy": "4.4",
        "status": "diverged",
        "run": "the_run",
        "hidden_sizes": "31-32",
        "activation": "tanh",
        "weight_init": "he",
        "bias_init": "ones",
        "batch_size": "33",
        "epochs": "34",
        "optimizer": "sgd",
        "optimizer_arguments": "momentum=0.35",
        "learning_rate": "0.36",
        "weight_decay": "0.37",
        "dropout": "0.38",
        "input_dropout": "0.39",
        "label_smoothing": "0.41",
        "decoupled_weight_decay": "0.42",
        "warmup": "0.43",
        "ema_decay": "0.44",
        "l1_decay": "0.45",
        "threads": "3",
    }
    assert {name: row[name] for name in expected if row[name] != expected[name]} == {}
    for name in set(row) - set(expected):
        assert row[name] == format_field(getattr(Preset(), name))


@pytest.mark.parametrize("name", Preset.field_names())
def test_changing_a_hyperparameter_changes_only_its_column(tmp_path, name):
    changes = {
        **{"hidden_sizes": (9,), "activation": "tanh", "weight_init": "he", "bias_init": "zeros", "batch_size": 9},
        **{"epochs": 9, "optimizer": "sgd", "optimizer_arguments": {"beta_1": 0.5}, "learning_rate": 0.5},
        **{"normalization": "batch", "learning_rate_schedule": "cosine"},
    }
    default = getattr(Preset(), name)
    value = changes.get(name, not default if isinstance(default, bool) else 0.5)
    run = RunFolder(tmp_path / "the_run", RunRecord(7, Preset(**{name: value}), 19))
    InfoLogs(tmp_path).append_run(run)
    (row,) = read_table(tmp_path / "overral_info.txt", OVERALL_COLUMNS)
    differing = [other for other in Preset.field_names() if row[other] != format_field(getattr(Preset(), other))]
    assert differing == [name]
    assert row[name] == format_field(getattr(run.record.preset, name))


def test_run_is_appended_only_once(run, tmp_path):
    logs = InfoLogs(tmp_path)
    for folder in (run, RunFolder(tmp_path / "another_run", run.record), run):
        logs.append_run(folder)
    rows = read_table(tmp_path / "overral_info.txt", OVERALL_COLUMNS)
    assert [row["run"] for row in rows] == ["the_run", "another_run"]


@pytest.mark.parametrize(
    "missing", [{"l1_decay"}, {"warmup", "elastic"}, set(OVERALL_DEFAULTS)], ids=["one", "two", "all"]
)
def test_table_without_newer_hyperparameters_is_upgraded_once(tmp_path, missing):
    path = tmp_path / "overral_info.txt"
    columns = [column for column in reversed(OVERALL_COLUMNS) if column not in missing]  # in a different order
    rows = [[f"{column}{number}" for column in columns] for number in (1, 2)]
    path.write_text("\n".join(["\t".join(row) for row in (columns, *rows)]) + "\n")
    InfoLogs(tmp_path)
    found = read_table(path, OVERALL_COLUMNS)
    for row, number in zip(found, (1, 2), strict=True):
        assert {name: row[name] for name in columns} == {name: f"{name}{number}" for name in columns}
        assert {name: row[name] for name in missing} == {
            name: "2" if name == "threads" else format_field(getattr(Preset(), name)) for name in missing
        }
    content = path.read_bytes()
    assert content.splitlines()[0].decode().split("\t") == OVERALL_COLUMNS
    InfoLogs(tmp_path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("missing", ["run", "status", "dropout"])  # the 2020 experiment already had dropout
def test_table_without_a_required_column_is_rejected(tmp_path, missing):
    path = tmp_path / "overral_info.txt"
    header = "\t".join(column for column in OVERALL_COLUMNS if column != missing) + "\n"
    path.write_text(header)
    with pytest.raises(UsageError, match=rf"columns that do not match this version \(missing: {missing}\)"):
        InfoLogs(tmp_path)
    assert path.read_text() == header
