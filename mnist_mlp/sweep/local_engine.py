"""Engines for this machine: one trains in the calling process, the other in parallel worker processes.

The calling process imports TensorFlow only if it trains jobs itself.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from mnist_mlp.data.dataset import MNIST, DataSet
from mnist_mlp.data.loading import load_in_background, load_training_data
from mnist_mlp.errors import kind_and_text
from mnist_mlp.host.cgroups import Cgroups
from mnist_mlp.sweep.jobs import POLL_SECONDS, Ended, EpochDone, Event, Job, JobFeed, JobSource, Retried, Started
from mnist_mlp.sweep.worker import Attempt, Worker


class InThisProcess:
    """Trains jobs one after another in this process.

    Args:
        threads: number of threads of every job. If TensorFlow has already computed something with another number in
            this process, that one remains; see `tensorflow_state.can_train_here`.
        data_dir: directory with the data set files.
        data_sets: all data sets that the jobs use.

    Raises:
        WorkFailed: the training data is missing and cannot be downloaded. If it is damaged, `run` raises this.
    """

    def __init__(self, threads: int, data_dir: Path, data_sets: Iterable[DataSet] = (MNIST,)) -> None:
        self._threads = threads
        self._loaded_data = load_in_background(data_dir, data_sets)
        self._job: Job | None = None
        self._is_canceled = False

    def run(self, source: JobSource) -> Iterator[Event]:
        """Trains the jobs from the source."""
        from mnist_mlp.libraries.tensorflow_state import use_threads

        use_threads(self._threads)
        self._data = self._loaded_data()
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
        yield Started(job, self._threads)
        failure = ""
        try:
            epochs = train(job.preset, job.seed, self._data[job.data_set], job.resume_from)
            while not self._is_canceled and (result := next(epochs, None)):
                yield EpochDone(job, result)
        except Exception as error:
            failure = kind_and_text(error)
        self._job = None
        yield Ended(job, failure, self._is_canceled)


class WorkerProcesses:
    """Trains jobs in parallel in worker processes.

    A worker that was killed, most likely because memory ran out, is not replaced: its job is trained on by another one.

    Args:
        workers: number of processes.
        threads: number of threads of every job that does not have its own number.
        data_dir: directory with the data set files; every process reads them.
        data_sets: all data sets that the jobs use.

    Raises:
        WorkFailed: the training data is missing and cannot be downloaded.
    """

    def __init__(self, workers: int, threads: int, data_dir: Path, data_sets: Iterable[DataSet] = (MNIST,)) -> None:
        self._threads = threads
        self._data_dir = data_dir
        self._memory_kills = Cgroups().memory_kills()
        self._workers = [self._start(threads) for _ in range(workers)]
        try:  # while the workers import TensorFlow
            for data_set in data_sets:
                load_training_data(data_dir, data_set)
        except BaseException:
            self.close()
            raise
        self._lost: deque[Attempt] = deque()  # waiting to be retried
        self._canceled: deque[Job] = deque()  # canceled, but `Ended` has not been yielded yet

    def run(self, source: JobSource) -> Iterator[Event]:
        """Trains the jobs from the source; each free worker gets the next one."""
        feed = JobFeed(source)
        while True:
            while self._canceled:
                yield Ended(self._canceled.popleft(), canceled=True)
            yield from self._assign_jobs(feed)
            if any(worker.attempt for worker in self._workers):
                yield from self._next_event()
            elif feed.is_exhausted:
                return
            else:
                time.sleep(POLL_SECONDS)

    def cancel(self, job: Job) -> None:
        """If the job is running, stops it after its current epoch and discards the result of that epoch."""
        for worker in self._workers:
            if worker.attempt and worker.attempt.job is job and not worker.is_canceled:
                worker.cancel()
        for attempt in list(self._lost):
            if attempt.job is job:
                self._lost.remove(attempt)
                self._canceled.append(job)

    def close(self) -> None:
        """Kills all workers. Epochs that the caller has already received are not affected."""
        for worker in self._workers:
            worker.close()
        self._workers = []

    def _start(self, threads: int) -> Worker:
        return Worker(threads, self._data_dir)

    def _assign_jobs(self, feed: JobFeed) -> Iterator[Started]:
        """Gives a job to each free worker until no more jobs are available. Lost jobs come first."""
        for index, worker in enumerate(self._workers):
            if worker.attempt:
                continue
            attempt = self._lost.popleft() if self._lost else _attempt(feed.take())
            if not attempt:
                return
            threads = attempt.job.threads or self._threads
            self._train(index, attempt, threads)
            if not attempt.has_started:
                attempt.has_started = True
                yield Started(attempt.job, threads)

    def _train(self, index: int, attempt: Attempt, threads: int) -> None:
        """Gives the job to this worker, or to a new one if this one is not suitable or has died while it was idle."""
        worker = self._workers[index]
        if worker.threads == threads and not worker.has_grown:
            with contextlib.suppress(OSError):
                worker.train(attempt)
                return
        self._replace(worker, threads)
        self._workers[index].train(attempt)

    def _next_event(self) -> Iterator[Event]:
        """Waits for a message from a worker and yields its event; yields nothing for an epoch of a canceled job."""
        busy = [worker for worker in self._workers if worker.attempt]
        ready = _wait([worker.connection for worker in busy])
        worker = next(worker for worker in busy if worker.connection in ready)
        attempt, is_canceled = worker.attempt, worker.is_canceled
        try:
            result_or_failure = worker.connection.recv()
        except (EOFError, OSError):  # the process has died
            yield self._after_death(worker)
            return
        # Move the worker to the end of the list, so that a fast worker does not starve the others.
        self._workers.remove(worker)
        self._workers.append(worker)
        if isinstance(result_or_failure, str):
            worker.becomes_idle()
            yield Ended(attempt.job, result_or_failure, is_canceled)
        elif not is_canceled:
            attempt.state = result_or_failure.state
            yield EpochDone(attempt.job, result_or_failure)

    def _after_death(self, worker: Worker) -> Event:
        """Retries the job of a killed worker with fewer workers. With a single worker, retries it once."""
        attempt, is_last = worker.attempt, len(self._workers) == 1
        code = worker.close()
        cause = self._cause(code)
        if worker.is_canceled or not _was_killed(code) or (is_last and attempt.was_retried):
            self._replace(worker, worker.threads)
            hint = "; train fewer runs at the same time, with --workers" if _was_killed(code) else ""
            failure = "" if worker.is_canceled else f"worker process died ({cause}){hint}"
            return Ended(attempt.job, failure, worker.is_canceled)
        attempt.was_retried = True
        self._lost.append(attempt)
        if is_last:
            self._replace(worker, worker.threads)
        else:
            self._workers.remove(worker)
        return Retried(attempt.job, f"{cause}; workers from now on: {len(self._workers)}")

    def _replace(self, worker: Worker, threads: int) -> None:
        worker.close()
        self._workers[self._workers.index(worker)] = self._start(threads)

    def _cause(self, code: int) -> str:
        """Returns why a process with this exit code died, if that is known."""
        if not _was_killed(code):
            return signal.Signals(-code).name if code < 0 else f"exit status {code}"
        certainty = "" if Cgroups().memory_kills() > self._memory_kills else "probably "
        return f"killed, {certainty}because memory ran out"


def _attempt(job: Job | None) -> Attempt | None:
    return Attempt(job, job.resume_from) if job else None


def _was_killed(code: int) -> bool:
    """Returns whether the system, or a user, killed the process. Windows does not do this if memory runs out."""
    return hasattr(signal, "SIGKILL") and code == -signal.SIGKILL


def _wait(connections: Sequence[Any]) -> list[Any]:
    """Returns the connections that have a message or are closed, as soon as there is one."""
    while True:
        with contextlib.suppress(InterruptedError):  # Ctrl-C on Windows: Python repeats the wait only on other systems
            return wait(connections)
