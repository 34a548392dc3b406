"""Tests tensorboard_run.py in a separate process."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from mnist_mlp.console import tensorboard_server
from mnist_mlp.console.tensorboard_server import address_of
from mnist_mlp.errors import UsageError
from mnist_mlp.evaluation.score_tables import EVAL_COLUMNS
from mnist_mlp.runs.text_table import read_table
from tests.helpers import PROJECT, only_line, runs_in


def fetch(address: str, body: bytes | None = None):
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def test_tensorboard_serves_scalars_graph_hyperparameters_and_scores(evaluated, tensorboard):
    first, second = runs_in(evaluated)
    deadline = time.monotonic() + 60
    while len(fetch(f"{tensorboard}data/runs")) < 4 and time.monotonic() < deadline:
        time.sleep(0.5)
    short_names = [f"p{run.record.preset_number}_s{run.record.seed}" for run in (first, second)]
    names = {f"{name}/{split}" for name in short_names for split in ("train", "dev")}
    assert set(fetch(f"{tensorboard}data/runs")) == names
    scalars = fetch(f"{tensorboard}data/plugin/scalars/tags")
    for name in names:
        assert {"loss", "cross_entropy", "accuracy"} <= set(scalars[name])
    points = fetch(f"{tensorboard}data/plugin/scalars/scalars?run={short_names[1]}/dev&tag=accuracy")
    recorded = [(item["epoch"], pytest.approx(item["validation"]["accuracy"])) for item in second.record.epochs]
    assert [(step, value) for _, step, value in points] == recorded
    assert fetch(f"{tensorboard}data/plugin/graphs/info")[f"{short_names[1]}/train"]["run_graph"]

    body = {"experimentName": "", "allowedStatuses": ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_RUNNING"]}
    body |= {"colParams": [{"metric": {"tag": "best_accuracy", "group": ""}, "order": "ORDER_ASC"}], "sliceSize": 100}
    fetch(f"{tensorboard}data/plugin/hparams/experiment", json.dumps({"experimentName": ""}).encode())
    groups = fetch(f"{tensorboard}data/plugin/hparams/session_groups", json.dumps(body).encode())["sessionGroups"]
    assert {group["name"] for group in groups} == {first.name, second.name}
    preset_8 = next(group for group in groups if group["name"] == second.name)
    hyperparameters = preset_8["hparams"]
    for name in (
        "preset",
        "seed",
        "batch size",
        "epochs",
        "learning rate",
        "weight decay",
        "dropout",
        "number of layers",
    ):
        assert isinstance(hyperparameters[name], int | float), name
    assert hyperparameters["hidden layers"] == "200-200-200"
    assert hyperparameters["learning rate"] == 0.01
    metrics = {metric["name"]["tag"]: metric["value"] for metric in preset_8["metricValues"]}
    assert metrics["best_accuracy"] == pytest.approx(second.record.best_validation_accuracy)
    scores = {row["run"]: row["test_accuracy"] for row in read_table(evaluated / "INFOS/eval_log.txt", EVAL_COLUMNS)}
    assert metrics["test_accuracy"] == pytest.approx(float(scores[second.name]))


@pytest.mark.parametrize("when", ["address is printed", "browser is starting"])
def test_ctrl_c_ends_quietly_at_any_time(evaluated, tmp_path, when):
    browser = tmp_path / "browser"
    browser.write_text("#!/bin/sh\ntrap '' INT\necho started\nexec sleep 60\n")
    browser.chmod(0o755)
    command = [sys.executable, "tensorboard_run.py", "--runs-dir", str(evaluated / "runs"), "--port", "7006"]
    environment = {**os.environ, "BROWSER": str(browser)}
    with (tmp_path / "errors").open("w") as errors:
        process = subprocess.Popen(
            command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    expected = "TensorBoard is running at " if when == "address is printed" else "started"
    while not process.stdout.readline().startswith(expected):
        assert process.poll() is None, (tmp_path / "errors").read_text()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0
    assert (tmp_path / "errors").read_text() == ""


@pytest.mark.parametrize(
    ("host", "name"), [("::1", "[::1]"), ("::", socket.gethostname()), ("0.0.0.0", socket.gethostname())]
)
def test_url_for_ipv6_and_all_interfaces(evaluated, host, name):
    try:
        address_of(host)
    except UsageError:
        pytest.skip("this machine has no IPv6")
    command = [sys.executable, "tensorboard_run.py", "--no-browser", "--host", host, "--port", "7040"]
    process = subprocess.Popen(
        [*command, "--runs-dir", str(evaluated / "runs")], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    line = next(line for line in process.stdout if "running at" in line)
    (port,) = re.findall(re.escape(f"http://{name}:") + r"(\d+)/", line)
    assert fetch(f"http://{'[::1]' if ':' in host else '127.0.0.1'}:{port}/data/environment")["version"]
    process.terminate()
    process.communicate()


def test_address_of_another_machine_is_rejected(script, evaluated):
    process = script("tensorboard_run.py", "--host", "192.0.2.1", "--runs-dir", evaluated / "runs")
    assert process.returncode == 2
    assert only_line(process).startswith("Error: --host: 192.0.2.1 is not an address of this machine; use localhost")


@pytest.mark.parametrize("localhost", [["::1"], ["::1", "127.0.0.1"]])
def test_localhost_is_ipv4_if_possible(monkeypatch, localhost):
    found = [(None, None, None, "", (address, 0)) for address in localhost]
    monkeypatch.setattr(tensorboard_server.socket, "getaddrinfo", lambda *arguments, **options: found)
    monkeypatch.setattr(tensorboard_server, "_can_bind", lambda address, port: True)
    assert address_of("localhost") == localhost[-1]
