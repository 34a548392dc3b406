"""Sweeps on Ray: a cluster of two real nodes on this machine, one of which is killed."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from mnist_mlp.runs.info_tables import TRAINING_LOG_COLUMNS, read_table
from tests.helpers import PROJECT, folders, only_line, results, runs_in, wait_for

cluster_utils = pytest.importorskip("ray.cluster_utils", reason="Ray is not installed")

CHOSEN = ["--presets", "1,8", "--epochs", "5"]


@pytest.fixture
def cluster() -> Iterator[cluster_utils.Cluster]:
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    yield cluster
    cluster.shutdown()


def test_every_result_comes_though_a_node_is_killed_and_has_the_bits_of_a_local_sweep(cluster, script, tmp_path):
    node = cluster.add_node(num_cpus=1)
    command = ["MNIST_train.py", *CHOSEN, "--engine", "ray", "--ray-address", cluster.address]
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
    assert "lost its worker" in output
    assert "Raylet" not in output

    local = script("MNIST_train.py", *CHOSEN, "--workers", 1, "--quiet", *folders(tmp_path / "local"))
    assert local.returncode == 0, local.stderr
    assert results(tmp_path / "ray") == results(tmp_path / "local")
    rows = read_table(tmp_path / "ray" / "INFOS" / "training_log.txt", TRAINING_LOG_COLUMNS)
    assert sorted((row["preset"], row["epoch"]) for row in rows) == [(p, str(e)) for p in "18" for e in range(1, 6)]
    assert {run.record.status for run in runs_in(tmp_path / "ray")} == {"finished"}


def test_addresses_without_a_cluster_are_told_in_one_line(script, tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        refusals = {
            f"127.0.0.1:{port}": (1, f"Error: no Ray cluster at 127.0.0.1:{port} (["),
            "auto": (1, "Error: no Ray cluster at auto, or its token is not this machine's: "),
            "ray://somewhere:10001": (2, "Error: --ray-address='ray://somewhere:10001'"),
            "nonsense": (2, "Error: --ray-address='nonsense'"),
        }
        for address, (status, line) in refusals.items():
            process = script("MNIST_train.py", "--engine", "ray", "--ray-address", address, *folders(tmp_path))
            assert process.returncode == status
            assert only_line(process).startswith(line)
    assert only_line(script("MNIST_train.py", "--ray-address", "auto")) == "Error: --ray-address needs --engine ray"
    assert list((tmp_path / "runs").iterdir()) == []
