"""Trainings as Ray Core tasks, on this machine or on a cluster.

The images are sent once, a preset and a seed to every task; arrays and numbers come back after every epoch. The calling
process writes all files, so no shared disk is needed. A task that is lost goes on after the last epoch that came back.
"""

from __future__ import annotations

import functools
import logging
import os
import socket
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import mnist_mlp
from mnist_mlp.data.dataset import MNIST, DataSet
from mnist_mlp.data.loading import load_training_data
from mnist_mlp.errors import UsageError, WorkFailed, in_one_line, kind_and_text
from mnist_mlp.presets.checks import not_allowed
from mnist_mlp.presets.preset import Preset
from mnist_mlp.quiet import silenced_standard_error
from mnist_mlp.sweep.jobs import POLL_SECONDS, Ended, EpochDone, Event, Job, JobFeed, JobSource, Retried, Started
from mnist_mlp.training.results import EpochResult, TrainingState

if TYPE_CHECKING:
    import ray

LOSSES_IN_A_ROW = 3  # without an epoch in between: then it is not the machines' fault


@dataclass
class _Attempt:
    """A job and how far it has come."""

    job: Job
    resume_from: TrainingState | None
    has_started: bool = False
    losses: int = 0


class RayTasks:
    """Trains jobs as Ray tasks; each gets one GPU if the cluster has any, else one CPU.

    Args:
        address: of a running cluster, or "auto"; None starts a Ray on this machine for the time of the sweep.
        workers: most tasks at once; None means one per GPU or CPU of the cluster.
        data_dir: folder of the data sets' files, which are read here; the images are sent to the cluster.
        data_sets: those of the jobs.

    Raises:
        UsageError: Ray is not installed, or the address is not valid.
        WorkFailed: the cluster cannot be reached, or the training data is missing and cannot be downloaded.
    """

    def __init__(
        self, address: str | None, workers: int | None, data_dir: Path, data_sets: Iterable[DataSet] = (MNIST,)
    ) -> None:
        ray = _import_ray()
        if address and address != "auto":
            _require_listener(address)
        data = {data_set: load_training_data(data_dir, data_set) for data_set in data_sets}
        _connect(address)
        self._workers = workers
        self._data = {data_set: ray.put(images) for data_set, images in data.items()}
        self._resource = "GPU" if ray.cluster_resources().get("GPU") else "CPU"
        resource = {"num_gpus": 1} if self._resource == "GPU" else {"num_cpus": 1}
        # Ray itself would restart a lost task from its first epoch; we know its last.
        self._task = ray.remote(_train).options(max_retries=0, **resource)
        self._under_way: dict[ray.ObjectRefGenerator, _Attempt] = {}
        self._lost: deque[_Attempt] = deque()  # to be tried again
        self._canceled: deque[Job] = deque()  # not reported yet

    def run(self, source: JobSource) -> Iterator[Event]:
        """Trains the jobs of the source; they begin in their order."""
        feed = JobFeed(source)
        while True:
            while self._canceled:
                yield Ended(self._canceled.popleft(), canceled=True)
            self._submit_tasks(feed)
            if self._under_way:
                yield from self._next_event()
            elif feed.is_exhausted:
                return
            else:
                time.sleep(POLL_SECONDS)

    def cancel(self, job: Job) -> None:
        """Stops the job at once if it is under way; kills the process that trains it."""
        import ray

        for task, attempt in list(self._under_way.items()):
            if attempt.job is job:
                ray.cancel(task, force=True)
                del self._under_way[task]
                self._canceled.append(job)
        for attempt in list(self._lost):
            if attempt.job is job:
                self._lost.remove(attempt)
                self._canceled.append(job)

    def close(self) -> None:
        """Stops all tasks, and Ray if it was started for this sweep."""
        import ray

        for task in self._under_way:
            ray.cancel(task, force=True)
        self._under_way = {}
        ray.shutdown()

    def _submit_tasks(self, feed: JobFeed) -> None:
        """Gives each free worker a task: first the jobs that were lost, then new ones, as far as there are any."""
        while self._lost or not feed.is_exhausted:
            if self._under_way and len(self._under_way) >= self._most_tasks():
                return
            if self._lost:
                attempt = self._lost.popleft()
            else:
                job = feed.take()
                if not job:
                    return
                attempt = _Attempt(job, job.resume_from)
            job = attempt.job
            task = self._task.remote([self._data[job.data_set]], job.preset, job.seed, attempt.resume_from)
            self._under_way[task] = attempt

    def _most_tasks(self) -> int:
        """Returns how many tasks may be under way; a cluster may grow or shrink meanwhile."""
        import ray

        return self._workers or int(ray.cluster_resources().get(self._resource, 0))

    def _next_event(self) -> Iterator[Event]:
        """Waits until a task has something to say."""
        import ray

        (task, *_), _ = ray.wait(list(self._under_way), num_returns=1)
        attempt = self._under_way.pop(task)
        try:
            result = ray.get(next(task))
        except StopIteration:
            yield Ended(attempt.job)
            return
        except ray.exceptions.RayTaskError as error:
            yield Ended(attempt.job, kind_and_text(error.cause))
            return
        except ray.exceptions.RayError as error:
            yield self._after_loss(attempt, error)
            return
        self._under_way[task] = attempt  # behind the others, so that each has its turn
        if result is not None:
            attempt.losses, attempt.resume_from = 0, result.state
            yield EpochDone(attempt.job, result)
        elif not attempt.has_started:
            attempt.has_started = True
            yield Started(attempt.job)

    def _after_loss(self, attempt: _Attempt, error: Exception) -> Event:
        attempt.losses += 1
        if attempt.losses >= LOSSES_IN_A_ROW:
            return Ended(attempt.job, f"lost {attempt.losses} times in a row: {kind_and_text(error)[:300]}")
        self._lost.append(attempt)
        return Retried(attempt.job, type(error).__name__)


