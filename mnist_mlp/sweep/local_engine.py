"""Engines on this machine: trainings in this process, or side by side in worker processes.

Nothing here imports TensorFlow before a training begins.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from mnist_mlp.data.dataset import MNIST, DataSet
from mnist_mlp.data.images import TrainingData
from mnist_mlp.data.loading import load_training_data
from mnist_mlp.errors import kind_and_text
from mnist_mlp.presets.preset import Preset
from mnist_mlp.sweep.jobs import POLL_SECONDS, Ended, EpochDone, Event, Job, JobFeed, JobSource, Started
from mnist_mlp.training.results import TrainingState

STOP = None  # sent to a worker in place of a job: stop the training under way


class InThisProcess:
    """Trains one job after another.

    Args:
        data_dir: folder of the data sets' files.
        data_sets: those of the jobs.

    Raises:
        WorkFailed: the training data is missing and cannot be downloaded.
    """

    def __init__(self, data_dir: Path, data_sets: Iterable[DataSet] = (MNIST,)) -> None:
        self._data = {data_set: load_training_data(data_dir, data_set) for data_set in data_sets}
        self._job: Job | None = None
        self._is_canceled = False

    def run(self, source: JobSource) -> Iterator[Event]:
        """Trains the jobs of the source."""
        feed = JobFeed(source)
        while not feed.is_exhausted:
            job = feed.take()
            if job:
                yield from self._train(job)
            elif not feed.is_exhausted:
                time.sleep(POLL_SECONDS)

    def cancel(self, job: Job) -> None:
        """Stops the job if it is under way."""
        self._is_canceled = self._is_canceled or job is self._job

    def close(self) -> None:
        """Does nothing: nothing runs between two events."""

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
    """A worker process, our end of its pipe and the job that it trains."""

    process: BaseProcess
    connection: Connection
    job: Job | None = None
    is_canceled: bool = False


class WorkerProcesses:
    """Trains jobs side by side in processes, each of which keeps what it has compiled for its next job.

    The processes start at once, so that they import TensorFlow while the caller does.

    Args:
        workers: number of processes.
        data_dir: folder of the data sets' files; each process reads them.
        data_sets: those of the jobs.

    Raises:
        WorkFailed: the training data is missing and cannot be downloaded.
    """

    def __init__(self, workers: int, data_dir: Path, data_sets: Iterable[DataSet] = (MNIST,)) -> None:
        self._data_sets = tuple(data_sets)
        for data_set in self._data_sets:
            load_training_data(data_dir, data_set)  # downloads what is missing, once for all workers
        self._spawn = multiprocessing.get_context("spawn")  # a fork of a process that runs TensorFlow can hang
        self._data_dir = data_dir
        self._workers = [self._start() for _ in range(workers)]

    def run(self, source: JobSource) -> Iterator[Event]:
        """Trains the jobs of the source; a free worker takes the next."""
        feed = JobFeed(source)
        while True:
            yield from self._hand_out(feed)
            if any(worker.job for worker in self._workers):
                yield from self._next_event()
            elif feed.is_exhausted:
                return
            else:
                time.sleep(POLL_SECONDS)

    def cancel(self, job: Job) -> None:
        """Stops the job after its epoch if it is under way; the result of that epoch is dropped."""
        for worker in self._workers:
            if worker.job is job and not worker.is_canceled:
                worker.is_canceled = True
                with contextlib.suppress(OSError):  # a dead process is noticed when we next listen to it
                    worker.connection.send(STOP)

    def close(self) -> None:
        """Kills all workers; what they were training is lost to them, not to whoever recorded it."""
        for worker in self._workers:
            worker.process.kill()
            worker.process.join()
            worker.connection.close()
        self._workers = []

    def _start(self) -> _Worker:
        ours, theirs = self._spawn.Pipe()
        process = self._spawn.Process(target=_work, args=(theirs, self._data_dir, self._data_sets), daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)

    def _hand_out(self, feed: JobFeed) -> Iterator[Started]:
        """Gives each free worker a job, as far as there are any."""
        for index, worker in enumerate(self._workers):
            if worker.job:
                continue
            job = feed.take()
            if not job:
                return
            try:
                _give(worker, job)
            except OSError:  # the process has died while it had nothing to do
                self._replace(index)
                _give(self._workers[index], job)
            yield Started(job)

    def _next_event(self) -> Iterator[Event]:
        """Waits until a worker sends something; yields nothing for an epoch of a canceled job."""
        busy = [worker for worker in self._workers if worker.job]
        ready = wait([worker.connection for worker in busy])
        worker = next(worker for worker in busy if worker.connection in ready)
        index = self._workers.index(worker)
        job, is_canceled = worker.job, worker.is_canceled
        try:
            result_or_failure = worker.connection.recv()
        except (EOFError, OSError):  # the process is gone: killed, most likely because memory ran out
            code = self._replace(index)
            cause = signal.Signals(-code).name if code < 0 else f"exit status {code}"
            yield Ended(job, "" if is_canceled else f"its process died ({cause})", is_canceled)
            return
        # Behind the others, so that a fast worker does not keep them waiting.
        self._workers.append(self._workers.pop(index))
        if isinstance(result_or_failure, str):
            worker.job, worker.is_canceled = None, False
            yield Ended(job, result_or_failure, is_canceled)
        elif not is_canceled:
            yield EpochDone(job, result_or_failure)

    def _replace(self, index: int) -> int:
        """Starts a new process for one that has died; returns the dead one's exit code, negative for a signal."""
        dead = self._workers[index]
        dead.connection.close()
        dead.process.join()
        self._workers[index] = self._start()
        return dead.process.exitcode


def _give(worker: _Worker, job: Job) -> None:
    worker.connection.send((job.data_set.name, job.preset, job.seed, job.resume_from))
    worker.job = job


def _work(connection: Connection, data_dir: Path, data_sets: Sequence[DataSet]) -> None:
    """Runs in a worker process until it is killed: takes jobs, sends each epoch's result, then a failure or ""."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    import mnist_mlp.training.loop  # noqa: F401 - imports TensorFlow while there is no job yet

    data = {data_set.name: load_training_data(data_dir, data_set) for data_set in data_sets}
    while True:
        try:
            message = connection.recv()
        except EOFError:  # the parent is gone
            return
        if message is STOP:  # the job that it was sent for has ended already
            continue
        try:
            data_set_name, preset, seed, resume_from = message
            failure = _train(connection, data[data_set_name], preset, seed, resume_from)
        except (BrokenPipeError, ConnectionError):
            return
        with contextlib.suppress(OSError):  # if the parent is gone, the next wait for a job notices
            connection.send(failure)


def _train(
    connection: Connection, data: TrainingData, preset: Preset, seed: int, resume_from: TrainingState | None
) -> str:
    """Sends the result of every epoch until the training ends or STOP arrives; returns why it failed, or ""."""
    from mnist_mlp.training.loop import train

    try:
        for result in train(preset, seed, data, resume_from):
            connection.send(result)
            if connection.poll():  # STOP
                break
    except (BrokenPipeError, ConnectionError):
        raise
    except Exception as error:
        return kind_and_text(error)
    return ""
