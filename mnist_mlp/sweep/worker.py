"""A worker process, which trains one job at a time. Each process keeps its compiled programs for later jobs."""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import signal
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mnist_mlp.commands import PROJECT
from mnist_mlp.data.dataset import DataSet
from mnist_mlp.data.images import TrainingData
from mnist_mlp.data.loading import load_training_data
from mnist_mlp.errors import kind_and_text
from mnist_mlp.host.resources import memory_of
from mnist_mlp.presets.preset import Preset
from mnist_mlp.sweep.jobs import Job
from mnist_mlp.training.results import TrainingState

if sys.platform == "win32":
    from multiprocessing.connection import PipeConnection as Connection
else:
    from multiprocessing.connection import Connection

STOP = None  # tells a worker to stop its current job
GROWTH_ALLOWED = 512 << 20  # bytes; each new network shape adds 30 to 40 MB, which TensorFlow never frees

_spawn = multiprocessing.get_context("spawn")  # a forked process can hang if TensorFlow is running


@dataclass
class Attempt:
    """A job and the state to train it from, which changes with every epoch.

    Attributes:
        has_started: whether `Started` was reported.
        was_retried: whether the job has lost a worker.
    """

    job: Job
    state: TrainingState | None
    has_started: bool = False
    was_retried: bool = False


class Worker:
    """A worker process. It starts immediately, so that it imports TensorFlow while the caller does other work.

    Args:
        threads: number of threads of every job. It is fixed when TensorFlow starts.

    Attributes:
        threads: see above.
        connection: our end of the pipe. It receives the result of every epoch, then the failure ("" if none).
        attempt: what the worker trains; None if it is idle.
        is_canceled: whether the result of the current job is not needed anymore.
    """

    def __init__(self, threads: int, data_dir: Path) -> None:
        self.threads = threads
        self.attempt: Attempt | None = None
        self.is_canceled = False
        self._memory_after_first_job = 0
        self._memory = 0
        self.connection, theirs = _spawn.Pipe()
        self._process = _spawn.Process(target=_main, args=(theirs, threads, data_dir), daemon=True)
        with _startable_from_anywhere():
            self._process.start()
        theirs.close()

    @property
    def has_grown(self) -> bool:
        """Whether its memory has grown so much since its first job that a new process should take over."""
        return self._memory > self._memory_after_first_job + GROWTH_ALLOWED

    def train(self, attempt: Attempt) -> None:
        """Starts to train.

        Raises:
            OSError: the process has died.
        """
        job = attempt.job
        self.connection.send((job.data_set, job.preset, job.seed, attempt.state))
        self.attempt, self.is_canceled = attempt, False

    def cancel(self) -> None:
        """Stops the current job after its current epoch."""
        self.is_canceled = True
        with contextlib.suppress(OSError):  # the process is dead; whoever waits for its result handles that
            self.connection.send(STOP)

    def becomes_idle(self) -> None:
        """Notes that the current job has ended."""
        self.attempt = None
        self._memory = memory_of(self._process.pid)
        self._memory_after_first_job = self._memory_after_first_job or self._memory

    def close(self) -> int:
        """Kills the process if it is still running. Returns its exit code: -N if signal N killed it."""
        self._process.kill()
        self._process.join()
        self.connection.close()
        return self._process.exitcode


@contextlib.contextmanager
def _startable_from_anywhere() -> Iterator[None]:
    """Keeps the new process from importing the user's main module, and lets it find this project.

    A worker needs nothing from the main module, which may be a notebook, Spyder's namespace, or a script that would
    train again if it is imported. `multiprocessing` also fails if the module has no `__spec__`, as after a second
    `%run`. It sends `sys.path` to the new process, but there, "" is not the directory that it is here after `%cd`.
    """
    main, path = sys.modules["__main__"], sys.path
    sys.modules["__main__"] = types.ModuleType("__main__")
    sys.path = [str(PROJECT), *path]
    try:
        yield
    finally:
        sys.modules["__main__"], sys.path = main, path


def _main(connection: Connection, threads: int, data_dir: Path) -> None:
    """Main loop of a worker process. For each job, sends the result of every epoch, then the failure ("" if none)."""
    for name in ("SIGINT", "SIGHUP"):  # the parent handles Ctrl-C and the end of the terminal
        if number := getattr(signal, name, None):
            signal.signal(number, signal.SIG_IGN)
    import mnist_mlp.training.loop  # noqa: F401 - imports TensorFlow before the first job arrives
    from mnist_mlp.libraries.tensorflow_state import use_threads

    use_threads(threads)
    # Called for a job, so after the parent has downloaded missing files.
    load = functools.cache(functools.partial(load_training_data, data_dir))
    while True:
        try:
            message = connection.recv()
        except EOFError:  # the parent has exited
            return
        if message is STOP:  # it arrived after the job had ended
            continue
        try:
            failure = _train(connection, load, *message)
        except (BrokenPipeError, ConnectionError):
            return
        with contextlib.suppress(OSError):  # if the parent has exited, the next recv() raises EOFError
            connection.send(failure)


def _train(
    connection: Connection,
    load: Callable[[DataSet], TrainingData],
    data_set: DataSet,
    preset: Preset,
    seed: int,
    resume_from: TrainingState | None,
) -> str:
    """Trains a job and sends the result of every epoch until STOP arrives. Returns the failure ("" if none)."""
    from mnist_mlp.training.loop import train

    try:
        for result in train(preset, seed, load(data_set), resume_from):
            connection.send(result)
            if connection.poll():  # STOP has arrived
                break
    except (BrokenPipeError, ConnectionError):
        raise
    except Exception as error:
        return kind_and_text(error)
    return ""
