"""Engines for this machine: one trains in the calling process, the other in parallel worker processes.

The calling process imports TensorFlow only if it trains jobs itself.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import sys
import time
import types
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from mnist_mlp.commands import PROJECT
from mnist_mlp.data.dataset import MNIST, DataSet
from mnist_mlp.data.images import TrainingData
from mnist_mlp.data.loading import load_training_data
from mnist_mlp.errors import kind_and_text
from mnist_mlp.presets.preset import Preset
from mnist_mlp.sweep.jobs import POLL_SECONDS, Ended, EpochDone, Event, Job, JobFeed, JobSource, Started
from mnist_mlp.training.results import TrainingState

STOP = None  # tells a worker to stop its current job


class InThisProcess:
    """Trains jobs one after another in this process.

    Args:
        data_dir: directory with the data set files.
        data_sets: all data sets that the jobs use.

    Raises:
        WorkFailed: the training data is missing and cannot be downloaded.
    """

    def __init__(self, data_dir: Path, data_sets: Iterable[DataSet] = (MNIST,)) -> None:
        self._data = {data_set: load_training_data(data_dir, data_set) for data_set in data_sets}
        self._job: Job | None = None
        self._is_canceled = False

    def run(self, source: JobSource) -> Iterator[Event]:
        """Trains the jobs from the source."""
        feed = JobFeed(source)
        while not feed.is_exhausted:
            job = feed.take()
            if job:
                yield from self._train(job)
            elif not feed.is_exhausted:
                time.sleep(POLL_SECONDS)

    def cancel(self, job: Job) -> None:
        """Stops the job if it is running."""
        self._is_canceled = self._is_canceled or job is self._job

    def close(self) -> None:
        """Does nothing: training only runs while the caller waits for the next event of `run`."""

    def _train(self, job: Job) -> Iterator[Event]:
        from mnist_mlp.training.loop import train

        self._job, self._is_canceled = job, False
        yield Started(job)
        failure = ""
        try:
            epochs = train(job.preset, job.seed, self._data[job.data_set], job.resume_from)
            while not self._is_canceled and (result := next(epochs, None)):
                yield EpochDone(job, result)
        except Exception as error:
            failure = kind_and_text(error)
        self._job = None
        yield Ended(job, failure, self._is_canceled)


@dataclass
class _Worker:
    """A worker process, our end of its pipe, and its current job."""

    process: BaseProcess
    connection: Connection
    job: Job | None = None
    is_canceled: bool = False


class WorkerProcesses:
    """Trains jobs in parallel in worker processes. Each process keeps its compiled programs for later jobs.

    The workers start immediately, so that they import TensorFlow while the caller does other work.

    Args:
        workers: number of processes.
        data_dir: directory with the data set files; every process reads them.
        data_sets: all data sets that the jobs use.

    Raises:
        WorkFailed: the training data is missing and cannot be downloaded.
    """

    def __init__(self, workers: int, data_dir: Path, data_sets: Iterable[DataSet] = (MNIST,)) -> None:
        self._data_sets = tuple(data_sets)
        for data_set in self._data_sets:
            load_training_data(data_dir, data_set)  # downloads missing files once, before the workers read them
        self._spawn = multiprocessing.get_context("spawn")  # a forked process can hang if TensorFlow is running
        self._data_dir = data_dir
        self._workers = [self._start() for _ in range(workers)]

    def run(self, source: JobSource) -> Iterator[Event]:
        """Trains the jobs from the source; each free worker gets the next one."""
        feed = JobFeed(source)
        while True:
            yield from self._assign_jobs(feed)
            if any(worker.job for worker in self._workers):
                yield from self._next_event()
            elif feed.is_exhausted:
                return
            else:
                time.sleep(POLL_SECONDS)

    def cancel(self, job: Job) -> None:
        """If the job is running, stops it after its current epoch and discards the result of that epoch."""
        for worker in self._workers:
            if worker.job is job and not worker.is_canceled:
                worker.is_canceled = True
                with contextlib.suppress(OSError):  # the process is dead; `_next_event` handles that
                    worker.connection.send(STOP)

    def close(self) -> None:
        """Kills all workers. Epochs that the caller has already received are not affected."""
        for worker in self._workers:
            worker.process.kill()
            worker.process.join()
            worker.connection.close()
        self._workers = []

    def _start(self) -> _Worker:
        ours, theirs = self._spawn.Pipe()
        process = self._spawn.Process(target=_worker_main, args=(theirs, self._data_dir, self._data_sets), daemon=True)
        with _startable_from_anywhere():
            process.start()
        theirs.close()
        return _Worker(process, ours)

    def _assign_jobs(self, feed: JobFeed) -> Iterator[Started]:
        """Gives a job to each free worker until no more jobs are available."""
        for index, worker in enumerate(self._workers):
            if worker.job:
                continue
            job = feed.take()
            if not job:
                return
            try:
                _send_job(worker, job)
            except OSError:  # the process died while idle
                self._replace(index)
                _send_job(self._workers[index], job)
            yield Started(job)

    def _next_event(self) -> Iterator[Event]:
        """Waits for a message from a worker and yields its event; yields nothing for an epoch of a canceled job."""
        busy = [worker for worker in self._workers if worker.job]
        ready = _wait([worker.connection for worker in busy])
        worker = next(worker for worker in busy if worker.connection in ready)
        index = self._workers.index(worker)
        job, is_canceled = worker.job, worker.is_canceled
        try:
            result_or_failure = worker.connection.recv()
        except (EOFError, OSError):  # the process has died; most likely it was killed because memory ran out
            code = self._replace(index)
            cause = signal.Signals(-code).name if code < 0 else f"exit status {code}"
            yield Ended(job, "" if is_canceled else f"worker process died ({cause})", is_canceled)
            return
        # Move the worker to the end of the list, so that a fast worker does not starve the others.
        self._workers.append(self._workers.pop(index))
        if isinstance(result_or_failure, str):
            worker.job, worker.is_canceled = None, False
            yield Ended(job, result_or_failure, is_canceled)
        elif not is_canceled:
            yield EpochDone(job, result_or_failure)

    def _replace(self, index: int) -> int:
        """Replaces a dead process and returns its exit code (-N if it was killed by signal N)."""
        dead = self._workers[index]
        dead.connection.close()
        dead.process.join()
        self._workers[index] = self._start()
        return dead.process.exitcode


def _wait(connections: Sequence[Connection]) -> list[Connection]:
    """Returns the connections that have a message or are closed, as soon as there is one."""
    while True:
        with contextlib.suppress(InterruptedError):  # Ctrl-C on Windows: Python repeats the wait only on other systems
            return wait(connections)


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


def _send_job(worker: _Worker, job: Job) -> None:
    worker.connection.send((job.data_set.name, job.preset, job.seed, job.resume_from))
    worker.job = job


def _worker_main(connection: Connection, data_dir: Path, data_sets: Sequence[DataSet]) -> None:
    """Main loop of a worker process. For each job, sends the result of every epoch, then the failure ("" if none)."""
    for name in ("SIGINT", "SIGHUP"):  # the parent handles Ctrl-C and the end of the terminal
        if number := getattr(signal, name, None):
            signal.signal(number, signal.SIG_IGN)
    import mnist_mlp.training.loop  # noqa: F401 - imports TensorFlow before the first job arrives

    data = {data_set.name: load_training_data(data_dir, data_set) for data_set in data_sets}
    while True:
        try:
            message = connection.recv()
        except EOFError:  # the parent has exited
            return
        if message is STOP:  # it arrived after the job had ended
            continue
        try:
            data_set_name, preset, seed, resume_from = message
            failure = _train(connection, data[data_set_name], preset, seed, resume_from)
        except (BrokenPipeError, ConnectionError):
            return
        with contextlib.suppress(OSError):  # if the parent has exited, the next recv() raises EOFError
            connection.send(failure)


def _train(
    connection: Connection, data: TrainingData, preset: Preset, seed: int, resume_from: TrainingState | None
) -> str:
    """Trains a job and sends the result of every epoch until STOP arrives. Returns the failure ("" if none)."""
    from mnist_mlp.training.loop import train

    try:
        for result in train(preset, seed, data, resume_from):
            connection.send(result)
            if connection.poll():  # STOP has arrived
                break
    except (BrokenPipeError, ConnectionError):
        raise
    except Exception as error:
        return kind_and_text(error)
    return ""
