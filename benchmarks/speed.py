"""Compares training speed with Keras, PyTorch and JAX, and with an older version of this project.

.venv/bin/python -m benchmarks.speed                              all rows but the whole sweeps; takes hours
.venv/bin/python -m benchmarks.speed --baseline ../old            also compare with the version in this directory
.venv/bin/python -m benchmarks.speed --rows epochs-31 --rounds 1  one network, one round

The contenders take turns, so that changes in the machine's speed affect all of them equally. Only one trains at a time.
All do the same work: the same network, 55,000 images in a new order every epoch, dropout, L2 penalty, Adam, and
validation on 5,000 images. Every turn is saved in --output-dir; the same command continues there.
"""

from __future__ import annotations

from mnist_mlp.errors import install_error_hook

if __name__ == "__main__":
    install_error_hook()

import argparse
import compileall
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

from benchmarks.conditions import conditions, require_packages, require_version_of_project
from benchmarks.contender import kill_children
from benchmarks.results import Results
from benchmarks.rows import COMPARE_LIBRARIES, ROWS, TAKE_HOURS, rows_named
from benchmarks.speed_tables import markdown
from mnist_mlp.commands import PROJECT
from mnist_mlp.console.command_line import ArgumentParser
from mnist_mlp.disk.files import require_writable_folder
from mnist_mlp.errors import WorkFailed
from mnist_mlp.sweep.signals import StoppedBySignal


def parse_arguments() -> argparse.Namespace:
    parser = ArgumentParser("Compares training speed with Keras, PyTorch and JAX, and with an older version.")
    parser.add_whole_number("--rounds", 1, 1000, default=7, help="number of turns per contender")
    usual = ",".join(name for name in ROWS if name not in TAKE_HOURS)
    parser.add_argument(
        "--rows",
        default=usual,
        metavar="LIST",
        help=f"comma-separated list of {', '.join(ROWS)} (default: all but {', '.join(TAKE_HOURS)})",
    )
    parser.add_argument(
        "--baseline", type=Path, metavar="DIR", help="older version of this project to compare with, such as a worktree"
    )
    parser.add_folder("--output-dir", "benchmarks/new", "directory for results.json and results.md")
    return parser.parse_args()


def main() -> None:
    options = parse_arguments()
    names = rows_named(options.rows)
    require_packages(["psutil", *(("torch", "jax") if set(names) & set(COMPARE_LIBRARIES) else ())])
    baseline = options.baseline and options.baseline.resolve()
    if baseline:
        require_version_of_project(baseline)
    require_writable_folder(options.output_dir, "--output-dir")
    results = Results.continued(options.output_dir, conditions(baseline))
    os.environ["PYTHONWARNINGS"] = "ignore"
    for project in filter(None, (PROJECT, baseline)):
        compileall.compile_dir(project / "mnist_mlp", quiet=2)  # else it is part of the first turn
    stop_on_signals(options.output_dir)
    for name in names:
        for row in ROWS[name](baseline):
            row.measure(results, options.rounds, log)
    print(markdown(results.conditions, results.measurements))
    report_failures(results)


def log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def stop_on_signals(output_dir: Path) -> None:
    """Makes Ctrl-C and SIGTERM end the program in an orderly way, so that no contender is left running."""

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        kill_children()
        message = f"Interrupted. {output_dir} contains all completed turns; the same command continues there."
        raise StoppedBySignal(message, number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


def report_failures(results: Results) -> None:
    """Raises WorkFailed if a contender has failed."""
    failed = [f"{each.how}, {each.row} ({each.failure})" for each in results.measurements if each.failure]
    if failed:
        raise WorkFailed(f"{len(failed)} of {len(results.measurements)} contenders failed: {'; '.join(failed)}")


if __name__ == "__main__":
    main()
