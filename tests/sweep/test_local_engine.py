"""Tests the local engines: job sources, cancellation, failures and parallel training."""

from __future__ import annotations

import dataclasses
import multiprocessing
import time
from collections.abc import Callable
from functools import partial
from itertools import repeat, takewhile

import pytest

from mnist_mlp.data.dataset import MNIST
from mnist_mlp.sweep import local_engine, worker
from mnist_mlp.sweep.jobs import NOT_NOW, Ended, Engine, EpochDone, Event, Job, Retried, Started
from mnist_mlp.sweep.local_engine import InThisProcess, WorkerProcesses
from mnist_mlp.training import loop
from tests.helpers import PROJECT, TINY, LateSource, events_of

DATA = PROJECT / "MNIST_data"
OTHER_SPLIT = dataclasses.replace(MNIST, name="another", validation_images=10_000)
StartEngine = Callable[..., Engine]
THIS_PROCESS = pytest.param(partial(InThisProcess, 2, DATA), id="this process")
ONE_WORKER = pytest.param(partial(WorkerProcesses, 1, 2, DATA), id="one worker")
TWO_WORKERS = pytest.param(partial(WorkerProcesses, 2, 2, DATA), id="two workers")


def a_job(seed: int, epochs: int = 1) -> Job:
    return Job(7, TINY.but(epochs=epochs, batch_size=5000), seed)


def kinds(events: list, job: Job) -> list[type]:
    return [type(event) for event in events if event.job is job]


@pytest.mark.slow
@pytest.mark.parametrize("start", [THIS_PROCESS, TWO_WORKERS])
def test_all_jobs_complete_on_their_data_set(start: StartEngine):
    jobs = [a_job(seed, epochs) for seed, epochs in ((1, 1), (2, 2), (3, 3), (3, 3))]
    jobs[3] = dataclasses.replace(jobs[3], data_set=OTHER_SPLIT)
    events = events_of(start((MNIST, OTHER_SPLIT)), jobs)
    assert [event.job for event in events if isinstance(event, Started)] == jobs
    assert {(event.failure, event.canceled) for event in events if isinstance(event, Ended)} == {("", False)}
    for job in jobs:
        assert kinds(events, job) == [Started, *[EpochDone] * job.preset.epochs, Ended]
        results = [event.result for event in events if isinstance(event, EpochDone) and event.job is job]
        assert [result.epoch for result in results] == list(range(1, job.preset.epochs + 1))
        correct = results[0].train.accuracy * job.data_set.training_images
        assert correct == pytest.approx(round(correct), abs=1e-6)
    first = {event.job: event.result for event in events if isinstance(event, EpochDone) and event.result.epoch == 1}
    # Each seed and data set gives a different network.
    assert len({first[job].validation.accuracy for job in jobs}) == 4


@pytest.mark.slow
@pytest.mark.parametrize("start", [THIS_PROCESS, TWO_WORKERS])
def test_source_can_wait_for_first_result(start: StartEngine):
    first, second = a_job(1, epochs=30), a_job(2)
    source = LateSource(first, second)
    events = events_of(start(), source, source.see)
    for job in (first, second):
        assert kinds(events, job) == [Started, *[EpochDone] * job.preset.epochs, Ended]
    order = [(type(event), event.job) for event in events]
    assert order.index((EpochDone, first)) < order.index((Started, second))
    is_parallel = order.index((Started, second)) < order.index((Ended, first))
    assert is_parallel == (start is TWO_WORKERS.values[0])
    if is_parallel:
        assert 1 <= source.refusals <= 2  # the source is asked after every event, not continuously


@pytest.mark.slow
@pytest.mark.parametrize("start", [THIS_PROCESS, ONE_WORKER])
def test_idle_engine_polls_source(start: StartEngine, monkeypatch):
    monkeypatch.setattr(local_engine, "POLL_SECONDS", 0.05)
    job, answers = a_job(1), []

    def source():
        until = time.monotonic() + 0.5
        for answer in takewhile(lambda _: time.monotonic() < until, repeat(NOT_NOW)):
            answers.append(answer)
            yield answer
        yield job

    assert kinds(events_of(start(), source()), job) == [Started, EpochDone, Ended]
    assert 2 <= len(answers) <= 11


@pytest.mark.slow
@pytest.mark.parametrize("start", [THIS_PROCESS, ONE_WORKER])
def test_next_job_starts_after_canceled_jobs(start: StartEngine):
    at_start, after_epoch, following = a_job(1, epochs=100_000), a_job(2, epochs=100_000), a_job(3)
    engine = start()

    def cancel(event):
        if event.job is at_start or (isinstance(event, EpochDone) and event.job is after_epoch):
            engine.cancel(event.job)
            engine.cancel(event.job)  # has no effect the second time
            engine.cancel(a_job(4))  # unknown to the engine

    events = events_of(engine, [at_start, after_epoch, following], cancel)
    assert kinds(events, at_start) == [Started, Ended]
    assert kinds(events, after_epoch) == [Started, EpochDone, Ended]
    assert kinds(events, following) == [Started, EpochDone, Ended]
    ends = {event.job: (event.failure, event.canceled) for event in events if isinstance(event, Ended)}
    assert ends == {at_start: ("", True), after_epoch: ("", True), following: ("", False)}


