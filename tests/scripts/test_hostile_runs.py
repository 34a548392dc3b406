"""Tests the scripts with damaged and malicious runs, and the addresses that TensorBoard listens on."""

from __future__ import annotations

import csv
import io
import json
import os
import pickle
import shutil
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import psutil
import pytest
from safetensors.numpy import save

from mnist_mlp.disk.files import commit_folder, sha256_of
from mnist_mlp.evaluation.predictions import TestPredictions
from mnist_mlp.evaluation.score_tables import EVAL_COLUMNS
from mnist_mlp.evaluation.stored_logits import source_of_logits, stored_logits
from mnist_mlp.runs.record import InvalidRun
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.runs.states import newest_valid_state
from mnist_mlp.runs.text_table import read_table
from tests.helpers import PROJECT, folders, only_line, runs_in, save_initial_state

pytestmark = pytest.mark.slow


def shown_by_tensorboard(runs_dir: Path, names: list[str]) -> list[list]:
    """Returns the [time, step, value] points of each run's accuracy. Checks that only localhost can connect."""
    with socket.socket() as unused:
        unused.bind(("localhost", 0))
        port = str(unused.getsockname()[1])
    command = [sys.executable, "tensorboard_run.py", "--no-browser", "--port", port, "--runs-dir", str(runs_dir)]
    address = f"http://localhost:{port}/data/plugin/scalars/scalars_multirun"
    body = urllib.parse.urlencode({"tag": "accuracy", "runs": names}, doseq=True).encode()
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline().startswith(f"TensorBoard is running at http://localhost:{port}/")
            shown, deadline = {}, time.monotonic() + 60
            while set(shown) != set(names) and time.monotonic() < deadline:
                with urllib.request.urlopen(address, body, timeout=30) as answer:
                    shown = json.loads(answer.read())
                time.sleep(0.5)
            server = psutil.Process(process.pid)
            sockets = [item for owner in (server, *server.children(recursive=True)) for item in owner.net_connections()]
        finally:
            process.terminate()
    assert {item.laddr.ip for item in sockets if item.status == psutil.CONN_LISTEN} <= {"127.0.0.1", "::1"}
    assert int(port) in {item.laddr.port for item in sockets}
    return [shown[name] for name in names]


def test_damaged_event_files_and_hostile_run_names_do_no_harm(script, tmp_path, evaluated):
    for name in ("runs", "INFOS"):
        shutil.copytree(evaluated / name, tmp_path / name)
    cut, flipped = runs_in(tmp_path)
    hostile = "=cmd()<b onclick=x>"
    eval_log = tmp_path / "INFOS" / "eval_log.txt"
    eval_log.write_text(eval_log.read_text().replace(cut.name, hostile))
    cut = RunFolder.open(cut.path.rename(tmp_path / "runs" / hostile))
    for run, damaged in (
        (cut, lambda events: events[:-20]),
        (flipped, lambda events: events[:-20] + bytes([events[-20] ^ 1]) + events[-19:]),
    ):
        (path,) = (run.summaries / "dev").glob("*.v2")
        path.write_bytes(damaged(path.read_bytes()))

    shown = shown_by_tensorboard(
        tmp_path / "runs", [f"p{run.record.preset_number}_s{run.record.seed}/dev" for run in (cut, flipped)]
    )
    for run, points in zip((cut, flipped), shown, strict=True):  # one event per epoch; the last one is damaged
        assert points[0][1:] == [1, pytest.approx(run.record.epochs[0]["validation"]["accuracy"])]
        assert len(run.record.epochs) == 2

    process = script("for_report/make_report.py", *folders(tmp_path), "--output-dir", tmp_path / "out")
    assert (process.returncode, process.stderr) == (0, "")
    sheet = openpyxl.load_workbook(tmp_path / "out" / "my_result.xlsx")["Table"]
    (cell,) = (cell for row in sheet.iter_rows() for cell in row if cell.value == hostile)
    assert cell.data_type == "s"
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<b onclick" not in page
    assert "=cmd()&lt;b onclick=x&gt;" in page
    with (tmp_path / "out" / "my_result.csv").open(newline="") as file:
        table = {row["run"]: float(row["validation accuracy"]) for row in csv.DictReader(file)}
    assert table == {
        f"'{hostile}": cut.record.best_validation_accuracy,
        flipped.name: flipped.record.best_validation_accuracy,
    }


