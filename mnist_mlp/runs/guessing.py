"""Recognizes a run that has learned nothing, and its likely cause. Does not import TensorFlow."""

from __future__ import annotations

import math
from typing import Any

from mnist_mlp.presets.preset import format_field
from mnist_mlp.runs.record import RunRecord

EPOCHS = 10  # after this many epochs in a row at chance accuracy, there is a warning
MARGIN = 1.25  # chance accuracy is at most this many times 1 / classes: classes are not equally frequent
SHRUNK = 0.2  # weights that have less than this fraction of their usual initial norm have shrunk
EXPLODED = 10  # a first epoch with this many times the cross-entropy of uniform guessing had far too large steps
TINY_STEP = 1e-5  # steps that change every weight matrix by less than this fraction are too small
STRONG_DROPOUT = 0.5
_DECAYS = ("weight_decay", "decoupled_weight_decay", "l1_decay")


def warning_if_guessing(record: RunRecord) -> str:
    """Returns a line if the accuracy has been no better than guessing for exactly the last ten epochs, else ""."""
    guessed = [_is_guessing(record, epoch) for epoch in record.epochs[-EPOCHS - 1 :]]
    if len(guessed) < EPOCHS or not all(guessed[-EPOCHS:]) or (len(guessed) > EPOCHS and guessed[0]):
        return ""
    accuracy = record.epochs[-1]["validation"]["accuracy"]
    return (
        f"preset {record.preset_name}, seed {record.seed}: the validation accuracy of the last {EPOCHS} epochs is no "
        f"better than guessing ({accuracy:.2%}); {_likely_cause(record)}"
    )


def _is_guessing(record: RunRecord, epoch: dict[str, Any]) -> bool:
    return epoch["validation"]["accuracy"] < MARGIN / record.trained_on.classes


def _likely_cause(record: RunRecord) -> str:
    preset, first, last = record.preset, record.epochs[0], record.epochs[-1]
    rate = f"learning_rate={format_field(preset.learning_rate)}"
    layers = list(last.get("layers", {}).values())
    decays = [f"{name}={format_field(getattr(preset, name))}" for name in _DECAYS if getattr(preset, name)]
    if preset.ema_decay and not _is_guessing(record, {"validation": last["train"]}):
        return f"likely cause: the averaged weights lag behind; lower ema_decay={format_field(preset.ema_decay)}"
    if decays and layers and _norm(layers) < SHRUNK * _usual_norm(record):
        return f"likely cause: the weights have shrunk to almost 0; lower {' or '.join(decays)}"
    if not first["train"]["cross_entropy"] < EXPLODED * math.log(record.trained_on.classes):
        return f"likely cause: the first steps were far too large; lower {rate}"
    if layers and layers[-1]["dead_units"] == 1:
        return f"likely cause: the network gives the same output for every image; lower {rate}"
    if layers and all(layer["update_ratio"] < TINY_STEP for layer in layers):
        return f"likely cause: the steps are too small; raise {rate}"
    if preset.dropout > STRONG_DROPOUT or preset.input_dropout > STRONG_DROPOUT:
        name = "dropout" if preset.dropout > STRONG_DROPOUT else "input_dropout"
        return f"likely cause: too many units are dropped; lower {name}={format_field(getattr(preset, name))}"
    return f"the cause is often the learning rate; try a lower {rate}"


def _norm(layers: list[dict[str, float]]) -> float:
    return math.hypot(*(layer["weight_norm"] for layer in layers))


def _usual_norm(record: RunRecord) -> float:
    """Returns the typical norm of all weights after initialization: the variance of a weight is about 1 / inputs."""
    return math.sqrt(sum(record.trained_on.layer_sizes(record.preset)[1:]))
