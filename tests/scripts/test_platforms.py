"""Tests the scripts without the modules and functions that Python lacks on Windows, and with errors of Windows."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mnist_mlp import commands
from mnist_mlp.disk import disk_errors, files
from mnist_mlp.disk.files import write_text_atomically
from mnist_mlp.sweep import local_engine
from tests.helpers import PROJECT, folders, results

SHARING_VIOLATION, PATH_NOT_FOUND = 32, 3


@pytest.fixture
def without_posix(tmp_path: Path) -> dict[str, str]:
    """Environment in which Python lacks what it lacks on Windows."""
    folder = tmp_path / "site"
    folder.mkdir()
    shutil.copy(Path(__file__).with_name("without_posix.py"), folder / "sitecustomize.py")
    return {"PYTHONPATH": str(folder)}


def windows_error(number: int) -> PermissionError:
    error = PermissionError(13, "The process cannot access the file")
    error.winerror = number
    return error


def test_posix_only_modules_and_functions_are_missing(script, without_posix):
    process = script("-c", "import fcntl", **without_posix)
    assert process.stderr.splitlines()[-1] == "ModuleNotFoundError: No module named 'fcntl'"
    code = "import os, signal; print(hasattr(os, 'statvfs'), hasattr(signal, 'SIGHUP'))"
    assert script("-c", code, **without_posix).stdout == "False False\n"


@pytest.mark.slow
def test_scripts_work_without_posix(script, without_posix, tmp_path, trained):
    command = ("--presets", "1,8", "--epochs", "2", "--workers", "2", "--threads", "1", "--quiet", *folders(tmp_path))
    process = script("MNIST_train.py", *command, **without_posix)
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")
    assert results(tmp_path) == results(trained)
    for line in (["MNIST_eval.py"], ["for_report/make_report.py", "--output-dir", tmp_path / "report"]):
        process = script(*line, *folders(tmp_path), **without_posix)
        assert (process.returncode, process.stderr) == (0, "")
    assert (tmp_path / "report" / "report.html").exists()


@pytest.mark.slow
def test_ctrl_c_ends_tensorboard_without_posix(without_posix, trained):
    server = subprocess.Popen(
        [sys.executable, "tensorboard_run.py", "--no-browser", *folders(trained)[:2]],
        cwd=PROJECT,
        env={**os.environ, **without_posix},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert "TensorBoard is running at http://localhost:" in next(line for line in server.stdout if "running" in line)
    server.send_signal(signal.SIGINT)
    assert server.communicate(timeout=60)[1] == ""
    assert server.returncode == 0


def test_file_that_another_program_has_open_is_replaced_once_it_is_closed(monkeypatch, tmp_path):
    refusals = [windows_error(SHARING_VIOLATION), windows_error(SHARING_VIOLATION)]
    replace = os.replace

    def replace_when_closed(source: Path, target: Path) -> None:
        if refusals:
            raise refusals.pop()
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", replace_when_closed)
    write_text_atomically(tmp_path / "record.json", "new")
    assert (tmp_path / "record.json").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["record.json"]


def test_file_that_stays_open_is_an_error(monkeypatch, tmp_path):
    def refuse(source: Path, target: Path) -> None:
        raise windows_error(SHARING_VIOLATION)

    monkeypatch.setattr(files.os, "replace", refuse)
    monkeypatch.setattr(files, "SECONDS_UNTIL_CLOSED", 0.1)
    (tmp_path / "record.json").write_text("old")
    with pytest.raises(PermissionError) as raised:
        write_text_atomically(tmp_path / "record.json", "new")
    assert (tmp_path / "record.json").read_text() == "old"
    remedy = disk_errors.remedy(raised.value, tmp_path)
    assert remedy == "close any program that uses it, or change its permissions"


@pytest.mark.parametrize(
    ("length", "remedy"), [(300, "use a shorter path"), (20, "check whether it was moved or deleted")]
)
def test_windows_reports_long_path_as_missing(length, remedy):
    error = FileNotFoundError(2, "The system cannot find the path specified")
    error.winerror = PATH_NOT_FOUND
    assert disk_errors.remedy(error, Path("/" + "a" * length)) == remedy


def test_folder_is_quoted_as_windows_needs_it(monkeypatch, tmp_path):
    monkeypatch.setattr(commands.sys, "platform", "win32")
    line = commands.command("MNIST_eval.py", runs_dir=tmp_path / "my runs")
    assert line.endswith(f' --runs-dir "{tmp_path}/my runs"')


def test_ctrl_c_does_not_end_a_wait_for_workers_on_windows(monkeypatch):
    ours, theirs = multiprocessing.Pipe()
    theirs.send("a result")
    wait, interruptions = local_engine.wait, [InterruptedError(4, "Interrupted system call")]

    def interrupted_wait(connections: list) -> list:
        if interruptions:
            raise interruptions.pop()
        return wait(connections)

    monkeypatch.setattr(local_engine, "wait", interrupted_wait)
    assert local_engine._wait([ours]) == [ours]
