"""Tests the Ray engine: job sources, cancellation, and a cluster of two nodes, one of which is killed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from mnist_mlp.runs.info_tables import TRAINING_LOG_COLUMNS
from mnist_mlp.runs.text_table import read_table
from mnist_mlp.sweep.jobs import Ended, EpochDone, Job, Retried, Started
from mnist_mlp.sweep.ray_engine import RayTasks
from tests.helpers import PROJECT, TINY, LateSource, events_of, folders, only_line, results, runs_in, wait_for

cluster_utils = pytest.importorskip("ray.cluster_utils", reason="Ray is not installed")

TRAIN_OPTIONS = ["--presets", "1,8", "--epochs", "5"]


pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_cluster_at_a_time")]


def a_job(seed: int, epochs: int = 1) -> Job:
    return Job(7, TINY.but(epochs=epochs, batch_size=5000), seed)


def kinds(events: list, job: Job) -> list[type]:
    """Returns the types of the job's events, without retries: Ray may start a job in a process that is being killed."""
    return [type(event) for event in events if event.job is job and not isinstance(event, Retried)]


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two cores")
def test_source_can_wait_for_first_result():
    first, second = a_job(1, epochs=200), a_job(2)
    source = LateSource(first, second)
    events = events_of(RayTasks(None, None, PROJECT / "MNIST_data"), source, source.see)
    for job in (first, second):
        assert kinds(events, job) == [Started, *[EpochDone] * job.preset.epochs, Ended]
    assert {(event.failure, event.canceled) for event in events if isinstance(event, Ended)} == {("", False)}
    order = [(type(event), event.job) for event in events]
    assert order.index((EpochDone, first)) < order.index((Started, second)) < order.index((Ended, first))
    assert 1 <= source.refusals <= 2  # the source is asked after every event, not continuously


def test_idle_engine_polls_source_after_cancel():
    canceled, following = a_job(1, epochs=100_000), a_job(2)
    source = LateSource(canceled, following)
    engine = RayTasks(None, 1, PROJECT / "MNIST_data")

    def listen(event):
        if isinstance(event, Started) and event.job is canceled:
            engine.cancel(canceled)
            engine.cancel(canceled)  # has no effect the second time
        elif isinstance(event, Ended):
            threading.Timer(0.5, source.release).start()  # until then, the engine is idle

    events = events_of(engine, source, listen)
    assert kinds(events, canceled) == [Started, Ended]
    assert kinds(events, following) == [Started, EpochDone, Ended]
    assert [(event.job, event.canceled) for event in events if isinstance(event, Ended)] == [
        (canceled, True),
        (following, False),
    ]
    assert 2 <= source.refusals <= 8


@pytest.fixture
def cluster() -> Iterator[cluster_utils.Cluster]:
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    yield cluster
    cluster.shutdown()


def test_results_match_local_sweep_after_node_is_killed(cluster, script, tmp_path):
    node = cluster.add_node(num_cpus=1)
    command = ["MNIST_train.py", *TRAIN_OPTIONS, "--engine", "ray", "--ray-address", cluster.address]
    process = subprocess.Popen(
        [sys.executable, *command, *folders(tmp_path / "ray")],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(process, "preset 1  epoch 2/5", "preset 8  epoch 2/5")
    cluster.remove_node(node, allow_graceful=False)  # SIGKILL to the node and its worker
    output, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")
    assert "worker lost" in output
    assert "Raylet" not in output

    local = script("MNIST_train.py", *TRAIN_OPTIONS, "--workers", 1, "--quiet", *folders(tmp_path / "local"))
    assert local.returncode == 0, local.stderr
    assert results(tmp_path / "ray") == results(tmp_path / "local")
    rows = read_table(tmp_path / "ray" / "INFOS" / "training_log.txt", TRAINING_LOG_COLUMNS)
    assert sorted((row["preset"], row["epoch"]) for row in rows) == [(p, str(e)) for p in "18" for e in range(1, 6)]
    assert {run.record.status for run in runs_in(tmp_path / "ray")} == {"finished"}


def test_address_without_cluster_is_rejected(script, tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        expected = {
            f"127.0.0.1:{port}": (1, f"Error: no Ray cluster at 127.0.0.1:{port} (["),
            "auto": (1, "Error: no Ray cluster found (auto), or wrong token: "),
            "ray://somewhere:10001": (2, "Error: --ray-address: must be HOST:PORT "),
            "nonsense": (2, "Error: --ray-address: must be HOST:PORT "),
        }
        for address, (status, line) in expected.items():
            process = script("MNIST_train.py", "--engine", "ray", "--ray-address", address, *folders(tmp_path))
            assert process.returncode == status
            assert only_line(process).startswith(line)
    assert only_line(script("MNIST_train.py", "--ray-address", "auto")) == "Error: --ray-address requires --engine ray"
    assert list((tmp_path / "runs").iterdir()) == []
