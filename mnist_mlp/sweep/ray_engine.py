"""Trains jobs as Ray Core tasks, on this machine or on a cluster.

The images are sent to the cluster once, and each task gets a preset and a seed. Every epoch's result is sent back, and
the calling process writes all files, so no shared file system is needed. If a task is lost, its job is resumed after
the last epoch that was received.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import mnist_mlp
from mnist_mlp.data.dataset import MNIST, DataSet
from mnist_mlp.data.loading import load_training_data
from mnist_mlp.errors import UsageError, WorkFailed, in_one_line, kind_and_text
from mnist_mlp.host.quiet import silenced_standard_error
from mnist_mlp.presets.checks import not_allowed
from mnist_mlp.presets.preset import Preset
from mnist_mlp.sweep.allocation import threads_of
from mnist_mlp.sweep.jobs import POLL_SECONDS, Ended, EpochDone, Event, Job, JobFeed, JobSource, Retried, Started
from mnist_mlp.training.results import EpochResult, TrainingState

if TYPE_CHECKING:
    import ray

SECONDS_UNTIL_WARNING = 60  # a worker process starts within seconds, unless all machines are busy
MAX_TIMES_LOST = 3  # in a row, without completing an epoch; the cause is then probably the job, not the machines


@dataclass
class _Attempt:
    """A job, the state to resume it from, and how many times in a row it was lost."""

    job: Job
    resume_from: TrainingState | None
    has_started: bool = False
    times_lost: int = 0


class RayTasks:
    """Trains jobs as Ray tasks. Each task gets a CPU per thread, and one GPU if the cluster has GPUs.

    Args:
        address: address of a running cluster, or "auto"; None starts Ray on this machine for this sweep.
        jobs: the jobs that are known when the sweep starts. They and the CPUs then determine the number of threads.
        workers: maximum number of parallel tasks; None means one per GPU or CPU in the cluster.
        data_dir: directory on this machine with the data set files; the images are sent to the cluster.
        data_sets: all data sets that the jobs use.

    Raises:
        UsageError: Ray is not installed, or the address is not valid.
        WorkFailed: the cluster cannot be reached, or the training data is missing and cannot be downloaded.
    """

    def __init__(
        self,
        address: str | None,
        jobs: Sequence[Job],
        workers: int | None,
        data_dir: Path,
        data_sets: Iterable[DataSet] = (MNIST,),
    ) -> None:
        ray = _import_ray()
        if address:
            _require_cluster(address)
        data = {data_set: load_training_data(data_dir, data_set) for data_set in data_sets}
        _connect(address)
        self._workers = workers
        self._data = {data_set: ray.put(images) for data_set, images in data.items()}
        self._resource = "GPU" if ray.cluster_resources().get("GPU") else "CPU"
        tasks = max(1, min(len(jobs), workers or int(ray.cluster_resources().get(self._resource, 1))))
        self._threads = threads_of(jobs, tasks=1, cpus=_cpus_per_task(tasks))
        self._task = ray.remote(_train)
        self._running: dict[ray.ObjectRefGenerator, _Attempt] = {}
        self._lost: deque[_Attempt] = deque()  # waiting to be retried
        self._canceled: deque[Job] = deque()  # canceled, but `Ended` has not been yielded yet
        self._has_worker = False  # whether any task has started

    def run(self, source: JobSource) -> Iterator[Event]:
        """Trains the jobs from the source, starting them in order."""
        feed = JobFeed(source)
        while True:
            while self._canceled:
                yield Ended(self._canceled.popleft(), canceled=True)
            self._submit_tasks(feed)
            if self._running:
                yield from self._next_event()
            elif feed.is_exhausted:
                return
            else:
                time.sleep(POLL_SECONDS)

    def cancel(self, job: Job) -> None:
        """Stops the job immediately if it is running, by killing its process."""
        import ray

        for task, attempt in list(self._running.items()):
            if attempt.job is job:
                ray.cancel(task, force=True)
                del self._running[task]
                self._canceled.append(job)
        for attempt in list(self._lost):
            if attempt.job is job:
                self._lost.remove(attempt)
                self._canceled.append(job)

    def close(self) -> None:
        """Stops all tasks, and Ray if it was started for this sweep."""
        import ray

        for task in self._running:
            ray.cancel(task, force=True)
        self._running = {}
        with _kept_signal_handler():
            ray.shutdown()

    def _submit_tasks(self, feed: JobFeed) -> None:
        """Submits tasks while workers are free and jobs are available; retries lost jobs first."""
        while self._lost or not feed.is_exhausted:
            if self._running and len(self._running) >= self._max_tasks():
                return
            if self._lost:
                attempt = self._lost.popleft()
            else:
                job = feed.take()
                if not job:
                    return
                attempt = _Attempt(job, job.resume_from)
            self._running[self._submit(attempt)] = attempt

    def _submit(self, attempt: _Attempt) -> ray.ObjectRefGenerator:
        job, threads = attempt.job, self._threads_of(attempt.job)
        options = {
            "num_gpus": 1 if self._resource == "GPU" else 0,
            "num_cpus": min(threads, _cpus_per_task(1)),  # more than any machine has would never be available
            # The number of threads is fixed when TensorFlow starts. Ray uses a process only for equal variables.
            "runtime_env": {"env_vars": {"MNIST_MLP_THREADS": str(threads)}},
            "max_retries": 0,  # Ray would restart a lost task from its first epoch; this engine resumes it
        }
        return self._task.options(**options).remote(
            [self._data[job.data_set]], job.preset, job.seed, threads, attempt.resume_from
        )

    def _threads_of(self, job: Job) -> int:
        return job.threads or self._threads

    def _max_tasks(self) -> int:
        """Returns the maximum number of parallel tasks, which changes if the cluster grows or shrinks."""
        import ray

        per_task = 1 if self._resource == "GPU" else self._threads
        return self._workers or int(ray.cluster_resources().get(self._resource, 0) // per_task)

    def _next_event(self) -> Iterator[Event]:
        """Waits for a message from a task and yields its event, if any."""
        import ray

        task = self._next_task()
        attempt = self._running.pop(task)
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
        self._running[task] = attempt  # back at the end, so that no task starves the others
        if result is not None:
            attempt.times_lost, attempt.resume_from = 0, result.state
            yield EpochDone(attempt.job, result)
        elif not attempt.has_started:
            attempt.has_started = True
            yield Started(attempt.job, self._threads_of(attempt.job))

    def _next_task(self) -> ray.ObjectRefGenerator:
        """Waits for a message from any task. Warns if the cluster has no free machine, because Ray waits silently."""
        import ray

        tasks = list(self._running)
        if not self._has_worker and not ray.wait(tasks, num_returns=1, timeout=SECONDS_UNTIL_WARNING)[0]:
            print(
                f"Warning: still waiting for a free {self._resource}; `ray status` shows what the Ray cluster does",
                file=sys.stderr,
            )
        self._has_worker = True
        return ray.wait(tasks, num_returns=1)[0][0]

    def _after_loss(self, attempt: _Attempt, error: Exception) -> Event:
        attempt.times_lost += 1
        if attempt.times_lost >= MAX_TIMES_LOST:
            return Ended(attempt.job, f"worker lost {attempt.times_lost} times in a row: {kind_and_text(error)[:300]}")
        self._lost.append(attempt)
        return Retried(attempt.job, type(error).__name__)


def _import_ray() -> ModuleType:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray's message about a lost node is several pages long; a `Retried` event reports the loss in one line.
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", "Raylet is terminated")
    # If this process runs under `uv run`, Ray would start every worker with the same `uv run` command in a copy of the
    # current directory. There, uv finds neither this environment nor Ray, and the sweep waits forever.
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    try:
        import ray  # reads these variables
    except ModuleNotFoundError:
        raise UsageError(
            "--engine ray requires Ray; install it: python -m pip install -r requirements-ray.txt"
        ) from None
    return ray


def _connect(address: str | None) -> None:
    import ray

    if not address:  # Ray would write a token to the home directory, which can be read-only
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex())
    try:
        # cluster errors are raised as exceptions anyway
        with silenced_standard_error(), _kept_signal_handler():
            ray.init(
                address=address or "local",
                runtime_env={"py_modules": [mnist_mlp.__path__[0]]},
                log_to_driver=False,
                logging_level=logging.CRITICAL,
                **({} if address else {"include_dashboard": False}),
            )
    except Exception as error:  # Ray raises many exception types here, depending on the cause
        raise WorkFailed(_why_not_connected(address, in_one_line(error)[:300])) from None


def _why_not_connected(address: str | None, message: str) -> str:
    if "Version mismatch" in message:
        return f"the Ray cluster ({address}) needs the same versions of Ray and Python on all machines: {message}"
    if address:
        return f"no Ray cluster found ({address}), or wrong token: {message}"
    remedy = ""
    if "AF_UNIX path length" in message:
        remedy = "; set RAY_TMPDIR to a shorter directory, for example RAY_TMPDIR=/tmp"
    return f"cannot start Ray on this machine: {message}{remedy}"


@contextlib.contextmanager
def _kept_signal_handler() -> Iterator[None]:
    """Keeps the handler for SIGTERM. Ray installs its own, which aborts this process and prints a C++ stack trace."""
    if threading.current_thread() is not threading.main_thread():  # Python sets handlers only in the main thread
        yield
        return
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if handler is None else handler)


def _require_cluster(address: str) -> None:
    """Checks that something listens at the address, or at the address that "auto" stands for, if that is known.

    Raises:
        UsageError: the address is not HOST:PORT.
        WorkFailed: nothing listens there.
    """
    if address != "auto":
        _require_listener(address, "--ray-address")
    elif (address := os.environ.get("RAY_ADDRESS", "auto")) != "auto":  # takes precedence in Ray too
        _require_listener(address, "RAY_ADDRESS")
    elif address := _latest_cluster():
        _require_listener(address, "--ray-address")


def _latest_cluster() -> str:
    """Returns the address of the cluster that `ray start` started last, even if it has crashed; "" if there is none."""
    folder = os.environ.get("RAY_TMPDIR") or (sys.platform == "linux" and os.environ.get("TMPDIR")) or "/tmp"
    with contextlib.suppress(OSError):
        return Path(folder, "ray", "ray_current_cluster").read_text().strip()
    return ""


def _require_listener(address: str, name: str) -> None:
    """Checks that something listens at the address. Waits at most 10 seconds; Ray itself would keep trying for minutes.

    Args:
        name: the option or variable with the address, for the error message.

    Raises:
        UsageError: the address is not HOST:PORT.
        WorkFailed: nothing listens there.
    """
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal():  # also rejects ray://...: Ray Client cannot stream results
        raise not_allowed(name, address, "HOST:PORT of a cluster that this machine is part of, or auto")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise WorkFailed(f"no Ray cluster at {address} ({in_one_line(error)}); start one or check the port") from None


def _train(
    data: list[ray.ObjectRef], preset: Preset, seed: int, threads: int, resume_from: TrainingState | None
) -> Iterator[EpochResult | None]:
    """Runs as a Ray task: yields None when it starts, then the result of every epoch.

    Args:
        data: a list with one reference to the TrainingData. Ray would fetch a bare reference for every task.
    """
    yield None
    from mnist_mlp.libraries.tensorflow_state import use_threads
    from mnist_mlp.training.loop import train

    use_threads(threads)
    yield from train(preset, seed, _fetched(data[0]), resume_from)


def _cpus_per_task(tasks: int) -> int:
    """Returns how many CPUs each of so many equal tasks can have in the cluster, at least 1."""
    import ray

    machines = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
    fitting = [cpus for cpus in range(1, max(machines, default=0) + 1) if sum(m // cpus for m in machines) >= tasks]
    return max(fitting, default=1)


@functools.lru_cache(maxsize=1)
def _fetched(data: ray.ObjectRef):
    """Returns the data. All tasks in a process get the same object, so that they reuse compiled programs."""
    import ray

    return ray.get(data)
