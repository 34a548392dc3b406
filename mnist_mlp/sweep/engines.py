"""Where trainings run: in this process or side by side in processes of their own. (On a cluster: `ray_engine`.)

An engine is given jobs and yields what happens to them, epoch by epoch; who calls it does all the recording, so a job
gives the same bits and the same files wherever it runs. Nothing here imports TensorFlow before a worker does.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path

from mnist_mlp.data.dataset import load_training_data
from mnist_mlp.errors import kind_and_text
from mnist_mlp.presets.preset import Preset
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.training.results import EpochResult, TrainingState


@dataclass(frozen=True, eq=False)
class Job:
    """One training to do.

    Attributes:
        run: to go on with; None makes a new one.
        resume_from: the state of that run.
    """

    preset_number: int
    preset: Preset
    seed: int
    run: RunFolder | None = None
    resume_from: TrainingState | None = None

    @property
    def epochs_left(self) -> int:
        return self.preset.epochs - (self.resume_from.epoch if self.resume_from else 0)


@dataclass(frozen=True)
class Started:
    """A job has begun."""

    job: Job


@dataclass(frozen=True)
class EpochDone:
    """A job has an epoch more."""

    job: Job
    result: EpochResult


@dataclass(frozen=True)
class Retried:
    """A job has lost its machine or process and goes on from its last epoch elsewhere."""

    job: Job
    reason: str


@dataclass(frozen=True)
class Ended:
    """A job is over; `failure` says why where it failed, and is empty where it did not."""

    job: Job
    failure: str = ""


Event = Started | EpochDone | Retried | Ended
Engine = Callable[[Sequence[Job], Container[Job]], Iterator[Event]]


def in_this_process(jobs: Sequence[Job], dropped: Container[Job], data_dir: Path) -> Iterator[Event]:
    """Trains one job after another.

    Args:
        dropped: those that nobody listens to any more; may grow meanwhile.

    Raises:
        WorkFailed: the training data cannot be had.
    """
    from mnist_mlp.training.loop import train

    data = load_training_data(data_dir)
    for job in jobs:
        yield Started(job)
        try:
            for result in train(job.preset, job.seed, data, job.resume_from):
                yield EpochDone(job, result)
                if job in dropped:
                    break
        except Exception as error:
            yield Ended(job, kind_and_text(error))
        else:
            yield Ended(job)


class WorkerProcesses:
    """Trains jobs side by side in processes, each of which keeps what it has compiled for its next job.

    The processes start at once, so that they import TensorFlow while the caller does.

    Args:
        workers: how many processes.
        data_dir: each loads the data from it.

    Raises:
        WorkFailed: the training data cannot be had.
    """

    def __init__(self, workers: int, data_dir: Path) -> None:
        load_training_data(data_dir)  # fetches what is missing, once for all workers
        self._spawn = multiprocessing.get_context("spawn")  # a fork of a process that runs TensorFlow can hang
        self._data_dir = data_dir
        self._workers = [self._start() for _ in range(workers)]

    def __call__(self, jobs: Sequence[Job], dropped: Container[Job]) -> Iterator[Event]:
        """Trains the jobs in their order; a worker that is free takes the next.

        Args:
            dropped: those that nobody listens to any more; may grow meanwhile.
        """
        waiting = list(reversed(jobs))
        busy: dict[int, Job] = {}
        try:
            for worker in range(len(self._workers)):
                if waiting:
                    yield self._give(worker, waiting.pop(), busy)
            while busy:
                connections = {self._workers[worker][1]: worker for worker in busy}
                for connection in wait(list(connections)):
                    worker = connections[connection]
                    event = self._receive(worker, busy[worker])
                    yield event
                    if isinstance(event, Ended):
                        del busy[worker]
                        if waiting:
                            yield self._give(worker, waiting.pop(), busy)
                    elif busy[worker] in dropped:
                        with contextlib.suppress(OSError):  # that it has died is noticed when it is listened to
                            self._workers[worker][1].send(None)
        finally:
            self.close()

    def close(self) -> None:
        """Ends all workers at once; what they were training is lost to them, not to who recorded it."""
        for process, connection in self._workers:
            process.kill()
            process.join()
            connection.close()
        self._workers = []

    def _start(self) -> tuple[multiprocessing.process.BaseProcess, Connection]:
        ours, theirs = self._spawn.Pipe()
        process = self._spawn.Process(target=_work, args=(theirs, self._data_dir), daemon=True)
        process.start()
        theirs.close()
        return process, ours

    def _give(self, worker: int, job: Job, busy: dict[int, Job]) -> Started:
        try:
            self._send(worker, job)
        except OSError:  # the process has died while it had nothing to do
            self._replace(worker)
            self._send(worker, job)
        busy[worker] = job
        return Started(job)

    def _send(self, worker: int, job: Job) -> None:
        self._workers[worker][1].send((job.preset, job.seed, job.resume_from))

    def _receive(self, worker: int, job: Job) -> Event:
        try:
            result_or_failure = self._workers[worker][1].recv()
        except (EOFError, OSError):  # the process is gone: killed, most likely for want of memory
            code = self._replace(worker)
            return Ended(job, f"its process died ({signal.Signals(-code).name if code < 0 else f'exit status {code}'})")
        if isinstance(result_or_failure, str):
            return Ended(job, result_or_failure)
        return EpochDone(job, result_or_failure)

    def _replace(self, worker: int) -> int:
        """Starts a new process for one that has died; returns the dead one's exit code, negative for a signal."""
        process, connection = self._workers[worker]
        connection.close()
        process.join()
        self._workers[worker] = self._start()
        return process.exitcode


def _work(connection: Connection, data_dir: Path) -> None:
    """What a worker process does until it is killed: takes jobs, sends each epoch's result, then a failure or "".

    None in the place of a job ends the one under way.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    from mnist_mlp.training.loop import train

    data = load_training_data(data_dir)
    while True:
        try:
            job = connection.recv()
            if job is None:  # the one that was meant has ended already
                continue
            preset, seed, resume_from = job
        except EOFError:  # the parent is gone
            return
        try:
            for result in train(preset, seed, data, resume_from):
                connection.send(result)
                if connection.poll():  # a None
                    break
            failure = ""
        except (BrokenPipeError, ConnectionError):
            return
        except Exception as error:
            failure = kind_and_text(error)
        with contextlib.suppress(OSError):  # where the parent is gone, the next wait for a job notices
            connection.send(failure)
