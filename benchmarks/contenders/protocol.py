"""The protocol between the benchmark and a contender process.

The process prints `{"ready": true}` after its first epoch, when everything is compiled. It then reads from standard
input how many epochs to train, one number per line, and answers each line with `{"validation_accuracy": ...}`. Between
lines it is idle, so that the other contenders have the machine to themselves.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mnist_mlp.errors import in_one_line
from mnist_mlp.presets.preset import Preset

SEED = 1602

TrainEpochs = Callable[[int], float]  # number of epochs -> validation accuracy after the last one


def serve(prepare: Callable[[str, Preset, Path], TrainEpochs]) -> None:
    """Runs a contender: parses the command line, prepares training, and trains on request until the input ends.

    Args:
        prepare: (variant, preset, data directory) -> function that trains epochs.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("variant")
    parser.add_argument("preset", type=json.loads, help="Preset.to_dict() as JSON")
    parser.add_argument("data_dir", type=Path)
    arguments = parser.parse_args()
    try:
        train_epochs = prepare(arguments.variant, Preset.from_dict(arguments.preset), arguments.data_dir)
        train_epochs(1)
        say(ready=True)
        for line in sys.stdin:
            say(validation_accuracy=train_epochs(int(line)))
    except Exception as error:
        say(failure=f"{type(error).__name__}: {in_one_line(error)}")
        raise


def say(**answer: Any) -> None:
    """Prints a line of JSON and flushes it."""
    print(json.dumps(answer), flush=True)


def cores() -> int:
    """Returns the number of cores available to this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
