"""Tests the Ray engine: job sources, cancellation, and a cluster of two nodes, one of which is killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from mnist_mlp.runs.info_tables import TRAINING_LOG_COLUMNS
from mnist_mlp.runs.text_table import read_table
from mnist_mlp.sweep import ray_engine
from mnist_mlp.sweep.jobs import Ended, EpochDone, Job, Retried, Started
from mnist_mlp.sweep.ray_engine import RayTasks
from tests.helpers import PROJECT, TINY, LateSource, events_of, folders, only_line, results, runs_in, wait_for

cluster_utils = pytest.importorskip("ray.cluster_utils", reason="Ray is not installed")

TRAIN_OPTIONS = ["--presets", "1,8", "--epochs", "5", "--threads", "1"]


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
    events = events_of(RayTasks(None, [first, second], None, PROJECT / "MNIST_data"), source, source.see)
    for job in (first, second):
        assert kinds(events, job) == [Started, *[EpochDone] * job.preset.epochs, Ended]
    assert {(event.failure, event.canceled) for event in events if isinstance(event, Ended)} == {("", False)}
    order = [(type(event), event.job) for event in events]
    assert order.index((EpochDone, first)) < order.index((Started, second)) < order.index((Ended, first))
    assert 1 <= source.refusals <= 2  # the source is asked after every event, not continuously


def test_idle_engine_polls_source_after_cancel():
    canceled, following = a_job(1, epochs=100_000), a_job(2)
    source = LateSource(canceled, following)
    engine = RayTasks(None, [canceled, following], 1, PROJECT / "MNIST_data")

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


def test_auto_does_not_wait_for_a_cluster_that_has_crashed(script, tmp_path):
    """Ray would try to reach it for minutes: `ray start` writes its address to a file, or the user sets RAY_ADDRESS."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        left_over = tmp_path / "ray" / "ray_current_cluster"
        left_over.parent.mkdir()
        left_over.write_text(address)
        train = ["MNIST_train.py", "--engine", "ray", "--ray-address", "auto", *folders(tmp_path)]
        for variables in {"RAY_TMPDIR": str(tmp_path)}, {"TMPDIR": str(tmp_path)}, {"RAY_ADDRESS": address}:
            process = script(*train, **variables)
            assert process.returncode == 1
            assert only_line(process).startswith(f"Error: no Ray cluster at {address} ([")
    process = script(*train, RAY_ADDRESS="http://127.0.0.1:8265")  # the address for `ray job submit`
    assert process.returncode == 2
    assert only_line(process).startswith("Error: RAY_ADDRESS: must be HOST:PORT ")


def test_other_version_of_ray_is_rejected(cluster, script, tmp_path):
    code = "import ray, runpy; ray.__version__ = '2.0.0'; runpy.run_path('MNIST_train.py', run_name='__main__')"
    process = script("-c", code, "--engine", "ray", "--ray-address", cluster.address, *folders(tmp_path))
    assert process.returncode == 1
    assert only_line(process).startswith(
        f"Error: the Ray cluster ({cluster.address}) needs the same versions of Ray and Python on all machines: "
    )


def test_error_for_a_long_temporary_directory_names_the_variable(script, tmp_path):
    folder = tmp_path / ("long" * 20)
    folder.mkdir()
    process = script("MNIST_train.py", "--engine", "ray", *folders(tmp_path), RAY_TMPDIR=str(folder))
    assert process.returncode == 1
    assert only_line(process).startswith("Error: cannot start Ray on this machine: ")
    assert only_line(process).endswith("; set RAY_TMPDIR to a shorter directory, for example RAY_TMPDIR=/tmp")


def test_workers_use_this_environment_under_uv_run(tmp_path):
    """Ray looks for "uv run" among the parents of its process, and would start all workers with that command."""
    (tmp_path / "run").write_text('"$@"\n')
    code = "from mnist_mlp.sweep import ray_cluster as cluster; ray = cluster.import_ray(); cluster.connect(None)"
    code += "; print(sorted(ray.get_runtime_context().runtime_env))"
    command = ["uv", "run", sys.executable, "-c", code]
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.run(
        command, executable="/bin/bash", cwd=PROJECT, env={**os.environ, "PATH": path}, capture_output=True, text=True
    )
    assert (process.stdout, process.stderr) == ("['py_modules']\n", "")


def test_sigterm_records_the_run_and_prints_one_line(tmp_path):
    command = ["MNIST_train.py", "--presets", "1", "--epochs", "3000", "--engine", "ray", "--workers", "1"]
    process = subprocess.Popen(
        [sys.executable, "-u", *command, *folders(tmp_path)],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(process, " 2/3000 ")
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    assert (process.returncode, len(errors.splitlines())) == (128 + signal.SIGTERM, 1), errors
    assert [run.record.status for run in runs_in(tmp_path)] == ["interrupted"]


def test_warning_while_no_machine_is_free(monkeypatch, capsys):
    monkeypatch.setattr(ray_engine, "SECONDS_UNTIL_WARNING", 0.01)
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        job = a_job(1)
        engine = RayTasks(cluster.address, [job], None, PROJECT / "MNIST_data")
        command = ["-m", "ray.scripts.scripts", "start", "--address", cluster.address, "--num-cpus", "1", "--block"]
        node = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert kinds(events_of(engine, [job]), job) == [Started, EpochDone, Ended]
        node.terminate()
        node.wait(timeout=60)
    finally:
        cluster.shutdown()
    assert capsys.readouterr().err.count("Warning: still waiting for a free CPU; ") == 1
