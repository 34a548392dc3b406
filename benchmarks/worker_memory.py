"""Measures the memory of a worker process over many network shapes. Each shape is compiled once and trained briefly.

.venv/bin/python -m benchmarks.worker_memory [--shapes 80]

A worker is replaced when it has grown too much, so the memory must stay below a bound. Takes about 5 seconds per shape.
"""

from __future__ import annotations

from mnist_mlp.errors import install_error_hook

if __name__ == "__main__":
    install_error_hook()

import contextlib
from collections.abc import Iterator

import psutil

from mnist_mlp.commands import PROJECT
from mnist_mlp.console.command_line import ArgumentParser
from mnist_mlp.errors import WorkFailed
from mnist_mlp.presets.preset import Preset
from mnist_mlp.sweep.jobs import EpochDone, Job
from mnist_mlp.sweep.local_engine import WorkerProcesses
from mnist_mlp.sweep.worker import GROWTH_ALLOWED
from mnist_mlp.training.cost import expected_memory

SHAPES_PER_ROW = 10
EXAMPLE = Preset(
    hidden_sizes=(300, 200, 200, 200), epochs=1, batch_size=200, learning_rate=0.001, weight_init="he", dropout=0.2
)


def jobs(shapes: int) -> Iterator[Job]:
    """Yields one job for each shape. All networks are about as large as that of preset 31."""
    for number in range(shapes):
        yield Job(number, EXAMPLE.but(hidden_sizes=(300 + number, 200, 200, 200)), seed=1602)


def memory_of_workers(shapes: int) -> Iterator[tuple[int, int]]:
    """Yields the process number of the worker and its memory in bytes at the end of each job."""
    with contextlib.closing(WorkerProcesses(workers=1, threads=1, data_dir=PROJECT / "MNIST_data")) as engine:
        for event in engine.run(jobs(shapes)):
            if isinstance(event, EpochDone):
                workers = psutil.Process().children()
                (worker,) = (each for each in workers if "spawn_main" in " ".join(each.cmdline()))
                yield worker.pid, worker.memory_info().rss


def main() -> None:
    parser = ArgumentParser("Measures the memory of a worker process over many network shapes.")
    parser.add_whole_number("--shapes", 1, 1000, default=80, help="number of network shapes")
    shapes = parser.parse_args().shapes
    print("| shapes | memory of the worker, MB | workers so far |", "| --- | --- | --- |", sep="\n")
    measured = []
    for pid, memory in memory_of_workers(shapes):
        measured.append((pid, memory))
        if len(measured) % SHAPES_PER_ROW == 0 or len(measured) in (1, shapes):
            print(f"| {len(measured)} | {memory / 1e6:.0f} | {len({pid for pid, _ in measured})} |", flush=True)
    most = max(memory for _, memory in measured)
    first = measured[0][1]
    print(
        f"\nLargest: {most / 1e6:.0f} MB. After the first shape: {first / 1e6:.0f} MB "
        f"(expected, without shared program code: {expected_memory(EXAMPLE) / 1e6:.0f} MB)."
    )
    if most > first + 2 * GROWTH_ALLOWED:
        raise WorkFailed(f"the worker has grown by more than twice the {GROWTH_ALLOWED / 1e6:.0f} MB that are allowed")


if __name__ == "__main__":
    main()
