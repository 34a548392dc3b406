"""Faults of the disk, of other programs and of strangers, made to happen to the real scripts."""

from __future__ import annotations

import csv
import io
import json
import math
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
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from mnist_mlp.evaluation.predictions import TestPredictions
from mnist_mlp.evaluation.score_tables import EVAL_COLUMNS
from mnist_mlp.files import commit_folder, sha256_of
from mnist_mlp.runs.info_tables import OVERALL_COLUMNS, TRAINING_LOG_COLUMNS
from mnist_mlp.runs.record import InvalidRun
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.runs.states import newest_valid_state
from mnist_mlp.runs.text_table import read_table
from tests.helpers import PROJECT, folders, only_line, project_with, runs_in

pytestmark = pytest.mark.slow

QUICK = ("--presets", "8", "--epochs", "2", "--quiet")


def fill(folder: Path, free: int) -> Path:
    """Leaves so many bytes free."""
    filler = folder / "filler"
    filler.write_bytes(bytes(shutil.disk_usage(folder).free - free))
    return filler


@pytest.mark.parametrize("free", [0, 2_000_000, 5_000_000])
def test_full_disk_is_told_in_one_line_and_resume_goes_on(script, small_disk, free):
    folder = small_disk("24m")
    for name in ("runs", "INFOS"):
        (folder / name).mkdir()
    filler = fill(folder, free)
    process = script("MNIST_train.py", "--presets", "8", "--epochs", "3", *folders(folder))
    assert process.returncode in (1, 2), process.stdout
    assert "space" in only_line(process) or "record.json" in only_line(process)
    for table, columns in (("training_log.txt", TRAINING_LOG_COLUMNS), ("overral_info.txt", OVERALL_COLUMNS)):
        path = folder / "INFOS" / table
        assert not path.exists() or path.stat().st_size == 0 or path.read_bytes().endswith(b"\n")
        for row in read_table(path, columns) if path.exists() and path.stat().st_size else []:
            assert None not in row.values()
    filler.unlink()
    process = script("MNIST_train.py", "--resume", "--quiet", *folders(folder))
    assert process.returncode == 0, process.stderr


def test_full_disk_while_scoring_is_told_in_one_line_and_leaves_nothing_half_written(script, small_disk, trained):
    run, folder = runs_in(trained)[0], small_disk("24m")
    copy = folder / "runs" / run.name
    shutil.copytree(run.path, copy, ignore=shutil.ignore_patterns("states"))
    before = sorted(copy.rglob("*"))
    (folder / "INFOS").mkdir()
    fill(folder, 100_000)  # enough for test_predictions.npz, not for TensorBoard's pictures
    process = script("MNIST_eval.py", *folders(folder))
    assert process.returncode == 1
    assert f"{copy} cannot be written (No space left on device)" in only_line(process)
    assert sorted(copy.rglob("*")) == sorted([*before, copy / "test_predictions.npz"])


def test_commit_leaves_nothing_half_done_on_a_full_disk(small_disk):
    folder = small_disk("24m")
    commit_folder(folder / "epoch_000001", {"a": b"1"})
    fill(folder, 1000)
    with pytest.raises(OSError, match="space"):
        commit_folder(folder / "epoch_000002", {"a": bytes(1 << 20)})
    assert sorted(path.name for path in folder.iterdir()) == ["epoch_000001", "filler"]


@pytest.fixture
def sealed(tmp_path):
    """Makes folders read-only until the test ends, with all that is in them: sealed("a") -> tmp_path / "a"."""
    before = {}

    def seal(name: str) -> Path:
        (tmp_path / name).mkdir(exist_ok=True)
        for path in (tmp_path / name, *(tmp_path / name).rglob("*")):
            before.setdefault(path, path.stat().st_mode)
            path.chmod(before[path] & ~0o222)
        return tmp_path / name

    yield seal
    for path, mode in before.items():
        path.chmod(mode)


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (("MNIST_train.py", *QUICK), "--runs-dir"),
        (("MNIST_train.py", *QUICK), "--info-dir"),
        (("MNIST_train.py", "--resume"), "--runs-dir"),
        (("MNIST_eval.py",), "--info-dir"),
        (("for_report/make_report.py",), "--output-dir"),
    ],
)
def test_read_only_folder_is_refused_before_anything_starts(
    script, unprivileged, sealed, trained, tmp_path, command, option
):
    shutil.copytree(trained / "runs", tmp_path / "runs")
    folder = sealed("sealed")
    process = script(*command, *folders(tmp_path), option, folder, before=unprivileged)
    assert process.returncode == 2
    assert only_line(process) == (
        f"Error: {folder} cannot be written (Permission denied); make it writable or name another folder with {option}"
    )
    assert len(runs_in(tmp_path)) == 2
    assert list(folder.iterdir()) == []


def test_read_only_data_folder_is_refused_where_a_file_must_be_fetched(script, unprivileged, sealed, tmp_path):
    folder = sealed("data")
    process = script(
        *("MNIST_train.py", "--presets", "1,8", "--workers", 2, "--data-dir", folder, *folders(tmp_path)),
        before=unprivileged,
    )
    assert process.returncode == 1
    assert only_line(process) == (
        f"Error: {folder}/train-images-idx3-ubyte.gz is missing or damaged and cannot be written (Permission denied); "
        "make the folder writable or name another with --data-dir"
    )
    assert list((tmp_path / "runs").iterdir()) == []


