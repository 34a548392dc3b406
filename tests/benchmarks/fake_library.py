"""A contender that trains nothing, for test_library.py: its accuracy tells how it was started."""

from __future__ import annotations

import os
import sys

from benchmarks.contenders.protocol import Task, TrainEpochs, serve


def prepare(task: Task) -> TrainEpochs:
    if task.variant == "fails":
        raise RuntimeError("no compiler\nfound")
    trained = 0

    def train_epochs(epochs: int) -> float:
        nonlocal trained
        trained += epochs
        if task.variant == "dies":
            print("out of memory", file=sys.stderr, flush=True)
            os._exit(1)
        return trained + 10 * task.threads

    return train_epochs


if __name__ == "__main__":
    serve(prepare)
