"""Trains jobs as Ray Core tasks, on this machine or on a cluster.

The images are sent to the cluster once, and each task gets a preset and a seed. Every epoch's result is sent back, and
the calling process writes all files, so no shared file system is needed. If a task is lost, its job is resumed after
the last epoch that was received.
"""

from __future__ import annotations

import functools
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_mlp.data.dataset import MNIST, DataSet
from mnist_mlp.data.loading import load_training_data
from mnist_mlp.errors import kind_and_text
from mnist_mlp.presets.preset import Preset
from mnist_mlp.sweep.allocation import threads_of
from mnist_mlp.sweep.jobs import POLL_SECONDS, Ended, EpochDone, Event, Job, JobFeed, JobSource, Retried, Started
from mnist_mlp.sweep.ray_cluster import connect, cpus_per_task, import_ray, kept_signal_handler, require_cluster
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
        ray = import_ray()
        if address:
            require_cluster(address)
        data = {data_set: load_training_data(data_dir, data_set) for data_set in data_sets}
        connect(address)
        self._workers = workers
        self._data = {data_set: ray.put(images) for data_set, images in data.items()}
        self._resource = "GPU" if ray.cluster_resources().get("GPU") else "CPU"
        tasks = max(1, min(len(jobs), workers or int(ray.cluster_resources().get(self._resource, 1))))
        self._threads = threads_of(jobs, tasks=1, cpus=cpus_per_task(tasks))
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
        with kept_signal_handler():
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
            "num_cpus": min(threads, cpus_per_task(1)),  # more than any machine has would never be available
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


@functools.lru_cache(maxsize=1)
def _fetched(data: ray.ObjectRef):
    """Returns the data. All tasks in a process get the same object, so that they reuse compiled programs."""
    import ray

    return ray.get(data)