def test_read_only_data_will_do_and_so_will_a_temporary_folder_on_another_device(
    script, unprivileged, sealed, small_disk, tmp_path
):
    shutil.copytree(PROJECT / "MNIST_data", tmp_path / "data")
    data, elsewhere = sealed("data"), small_disk("24m")
    assert elsewhere.stat().st_dev != tmp_path.stat().st_dev  # a file made there could not be renamed into a run
    process = script(
        *("MNIST_train.py", *QUICK, "--data-dir", data, *folders(tmp_path)), before=unprivileged, TMPDIR=str(elsewhere)
    )
    assert (process.returncode, process.stderr) == (0, "")
    (run,) = runs_in(tmp_path)
    assert run.record.status == "finished"
    assert newest_valid_state(run)[0].epoch == 2


def test_read_only_runs_can_be_reported_and_say_why_they_are_neither_scored_nor_resumed(
    script, unprivileged, sealed, trained, tmp_path
):
    shutil.copytree(trained / "runs", tmp_path / "runs")
    run = runs_in(tmp_path)[0]
    run.record.status = "interrupted"
    run.save_record()
    sealed(f"runs/{run.name}")
    process = script("MNIST_train.py", "--resume", *folders(tmp_path), before=unprivileged)
    assert process.returncode == 2
    assert only_line(process).startswith(f"Error: nothing is left to resume: {run.name} cannot be written (Permission ")

    sealed("runs")
    process = script("MNIST_eval.py", *folders(tmp_path), before=unprivileged)
    assert process.returncode == 1
    assert only_line(process).startswith(f"Error: {runs_in(tmp_path)[1].path} cannot be written (Permission denied); ")
    output = ("--output-dir", tmp_path / "out")
    process = script("for_report/make_report.py", *folders(tmp_path), *output, before=unprivileged)
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.splitlines()[-1].startswith("Runs: 2, studies: ")


def test_diverged_preset_is_recorded_as_numbers_and_the_sweep_goes_on(script, tmp_path):
    wild = (
        'PRESETS[138] = Preset(hidden_sizes=(8,), activation="linear", optimizer="sgd", learning_rate=1e20, epochs=3)'
    )
    project = project_with(tmp_path / "project", f"{wild}\nPRESETS[139] = PRESETS[138].but(learning_rate=0.1)")
    process = script("MNIST_train.py", "--presets", "138,139", "--workers", 1, *folders(tmp_path), cwd=project)
    assert (process.returncode, process.stderr) == (0, "")
    assert "diverged: loss is NaN or infinite" in process.stdout
    diverged, finished = runs_in(tmp_path)
    assert [run.record.status for run in (diverged, finished)] == ["diverged", "finished"]
    assert [len(run.record.epochs) for run in (diverged, finished)] == [1, 3]
    assert not math.isfinite(diverged.record.epochs[0]["train"]["loss"])
    row, *others = read_table(tmp_path / "INFOS" / "training_log.txt", TRAINING_LOG_COLUMNS)
    assert (row["run"], len(others)) == (diverged.name, 3)
    assert not math.isfinite(float(row["train_loss"]))
    rows = read_table(tmp_path / "INFOS" / "overral_info.txt", OVERALL_COLUMNS)
    assert [row["status"] for row in rows] == ["diverged", "finished"]
    shown = EventAccumulator(str(diverged.summaries / "train"), size_guidance={"tensors": 0})
    shown.Reload()
    (event,) = shown.Tensors("loss")
    assert not math.isfinite(make_ndarray(event.tensor_proto))


def test_two_trainers_at_once_have_runs_of_their_own_and_whole_rows(tmp_path):
    command = [sys.executable, "MNIST_train.py", *QUICK, *folders(tmp_path)]
    processes = [subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.PIPE) for _ in range(2)]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    names = [run.name for run in runs_in(tmp_path)]
    assert len(set(names)) == 2
    rows = read_table(tmp_path / "INFOS" / "training_log.txt", TRAINING_LOG_COLUMNS)
    assert sorted((row["run"], row["epoch"]) for row in rows) == [(name, epoch) for name in names for epoch in "12"]
    assert all(None not in row.values() for row in rows)


def test_evaluation_while_training_writes_reads_what_is_whole(script, tmp_path, trained):
    shutil.copytree(trained / "runs", tmp_path / "runs")
    command = [sys.executable, "MNIST_train.py", "--presets", "8", "--epochs", "30", *folders(tmp_path)]
    trainer = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    for line in trainer.stdout:
        if "  epoch " in line:
            break
    process = script("MNIST_eval.py", *folders(tmp_path))
    trainer.kill()
    trainer.communicate()
    assert (process.returncode, process.stderr) == (0, "")
    assert "its status is running, not finished" in process.stdout
    assert len(read_table(tmp_path / "INFOS" / "eval_log.txt", EVAL_COLUMNS)) == 2


