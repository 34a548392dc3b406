"""How the conductor speaks with a contender: a process that trains as many epochs as a line on its standard input says.

It says `{"ready": true}` once it has trained its first epoch and so compiled everything, then answers every line with
`{"validation_accuracy": ...}`. Between two lines it only waits, which leaves the machine to the others.
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

TrainEpochs = Callable[[int], float]  # number of epochs -> validation accuracy after the last


def serve(prepare: Callable[[str, Preset, Path], TrainEpochs]) -> None:
    """Is a contender's whole life: prepares what the command line names, then trains when told.

    Args:
        prepare: (variant, preset, data folder) -> what trains epochs.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("variant")
    parser.add_argument("preset", type=json.loads, help="as Preset.to_dict has it, in JSON")
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
    """Prints a line of JSON that the conductor sees at once."""
    print(json.dumps(answer), flush=True)


def cores() -> int:
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