class Bomb:
    """Creates a directory when unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


def test_evaluation_executes_no_code_from_runs(script, tmp_path, trained):
    shutil.copytree(trained / "runs", tmp_path / "runs")
    first, second = runs_in(tmp_path)
    target = tmp_path / "executed"
    for path in (first.best_checkpoint, first.best_model):
        path.write_bytes(pickle.dumps(Bomb(target)))
    config = {
        "module": "keras",
        "class_name": "Lambda",
        "config": {"function": {"class_name": "__lambda__", "config": {"code": "bad"}}},
    }
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as hostile, zipfile.ZipFile(second.best_checkpoint) as real:
        for name in real.namelist():
            hostile.writestr(name, json.dumps(config) if name == "config.json" else real.read(name))
        hostile.writestr("../../outside", "x")
    for run, content in ((first, first.best_checkpoint.read_bytes()), (second, archive.getvalue())):
        for path in (run.best_checkpoint, run.best_model):
            path.write_bytes(content)
        run.record.best_checkpoint_sha256 = sha256_of(content)  # an attacker can update the hash too
        run.save_record()
    process = script("MNIST_eval.py", *folders(tmp_path))
    assert process.returncode == 0, process.stderr
    assert f"Skipped {first.name}: its " in process.stdout
    (row,) = read_table(tmp_path / "INFOS" / "eval_log.txt", EVAL_COLUMNS)
    assert row["run"] == second.name  # only weights are read from it, into a model built from the record
    assert float(row["test_accuracy"]) > 0.8
    assert not target.exists()
    assert not list(tmp_path.rglob("outside"))


def test_decompression_bombs_are_rejected(script, tmp_path, trained):
    shutil.copytree(trained / "runs", tmp_path / "runs")
    first, second = runs_in(tmp_path)
    with zipfile.ZipFile(first.best_checkpoint, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.weights.h5", bytes(300 << 20))
    first.record.best_checkpoint_sha256 = sha256_of(first.best_checkpoint.read_bytes())
    first.save_record()
    np.savez_compressed(second.path / "test_predictions.npz", predicted=np.zeros(100 << 20, np.uint8))
    with pytest.raises(InvalidRun, match="too large to be a predictions file"):
        TestPredictions.load(second.path)
    process = script("MNIST_eval.py", *folders(tmp_path))
    assert f"Skipped {first.name}: its epoch_0" in process.stdout
    assert "is too large to be a checkpoint of its preset" in process.stdout
    assert TestPredictions.load(second.path)  # scored again


def npz_with(member: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in ("predicted", "confidence", "true_probability", "logits", "source"):
            archive.writestr(f"{name}.npy", member)
    return content.getvalue()


def npy_with_shape(shape: str) -> bytes:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}".encode().ljust(1013) + b"\n"
    return np.lib.format.magic(1, 0) + len(header).to_bytes(2, "little") + header


def with_changed_directory(content: bytes, offset: int, value: int) -> bytes:
    """Changes a byte of each entry in the archive's central directory."""
    first, *others = content.split(b"PK\x01\x02")
    return b"PK\x01\x02".join(
        [first, *(bytes([*entry[: offset - 4], value]) + entry[offset - 3 :] for entry in others)]
    )


HOSTILE_PREDICTIONS = {
    "huge array": npz_with(npy_with_shape(f"({1 << 60},)")),
    "too many numbers": npz_with(npy_with_shape(f"({1 << 40}, {1 << 40})")),
    "deep header": npz_with(npy_with_shape("(" * 500)),
    "encrypted": with_changed_directory(npz_with(npy_with_shape("(1,)")), 8, 1),
    "unknown compression": with_changed_directory(npz_with(npy_with_shape("(1,)")), 10, 99),
    "not an array": npz_with(pickle.dumps(print)),
}


@pytest.mark.parametrize("content", HOSTILE_PREDICTIONS.values(), ids=HOSTILE_PREDICTIONS)
def test_hostile_predictions_are_rejected_and_not_used(tmp_path, evaluated, content):
    shutil.copytree(evaluated / "runs", tmp_path / "runs")
    run = runs_in(tmp_path)[0]
    source = source_of_logits(run, run.record.best_checkpoint_sha256)
    assert stored_logits(run, source) is not None
    (run.path / "test_predictions.npz").write_bytes(content)
    with pytest.raises(InvalidRun, match=r"its test_predictions\.npz cannot be read"):
        TestPredictions.load(run.path)
    assert stored_logits(run, source) is None


def test_hostile_states_are_rejected_before_loading(tmp_path, trained):
    shutil.copytree(trained / "runs", tmp_path / "runs")
    run = runs_in(tmp_path)[0]
    newest = save_initial_state(run)
    whole = {path.name: path.read_bytes() for path in newest.iterdir()}

    def rejection_of(**changes: bytes) -> str:
        files = {**whole, **{name.replace("__", "."): content for name, content in changes.items()}}
        manifest = json.loads(files["manifest.json"])
        manifest["sha256"] = {name: sha256_of(files[name]) for name in manifest["sha256"]}
        files["manifest.json"] = json.dumps(manifest).encode()
        shutil.rmtree(run.states)
        run.states.mkdir()
        commit_folder(newest, files)
        state, _, warnings = newest_valid_state(run)
        assert state is None
        return warnings[0]

    assert "not a valid saved state" in rejection_of(state__safetensors=(1 << 62).to_bytes(8, "little") + b"{}")
    assert "not a valid saved state" in rejection_of(state__safetensors=pickle.dumps(Bomb(tmp_path / "executed")))
    assert "do not match the preset" in rejection_of(state__safetensors=save({"weight_000": np.zeros((3, 3))}))
    assert "too large for a state" in rejection_of(state__safetensors=bytes(100 << 20))
    assert not (tmp_path / "executed").exists()


def test_tensorboard_warns_about_host_and_rejects_invalid_host(tmp_path, script, trained):
    command = [sys.executable, "tensorboard_run.py", "--no-browser", "--host", "127.0.0.1", "--port", "7123"]
    process = subprocess.Popen(
        [*command, "--runs-dir", str(trained / "runs")], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    line = process.stdout.readline()
    process.terminate()
    process.communicate()
    assert line.startswith("Warning: anyone who can reach 127.0.0.1 can see all runs")
    rejected = script("tensorboard_run.py", "--host", "no.such.host.invalid", "--runs-dir", trained / "runs")
    assert rejected.returncode == 2
    assert only_line(rejected).startswith("Error: --host: no.such.host.invalid is not a valid address")