def test_exception_ends_only_its_job(monkeypatch):
    def train(preset, seed, data, resume_from):
        if seed == 1:
            raise ValueError("seed 1\nis bad")
        yield from ()

    monkeypatch.setattr(loop, "train", train)
    events = events_of(InThisProcess(2, DATA), [a_job(1), a_job(2)])
    assert [event.failure for event in events if isinstance(event, Ended)] == ["ValueError: seed 1 is bad", ""]


def test_close_ends_all_worker_processes():
    engine = WorkerProcesses(3, 2, DATA)
    assert len(multiprocessing.active_children()) == 3
    engine.close()
    assert multiprocessing.active_children() == []


def kill_a_worker_after(epochs: list[tuple[Job, int]]) -> Callable[[Event], None]:
    """Returns a listener that kills the worker of a job after each of these epochs."""

    def kill(event: Event) -> None:
        if isinstance(event, EpochDone) and (event.job, event.result.epoch) in epochs:
            epochs.remove((event.job, event.result.epoch))
            (worker,) = (
                worker for worker in kill.engine._workers if worker.attempt and worker.attempt.job is event.job
            )
            worker._process.kill()

    return kill


def last_weights(events: list[Event], job: Job) -> bytes:
    results = [event.result for event in events if isinstance(event, EpochDone) and event.job is job]
    assert [result.epoch for result in results] == list(range(1, job.preset.epochs + 1))
    return b"".join(weights.tobytes() for weights in results[-1].state.weights)


@pytest.mark.slow
def test_job_of_killed_worker_goes_on_in_another_one():
    killed, others = a_job(1, epochs=30), [a_job(2, epochs=10), a_job(3)]
    engine = WorkerProcesses(2, 2, DATA)
    kill = kill_a_worker_after([(killed, 2)])
    kill.engine = engine
    events = events_of(engine, [killed, *others], kill)
    assert {event.job: event.failure for event in events if isinstance(event, Ended)} == dict.fromkeys(
        (killed, *others), ""
    )
    (retried,) = (event for event in events if isinstance(event, Retried))
    cause = "killed, probably because memory ran out"
    assert (retried.job, retried.reason) == (killed, f"{cause}; workers from now on: 1")
    assert [type(event) for event in events if event.job is killed].count(Started) == 1
    undisturbed = events_of(InThisProcess(2, DATA), [a_job(1, epochs=30)])
    assert last_weights(events, killed) == last_weights(undisturbed, undisturbed[0].job)


@pytest.mark.slow
def test_job_that_is_killed_twice_in_the_only_worker_fails():
    job, following = a_job(1, epochs=1000), a_job(2)
    engine = WorkerProcesses(1, 2, DATA)
    kill = kill_a_worker_after([(job, 1), (job, 40)])
    kill.engine = engine
    events = events_of(engine, [job, following], kill)
    assert [type(event) for event in events if event.job is job and not isinstance(event, EpochDone)] == [
        Started,
        Retried,
        Ended,
    ]
    (failure,) = (event.failure for event in events if isinstance(event, Ended) and event.job is job)
    assert failure == (
        "worker process died (killed, probably because memory ran out); "
        "train fewer runs at the same time, with --workers"
    )
    assert kinds(events, following) == [Started, EpochDone, Ended]


@pytest.mark.slow
def test_worker_has_as_many_threads_as_its_job():
    jobs = [dataclasses.replace(a_job(1), threads=threads) for threads in (None, 2, 2, 1)]
    engine, processes = WorkerProcesses(1, 1, DATA), []
    events = events_of(engine, jobs, lambda event: processes.append(multiprocessing.active_children()[0].pid))
    assert [event.threads for event in events if isinstance(event, Started)] == [1, 2, 2, 1]
    assert len(set(processes)) == 3  # the number of threads of a process cannot change


@pytest.mark.slow
def test_worker_that_has_grown_is_replaced(monkeypatch):
    monkeypatch.setattr(worker, "GROWTH_ALLOWED", 0)
    jobs, processes = (
        [a_job(1), dataclasses.replace(a_job(2), preset=TINY.but(hidden_sizes=(300,), epochs=1)), a_job(3)],
        [],
    )
    engine = WorkerProcesses(1, 2, DATA)
    events_of(engine, jobs, lambda event: processes.append(multiprocessing.active_children()[0].pid))
    assert processes[0] == processes[3]  # the first job decides how large a worker may be
    assert len(set(processes)) == 2


@pytest.mark.slow
def test_worker_killed_while_idle_is_replaced():
    engine = WorkerProcesses(1, 2, DATA)
    (worker,) = multiprocessing.active_children()
    worker.kill()
    worker.join()
    job = a_job(1)
    assert kinds(events_of(engine, [job]), job) == [Started, EpochDone, Ended]
