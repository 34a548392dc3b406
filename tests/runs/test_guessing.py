"""Tests the warning of a run that has learned nothing."""

from __future__ import annotations

import pytest

from mnist_mlp.presets.preset import Preset
from mnist_mlp.runs.guessing import warning_if_guessing
from mnist_mlp.runs.record import RunRecord

LEARNING = {"dead_units": 0.1, "weight_norm": 15.0, "update_ratio": 0.001}


def a_record(accuracies, preset=None, train_accuracy=0.1, cross_entropy=2.3, **layer) -> RunRecord:
    """Returns a record with these validation accuracies and the same layer statistics in all layers and epochs."""
    preset = preset or Preset()
    epoch = {
        "train": {"accuracy": train_accuracy, "cross_entropy": cross_entropy},
        "layers": dict.fromkeys(("hidden_1", "hidden_2", "hidden_3", "logits"), LEARNING | layer),
    }
    epochs = [{**epoch, "validation": {"accuracy": accuracy}} for accuracy in accuracies]
    return RunRecord(33, preset, 1602, epochs=epochs)


@pytest.mark.parametrize(
    ("accuracies", "warns"),
    [
        ([0.1] * 9, False),
        ([0.1] * 10, True),
        ([0.1126] * 10, True),
        ([0.1] * 9 + [0.2], False),
        ([0.1] * 11, False),
        ([0.5] + [0.1] * 10, True),
    ],
    ids=["9 epochs", "10 epochs", "always one class", "learned in time", "only once", "collapsed"],
)
def test_warns_once_after_ten_epochs(accuracies, warns):
    assert bool(warning_if_guessing(a_record(accuracies))) is warns


@pytest.mark.parametrize(
    ("cause", "changes"),
    [
        (
            "the weights have shrunk to almost 0; lower weight_decay=1",
            {"weight_norm": 0.01, "preset": {"weight_decay": 1}},
        ),
        (
            "the first steps were far too large; lower learning_rate=0.1",
            {"cross_entropy": 1000.0, "preset": {"learning_rate": 0.1}},
        ),
        ("the network gives the same output for every image; lower learning_rate=0.001", {"dead_units": 1.0}),
        ("the steps are too small; raise learning_rate=0.001", {"update_ratio": 1e-6}),
        ("too many units are dropped; lower dropout=0.9", {"preset": {"dropout": 0.9}}),
        (
            "the averaged weights lag behind; lower ema_decay=0.99999",
            {"train_accuracy": 0.9, "preset": {"ema_decay": 0.99999}},
        ),
        ("the cause is often the learning rate; try a lower learning_rate=0.001", {}),
    ],
)
def test_names_likely_cause(cause, changes):
    changes["preset"] = Preset(**changes.get("preset", {}))
    warning = warning_if_guessing(a_record([0.1] * 10, **changes))
    assert warning.startswith(
        "preset 33, seed 1602: the validation accuracy of the last 10 epochs is no better than guessing (10.00%); "
    )
    assert warning.endswith(cause)


def test_record_without_layer_statistics_has_cause_too():
    record = a_record([0.1] * 10, cross_entropy=float("nan"))
    for epoch in record.epochs:
        del epoch["layers"]
    assert warning_if_guessing(record).endswith("the first steps were far too large; lower learning_rate=0.001")
