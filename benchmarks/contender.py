"""What takes turns in a benchmark, and what its processes have in common."""

from __future__ import annotations

import contextlib
import os
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from benchmarks.measurement import Turn
from mnist_mlp.errors import WorkFailed

if TYPE_CHECKING:
    import psutil


class TurnFailed(WorkFailed):
    """A contender did not do its work. The message gives the reason in one line."""


class Contender(Protocol):
    """Does the same work in every turn, in new processes that end with the turn.

    Attributes:
        name: what the tables show.
        processes: number of processes that train at the same time.
    """

    name: str
    processes: int

    def take_turn(self) -> Turn:
        """Does the work once.

        Raises:
            TurnFailed: it could not be done.
        """


def seconds_per_epoch(epochs: int, seconds: Sequence[float]) -> float:
    """Returns the seconds per epoch and preset of processes that train at the same time.

    Args:
        epochs: number of epochs of each process.
        seconds: time that each process took for them.
    """
    return statistics.harmonic_mean(seconds) / (epochs * len(seconds))


def megabytes_of(pid: int) -> float:
    """Returns the memory of a process and of all processes that it has started."""
    return sum(process.memory_info().rss for process in _tree(pid)) / 1e6


def kill_with_children(pid: int) -> None:
    """Kills a process and then its children, so that it cannot replace them."""
    _kill(_tree(pid))


def kill_children() -> None:
    """Kills all processes that this process has started, including those that a turn is just starting."""
    _kill(_tree(os.getpid())[1:])


def last_line_of(output: Path, otherwise: str) -> str:
    """Returns the last line that a process has printed, or the other text if it has printed nothing."""
    lines = output.read_text(errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else otherwise


def _tree(pid: int) -> list[psutil.Process]:
    import psutil  # late, so that the command line can report all packages that are missing

    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _kill(processes: Sequence[psutil.Process]) -> None:
    import psutil

    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
            process.kill()