def _import_ray() -> ModuleType:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # A message of several pages; `Retried` says it in a line.
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", "Raylet is terminated")
    try:
        import ray  # reads the environment
    except ModuleNotFoundError:
        raise UsageError(
            "--engine ray needs Ray, which is not installed: python -m pip install -r requirements-ray.txt"
        ) from None
    return ray


def _connect(address: str | None) -> None:
    import ray

    try:
        with silenced_standard_error():  # problems of a cluster are raised as exceptions too
            ray.init(
                address=address or "local",
                runtime_env={"py_modules": [mnist_mlp.__path__[0]]},
                log_to_driver=False,
                logging_level=logging.CRITICAL,
                **({} if address else {"include_dashboard": False}),
            )
    except Exception as error:  # of a dozen kinds, by what is wrong at the other end
        cluster = f"{address}, or its token is not this machine's" if address else "this machine"
        raise WorkFailed(f"no Ray cluster at {cluster}: {in_one_line(error)[:300]}") from None


def _require_listener(address: str) -> None:
    """Tries the address for some seconds; Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal():  # ray://... is Ray Client, which cannot stream a task's results
        raise not_allowed("--ray-address", address, "HOST:PORT of a cluster that this machine belongs to, or auto")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise WorkFailed(f"no Ray cluster at {address} ({in_one_line(error)}); start one, or choose another") from None


def _train(
    data: list[ray.ObjectRef], preset: Preset, seed: int, resume_from: TrainingState | None
) -> Iterator[EpochResult | None]:
    """Runs as a task: yields None to say that it has begun, then the result of every epoch.

    Args:
        data: a reference to the TrainingData; in a list, so that Ray does not fetch it again for every task.
    """
    yield None
    from mnist_mlp.training.loop import train

    yield from train(preset, seed, _fetched(data[0]), resume_from)


@functools.lru_cache(maxsize=1)
def _fetched(data: ray.ObjectRef):
    """Returns the data, the same object for every task of a process, so that compiled networks are used again."""
    import ray

    return ray.get(data)
