"""Trains jobs and shows their progress. Scripts and notebooks share this."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from mnist_mlp.console.terminal import print_line
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.sweep.engines import choose_engine
from mnist_mlp.sweep.jobs import Job
from mnist_mlp.sweep.signals import Interruption


def train_jobs(
    jobs: Sequence[Job],
    terminal: Console,
    runs_dir: Path,
    info_dir: Path,
    data_dir: Path,
    engine_name: str = "local",
    workers: int | None = None,
    ray_address: str | None = None,
) -> list[RunFolder]:
    """Trains the jobs and returns their runs.

    Args:
        terminal: shows the progress.
        engine_name: "local" or "ray".
        workers: number of runs to train in parallel; None lets the engine decide.
        ray_address: address of a running Ray cluster, or "auto"; None starts Ray on this machine.

    Raises:
        StoppedBySignal: the user pressed Ctrl-C; unfinished runs are recorded as interrupted.
        UsageError, WorkFailed: see `choose_engine` and `run_sweep`.
    """
    with contextlib.ExitStack() as finally_:
        for job in jobs:
            if job.run:  # a job that never starts keeps its run locked, and a notebook's process does not end
                finally_.callback(job.run.release)
        status = terminal.status("Starting TensorFlow")

        def before_exit() -> None:
            status.stop()
            terminal.show_cursor()

        interruption = finally_.enter_context(contextlib.closing(Interruption(terminal.print, before_exit)))
        with status:  # TensorFlow is imported late, because this takes seconds
            engine = choose_engine(
                engine_name, jobs, workers, ray_address, data_dir, functools.partial(print_line, terminal)
            )
            finally_.callback(engine.close)
            from mnist_mlp.console.progress import SweepProgress
            from mnist_mlp.sweep.sweep import run_sweep

        with SweepProgress(terminal, jobs) as progress:
            return run_sweep(jobs, engine, runs_dir, info_dir, progress, interruption)