def test_evaluations_and_reports_at_once_lose_no_row(tmp_path, trained):
    shutil.copytree(trained / "runs", tmp_path / "runs")
    names = [run.name for run in runs_in(tmp_path)]
    reports = [("for_report/make_report.py", "--output-dir", tmp_path / "out")] * 2
    processes = [
        subprocess.Popen([sys.executable, *map(str, command), *folders(tmp_path)], cwd=PROJECT, stderr=subprocess.PIPE)
        for command in (*(("MNIST_eval.py", name) for name in names), *reports)
    ]
    assert [(process.communicate()[1], process.returncode) for process in processes] == [(b"", 0)] * 4
    assert [row["run"] for row in read_table(tmp_path / "INFOS" / "eval_log.txt", EVAL_COLUMNS)] == sorted(names)


def shown_by_tensorboard(runs_dir: Path, names: list[str]) -> list[list]:
    """Returns the accuracy's [time, step, value] points of runs, from a tensorboard_run.py that only listens here."""
    with socket.socket() as unused:
        unused.bind(("localhost", 0))
        port = str(unused.getsockname()[1])
    command = [sys.executable, "tensorboard_run.py", "--no-browser", "--port", port, "--runs-dir", str(runs_dir)]
    address = f"http://localhost:{port}/data/plugin/scalars/scalars_multirun"
    body = urllib.parse.urlencode({"tag": "accuracy", "runs": names}, doseq=True).encode()
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline().startswith(f"TensorBoard is at http://localhost:{port}/")
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


def test_damaged_event_files_and_hostile_names_are_shown_for_what_they_are(script, tmp_path, evaluated):
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

    shown = shown_by_tensorboard(tmp_path / "runs", [f"{run.name}/summaries/dev" for run in (cut, flipped)])
    for run, points in zip((cut, flipped), shown, strict=True):  # an event an epoch, of which the last is damaged
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
    """Makes a file when unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


def test_nothing_of_a_hostile_run_is_executed(script, tmp_path, trained):
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
        run.record.best_checkpoint_sha256 = sha256_of(content)  # a stranger knows how to hash
        run.save_record()
    process = script("MNIST_eval.py", *folders(tmp_path))
    assert process.returncode == 0, process.stderr
    assert f"Skipped {first.name}: its " in process.stdout
    (row,) = read_table(tmp_path / "INFOS" / "eval_log.txt", EVAL_COLUMNS)
    assert row["run"] == second.name  # only its weights were read, into a network of the record's preset
    assert float(row["test_accuracy"]) > 0.8
    assert not target.exists()
    assert not list(tmp_path.rglob("outside"))


def test_decompression_bombs_are_not_unpacked(script, tmp_path, trained):
    shutil.copytree(trained / "runs", tmp_path / "runs")
    first, second = runs_in(tmp_path)
    with zipfile.ZipFile(first.best_checkpoint, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.weights.h5", bytes(300 << 20))
    first.record.best_checkpoint_sha256 = sha256_of(first.best_checkpoint.read_bytes())
    first.save_record()
    np.savez_compressed(second.path / "test_predictions.npz", predicted=np.zeros(100 << 20, np.uint8))
    with pytest.raises(InvalidRun, match="larger than predictions can be"):
        TestPredictions.load(second.path)
    process = script("MNIST_eval.py", *folders(tmp_path))
    assert f"Skipped {first.name}: its epoch_0" in process.stdout
    assert "is larger than a checkpoint of its preset can be" in process.stdout


def test_hostile_states_are_refused_before_they_take_memory(tmp_path, trained):
    shutil.copytree(trained / "runs", tmp_path / "runs")
    run = runs_in(tmp_path)[0]
    newest = max(run.states.iterdir())
    whole = {path.name: path.read_bytes() for path in newest.iterdir()}

    def refusal_of(**changes: bytes) -> str:
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

    assert "not a valid saved state" in refusal_of(state__safetensors=(1 << 62).to_bytes(8, "little") + b"{}")
    assert "not a valid saved state" in refusal_of(state__safetensors=pickle.dumps(Bomb(tmp_path / "executed")))
    assert "do not have the preset's shape" in refusal_of(state__safetensors=save({"weight_000": np.zeros((3, 3))}))
    assert "larger than a state" in refusal_of(state__safetensors=bytes(100 << 20))
    assert not (tmp_path / "executed").exists()


def test_tensorboard_is_for_this_machine_unless_asked_and_then_warns(tmp_path, script, trained):
    command = [sys.executable, "tensorboard_run.py", "--no-browser", "--host", "127.0.0.1", "--port", "7123"]
    process = subprocess.Popen(
        [*command, "--runs-dir", str(trained / "runs")], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    line = process.stdout.readline()
    process.terminate()
    process.communicate()
    assert line.startswith("Warning: anyone who can reach 127.0.0.1 can see all runs")
    refused = script("tensorboard_run.py", "--host", "no.such.host.invalid", "--runs-dir", trained / "runs")
    assert refused.returncode == 2
    assert only_line(refused).startswith("Error: --host no.such.host.invalid is no address of this machine")
