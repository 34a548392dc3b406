"""The protocol between the benchmark and a process that trains with another library.

The process trains WARM_UP_EPOCHS, in which everything is compiled, and prints `{"ready": true}`. It then reads from
standard input how many epochs to train, one number per line, and answers each line with
`{"seconds": ..., "validation_accuracy": ...}`. The benchmark starts one process with all threads, or one process with
one thread per core.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnist_mlp.errors import in_one_line
from mnist_mlp.presets.preset import Preset

SEED = 1602
WARM_UP_EPOCHS = 2

TrainEpochs = Callable[[int], float]  # number of epochs -> validation accuracy after the last one


@dataclass(frozen=True)
class Task:
    """What a process has to train.

    Attributes:
        variant: how to use the library, such as "tf.data"; each contender has its own variants.
        threads: number of threads of this process.
    """

    variant: str
    preset: Preset
    seed: int
    threads: int
    data_dir: Path

    def arguments(self) -> list[str]:
        """Returns the command-line arguments that `from_arguments` reads."""
        preset = json.dumps(self.preset.to_dict())
        return [self.variant, preset, str(self.seed), str(self.threads), str(self.data_dir)]

    @classmethod
    def from_arguments(cls, arguments: Sequence[str] | None = None) -> Task:
        parser = argparse.ArgumentParser()
        parser.add_argument("variant")
        parser.add_argument("preset", type=lambda text: Preset.from_dict(json.loads(text)))
        parser.add_argument("seed", type=int)
        parser.add_argument("threads", type=int)
        parser.add_argument("data_dir", type=Path)
        return cls(**vars(parser.parse_args(arguments)))


def serve(prepare: Callable[[Task], TrainEpochs]) -> None:
    """Runs the process: prepares the training of its task, and trains on request until the input ends."""
    try:
        train_epochs = prepare(Task.from_arguments())
        train_epochs(WARM_UP_EPOCHS)
        say(ready=True)
        for line in sys.stdin:
            started = time.perf_counter()
            accuracy = train_epochs(int(line))
            say(seconds=time.perf_counter() - started, validation_accuracy=accuracy)
    except Exception as error:
        say(failure=f"{type(error).__name__}: {in_one_line(error)}")
        raise


def say(**answer: Any) -> None:
    """Prints a line of JSON and flushes it."""
    print(json.dumps(answer), flush=True)


def cores() -> int:
    """Returns the number of cores available to this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
