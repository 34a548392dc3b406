"""Trainings as Ray Core tasks, on this machine or on a cluster.

What travels is plain: the images once, a preset and a seed to a task, arrays and numbers back after every epoch. The
process that calls the engine writes all files, so no disk is shared; a task that is lost goes on from the last epoch
that came back.
"""

from __future__ import annotations

import functools
import logging
import os
import socket
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import mnist_mlp
from mnist_mlp.data.dataset import load_training_data
from mnist_mlp.errors import UsageError, WorkFailed, in_one_line, kind_and_text
from mnist_mlp.presets.preset import Preset, refusal
from mnist_mlp.quiet import silenced_standard_error
from mnist_mlp.sweep.engines import Ended, EpochDone, Event, Job, Retried, Started
from mnist_mlp.training.results import EpochResult, TrainingState

if TYPE_CHECKING:
    import ray

LOSSES_IN_A_ROW = 3  # without an epoch between them: then it is not the machines' fault


@dataclass
class _Attempt:
    """A task under way for a job."""

    job: Job
    resume_from: TrainingState | None
    started: bool = False
    losses: int = 0


class RayTasks:
    """Trains jobs as Ray tasks; each is given one GPU where the cluster has any, else one CPU.

    Args:
        address: of a running cluster, or "auto"; None starts a Ray on this machine for the time of the sweep.
        workers: most tasks at once; None leaves it to Ray.
        data_dir: the images are read here and sent to the cluster.

    Raises:
        UsageError: Ray is not installed, or the address is none.
        WorkFailed: the cluster cannot be reached, or the training data cannot be had.
    """

    def __init__(self, address: str | None, workers: int | None, data_dir: Path) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", "Raylet is terminated")  # pages long; we tell it in a line
        try:
            import ray  # reads the environment
        except ModuleNotFoundError:
            raise UsageError(
                "--engine ray needs Ray, which is not installed: python -m pip install -r requirements-ray.txt"
            ) from None
        if address and address != "auto":
            _require_listener(address)
        data = load_training_data(data_dir)
        try:
            with silenced_standard_error():  # what is wrong with a cluster comes as an exception too
                ray.init(
                    address=address or "local",
                    runtime_env={"py_modules": [mnist_mlp.__path__[0]]},
                    log_to_driver=False,
                    logging_level=logging.CRITICAL,
                    **({} if address else {"include_dashboard": False}),
                )
        except Exception as error:  # of a dozen kinds, by what is wrong at the other end
            where = f"{address}, or its token is not this machine's" if address else "this machine"
            raise WorkFailed(f"no Ray cluster at {where}: {in_one_line(error)[:300]}") from None
        self._workers = workers
        self._data = ray.put(data)
        resource = {"num_gpus": 1} if ray.cluster_resources().get("GPU") else {"num_cpus": 1}
        # Ray would start a lost task again from its first epoch; we know the last.
        self._task = ray.remote(_train).options(max_retries=0, **resource)

    def __call__(self, jobs: Sequence[Job], dropped: Container[Job]) -> Iterator[Event]:
        """Trains the jobs; they begin in their order.

        Args:
            dropped: those that nobody listens to any more; may grow meanwhile.
        """
        import ray

        waiting = [_Attempt(job, job.resume_from) for job in reversed(jobs)]
        under_way: dict[ray.ObjectRefGenerator, _Attempt] = {}
        try:
            while waiting or under_way:
                while waiting and len(under_way) < (self._workers or len(jobs)):
                    attempt = waiting.pop()
                    job = attempt.job
                    under_way[self._task.remote([self._data], job.preset, job.seed, attempt.resume_from)] = attempt
                (task, *_), _ = ray.wait(list(under_way), num_returns=1)
                attempt = under_way.pop(task)
                try:
                    result = ray.get(next(task))
                except StopIteration:
                    yield Ended(attempt.job)
                    continue
                except ray.exceptions.RayTaskError as error:
                    yield Ended(attempt.job, kind_and_text(error.cause))
                    continue
                except ray.exceptions.RayError as error:
                    attempt.losses += 1
                    if attempt.losses >= LOSSES_IN_A_ROW:
                        yield Ended(attempt.job, f"lost {attempt.losses} times in a row: {kind_and_text(error)[:300]}")
                    else:
                        waiting.append(attempt)
                        yield Retried(attempt.job, type(error).__name__)
                    continue
                under_way[task] = attempt  # behind the others, so that each has its turn
                if result is not None:
                    attempt.losses, attempt.resume_from = 0, result.state
                    yield EpochDone(attempt.job, result)
                elif not attempt.started:
                    attempt.started = True
                    yield Started(attempt.job)
                if attempt.job in dropped:
                    ray.cancel(task, force=True)
                    del under_way[task]
        finally:
            for task in under_way:
                ray.cancel(task, force=True)
            ray.shutdown()


def _require_listener(address: str) -> None:
    """Tries the address for some seconds; Ray itself would for minutes."""
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal():  # ray://... is Ray Client, which cannot stream a task's results
        raise refusal("--ray-address", address, "HOST:PORT of a cluster that this machine belongs to, or auto")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise WorkFailed(f"no Ray cluster at {address} ({in_one_line(error)}); start one, or name another") from None


def _train(
    data: list[ray.ObjectRef], preset: Preset, seed: int, resume_from: TrainingState | None
) -> Iterator[EpochResult | None]:
    """What a task does: tells with None that it has begun, then each epoch's result.

    Args:
        data: a reference to the TrainingData; in a list, so that Ray does not fetch it anew for every task.
    """
    yield None
    from mnist_mlp.training.loop import train

    yield from train(preset, seed, _fetched(data[0]), resume_from)


@functools.lru_cache(maxsize=1)
def _fetched(data: ray.ObjectRef):
    """Returns the data, the same object for every task of a process, which then keeps its compiled networks."""
    import ray

    return ray.get(data)
