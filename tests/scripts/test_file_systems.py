"""Tests the scripts on file systems without locks or links, on full ones, and with runs that contain symbolic links."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from mnist_mlp.errors import UsageError, WorkFailed
from mnist_mlp.runs.info_tables import OVERALL_COLUMNS, TRAINING_LOG_COLUMNS
from mnist_mlp.runs.run_folder import find_runs
from mnist_mlp.runs.text_table import read_table
from mnist_mlp.sweep.jobs import Ended, EpochDone, Event, Job, JobSource, Started
from mnist_mlp.sweep.resume import unfinished_runs
from mnist_mlp.sweep.signals import Interruption
from tests.helpers import PROJECT, TINY, folders, made_up_result, only_line, results, runs_in

pytestmark = pytest.mark.slow

QUICK = ("MNIST_train.py", "--presets", "8", "--epochs", "2", "--quiet", "--threads", "1")
WITHOUT_LOCKS = [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP]


@pytest.fixture(scope="session")
def faulty_disk(made_once) -> Callable[..., dict[str, str]]:
    """Environment in which a directory has limits: faulty_disk(folder, locks=errno.ENOLCK). See faulty_disk.c."""

    def compile_into(folder: Path) -> None:
        if not sys.platform.startswith("linux") or not shutil.which("gcc"):
            pytest.skip("needs Linux and gcc")
        source = Path(__file__).with_name("faulty_disk.c")
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", folder / "faulty_disk.so", source, "-ldl"], check=True)

    library = made_once("faulty_disk", compile_into) / "faulty_disk.so"

    def environment(folder: Path, **limits: int) -> dict[str, str]:
        settings = {f"FAULTY_{name.upper()}": str(value) for name, value in limits.items()}
        return {"LD_PRELOAD": str(library), "FAULTY_DISK": str(folder), **settings}

    return environment


def names_of(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.parametrize("code", WITHOUT_LOCKS, ids=errno.errorcode.get)
def test_scripts_work_without_file_locks_and_links(script, faulty_disk, tmp_path, trained, code):
    limits = faulty_disk(tmp_path, locks=code, links=errno.EPERM)
    process = script(*QUICK, *folders(tmp_path), **limits)
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")
    assert results(tmp_path)[8, 1602] == results(trained)[8, 1602]
    for command in (("MNIST_eval.py",), ("for_report/make_report.py", "--output-dir", tmp_path / "out")):
        process = script(*command, *folders(tmp_path), **limits)
        assert (process.returncode, process.stderr) == (0, "")
    assert [name for name in names_of(tmp_path) if name.endswith((".held", ".lock"))] == []


def test_killed_sweep_without_file_locks_can_be_resumed(script, faulty_disk, tmp_path):
    limits = faulty_disk(tmp_path, locks=errno.ENOLCK)
    command = [sys.executable, *QUICK[:3], "--epochs", "400", *folders(tmp_path)]
    trainer = subprocess.Popen(command, cwd=PROJECT, env={**os.environ, **limits}, stdout=subprocess.PIPE, text=True)
    for line in trainer.stdout:
        if "  epoch " in line:
            break
    (run,) = runs_in(tmp_path)
    mark = run.path / ".lock.held"
    process = script("MNIST_train.py", "--resume", *folders(tmp_path), **limits)
    assert process.returncode == 2
    assert only_line(process).startswith(
        f"Error: no run can be resumed: {run.name} is being trained by process {trainer.pid} on "
    )
    assert only_line(process).endswith(f"; if that process has ended, delete {mark}")
    trainer.kill()
    trainer.communicate()
    elsewhere = mark.read_text().splitlines()
    elsewhere[1] = "another-machine"

    for name in (run.path / "record.json", *run.states.rglob("record.json")):
        assert name.exists()
    mark.write_text("\n".join(elsewhere) + "\n")
    process = script("MNIST_train.py", "--resume", *folders(tmp_path), **limits)
    assert process.returncode == 2
    assert only_line(process).endswith(f"; if that process has ended, delete {mark}")
    elsewhere[1] = os.uname().nodename
    mark.write_text("\n".join(elsewhere) + "\n")
    resumed = subprocess.Popen(
        [sys.executable, "MNIST_train.py", "--resume", *folders(tmp_path)],
        cwd=PROJECT,
        env={**os.environ, **limits},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert any(", resuming " in line for line in resumed.stdout)
    resumed.kill()


APPEND = """
import sys
from pathlib import Path
from mnist_mlp.runs.text_table import AppendedTable
table = AppendedTable(Path(sys.argv[1]), ["writer", "row"])
for row in range(30):
    table.append({"writer": sys.argv[2], "row": row})
"""


def test_parallel_writers_without_file_locks_lose_no_rows(faulty_disk, tmp_path):
    environment = {**os.environ, **faulty_disk(tmp_path, locks=errno.EOPNOTSUPP)}
    writers = [
        subprocess.Popen([sys.executable, "-c", APPEND, tmp_path / "table.txt", writer], cwd=PROJECT, env=environment)
        for writer in "abcd"
    ]
    assert [writer.wait(timeout=120) for writer in writers] == [0] * 4
    rows = read_table(tmp_path / "table.txt", ["writer", "row"])
    assert Counter(row["writer"] for row in rows) == dict.fromkeys("abcd", 30)
    assert names_of(tmp_path) == ["table.txt"]


def test_no_two_files_differ_only_in_case(evaluated):
    tracked = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True).stdout.splitlines()
    for names in (tracked, names_of(evaluated)):
        assert [name for name, number in Counter(map(str.casefold, names)).items() if number > 1] == []


class Recorded:
    """An engine that yields made-up results of three epochs."""

    canceled: Job | None = None

    def run(self, source: JobSource) -> Iterator[Event]:
        for job in source:
            yield Started(job, 1)
            for epoch in range(job.resume_from.epoch + 1 if job.resume_from else 1, 4):
                if self.canceled is not job:
                    yield EpochDone(job, made_up_result(epoch, accuracy=epoch / 10))
            yield Ended(job, canceled=self.canceled is job)

    def cancel(self, job: Job) -> None:
        self.canceled = job

    def close(self) -> None:
        pass


class Unwatched:
    """Ignores what happens in a sweep."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments: None


def sweep(folder: Path, jobs: list[Job]) -> None:
    from mnist_mlp.sweep.sweep import run_sweep  # imports TensorFlow

    interruption = Interruption(lambda *arguments: None, lambda *arguments: None)
    run_sweep(jobs, Recorded(), folder / "runs", folder / "INFOS", Unwatched(), interruption)


def fill_and_resume(base: Path, first: int, step: int) -> None:
    """Runs in a process with faulty_disk.c: trains with every possible number of writes before the disk is full."""
    disk = ctypes.CDLL(None)
    operations = first
    while True:
        folder = base / str(operations)
        (folder / "runs").mkdir(parents=True)
        (folder / "INFOS").mkdir()
        disk.fail_at(operations, errno.ENOSPC)
        try:
            sweep(folder, [Job(7, TINY, 1602)])
        except (UsageError, WorkFailed) as error:
            assert "free up disk space" in str(error), error
        was_full = disk.operations() > operations
        disk.fail_at(-1, 0)
        require_resumable(folder, operations)
        if not was_full:
            print(f"{operations} operations", flush=True)
            return
        shutil.rmtree(folder)
        operations += step


def require_resumable(folder: Path, operations: int) -> None:
    unfinished = unfinished_runs(folder / "runs", {7: TINY}, None)
    assert (unfinished.warnings, unfinished.rejected, unfinished.lost) == ([], [], []), operations
    for job in unfinished.jobs:
        assert not job.run.record.reason
    sweep(folder, unfinished.jobs or ([] if list((folder / "runs").iterdir()) else [Job(7, TINY, 1602)]))
    (run,) = find_runs(folder / "runs").runs
    assert (run.record.status, len(run.record.epochs), run.record.best_epoch) == ("finished", 3, 3), operations
    rows = read_table(folder / "INFOS" / "training_log.txt", TRAINING_LOG_COLUMNS)
    assert [row["epoch"] for row in rows] == ["1", "2", "3"], operations
    assert len(read_table(folder / "INFOS" / "overral_info.txt", OVERALL_COLUMNS)) == 1, operations
    hidden = {name for name in names_of(folder) if Path(name).name.startswith(".")}
    assert {Path(name).name for name in hidden} <= {
        ".lock",
        ".owner",
        ".training_log.txt.lock",
        ".overral_info.txt.lock",
    }
    for name in ("train", "dev"):
        assert logged_losses(run.summaries / name) == [1, 2, 3], operations


def logged_losses(folder: Path) -> list[int]:
    """Returns the steps of the loss in all event files."""
    events = (event for path in folder.iterdir() for event in EventFileLoader(str(path)).Load())
    return sorted(event.step for event in events for value in event.summary.value if value.tag == "loss")


def test_run_can_be_resumed_wherever_the_disk_was_full(faulty_disk, tmp_path):
    command = f"from tests.scripts.test_file_systems import *; fill_and_resume(Path({str(tmp_path)!r}), 0, 3)"
    environment = {**os.environ, **faulty_disk(tmp_path)}
    process = subprocess.run(
        [sys.executable, "-c", command], cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=280
    )
    assert process.returncode == 0, process.stderr[-3000:]
    assert int(process.stdout.split()[0]) > 50


@pytest.mark.parametrize("space", [0, 4, 9, 30])
def test_evaluation_and_report_on_full_disk_fail_in_one_line(script, faulty_disk, evaluated, tmp_path, space):
    for name in ("runs", "INFOS"):
        shutil.copytree(evaluated / name, tmp_path / name)
    output = ("--output-dir", tmp_path / "out")
    full = faulty_disk(tmp_path, space=space)
    failures = 0
    for command in (("MNIST_eval.py",), ("for_report/make_report.py", *output)):
        before = set(names_of(tmp_path))
        process = script(*command, *folders(tmp_path), **full)
        if process.returncode == 0:
            continue
        failures += 1
        assert process.returncode in (1, 2)
        assert only_line(process).startswith("Error: ")
        assert "(No space left on device); free up disk space" in only_line(process)
        assert [name for name in set(names_of(tmp_path)) - before if "/." in name and not name.endswith(".lock")] == []
        process = script(*command, *folders(tmp_path))
        assert (process.returncode, process.stderr) == (0, "")
    assert failures


@pytest.mark.parametrize("free", [4, 12, 20])
def test_disk_without_free_inodes_is_reported_as_such(script, small_disk, free):
    folder = small_disk(f"64m,nr_inodes={free}")
    process = script(*QUICK, *folders(folder))
    assert process.returncode in (1, 2)
    assert "No space left on device" in only_line(process)
    assert "delete some files: this file system limits their number" in only_line(process)


def test_limit_on_size_of_files_is_reported_as_such(script, tmp_path):
    process = script(*QUICK, *folders(tmp_path), before=["prlimit", "--fsize=200000"])
    assert process.returncode == 1
    assert "File too large" in only_line(process)
    assert "raise the limit on the size of files (ulimit -f)" in only_line(process)
    process = script("MNIST_train.py", "--resume", "--quiet", *folders(tmp_path))
    assert (process.returncode, process.stderr) == (0, "")


def test_read_only_file_system_is_reported_as_such(script, small_disk, tmp_path):
    folder = small_disk("24m")
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    process = script(*QUICK, *folders(folder))
    assert process.returncode == 2
    assert only_line(process) == (
        f"Error: cannot write to {folder / 'runs'} (Read-only file system); make the file system writable, "
        "or choose another directory with --runs-dir"
    )


def test_file_with_name_of_directory_is_reported_as_such(script, tmp_path):
    (tmp_path / "mine").write_text("mine")
    for option, folder in (("--runs-dir", "mine"), ("--info-dir", "mine/INFOS"), ("--data-dir", "mine")):
        process = script(*QUICK, *folders(tmp_path), option, tmp_path / folder)
        assert process.returncode in (1, 2)
        assert "rename the file that has the name of a directory, or choose another directory" in only_line(process)
        assert option in only_line(process)
    assert (tmp_path / "mine").read_text() == "mine"


LINKS = (
    *(".owner", ".lock", "record.json", "states", "checkpoints", "summaries", "best_model.keras"),
    *("summaries/dev", "checkpoints/.best_model.keras", "test_predictions.npz"),
)


@pytest.mark.parametrize("name", LINKS)
def test_run_with_symbolic_link_is_skipped_and_nothing_is_written(script, trained, tmp_path, name):
    shutil.copytree(trained / "runs", tmp_path / "runs")
    run = runs_in(tmp_path)[0]
    run.record.status = "interrupted"
    run.save_record()
    victim, link = tmp_path / "victim", run.path / name
    if link.exists():
        link.rename(victim)
    elif name == "states":
        victim.mkdir()
    else:
        victim.write_text("mine")
    link.symlink_to(victim)
    before = {path: path.read_bytes() for path in (victim, *victim.rglob("*")) if path.is_file()}
    reason = f"its {name} is a symbolic link, pipe or device; replace it with a file or directory"
    process = script("MNIST_train.py", "--resume", *folders(tmp_path))
    assert process.returncode == 0
    assert only_line(process) == f"Warning: skipped {run.name}: {reason}"
    if name in (".owner", "summaries"):
        process = script("MNIST_eval.py", *folders(tmp_path))
        assert (process.returncode, process.stderr) == (0, "")
        assert f"Skipped {run.name}: {reason}" in process.stdout
    assert {path: path.read_bytes() for path in (victim, *victim.rglob("*")) if path.is_file()} == before


def test_pipe_in_run_does_not_block(script, trained, tmp_path):
    shutil.copytree(trained / "runs", tmp_path / "runs")
    run = runs_in(tmp_path)[0]
    (run.path / "record.json").unlink()
    os.mkfifo(run.path / "record.json")
    process = script("MNIST_train.py", "--resume", *folders(tmp_path))
    assert "its record.json is a symbolic link, pipe or device" in only_line(process)


def test_resumed_copy_with_hard_links_does_not_change_the_original(script, trained, tmp_path):
    shutil.copytree(trained / "runs", tmp_path / "original")
    run = sorted((tmp_path / "original").iterdir())[0]
    (run / ".owner").write_text("process 1 on another machine")
    (run / "record.json").write_text((run / "record.json").read_text().replace('"finished"', '"interrupted"', 1))
    shutil.copytree(tmp_path / "original", tmp_path / "runs", copy_function=os.link)
    before = {path: path.read_bytes() for path in (tmp_path / "original").rglob("*") if path.is_file()}
    process = script("MNIST_train.py", "--resume", "--quiet", *folders(tmp_path))
    assert process.returncode in (0, 1)
    assert {path: path.read_bytes() for path in (tmp_path / "original").rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("command", ["MNIST_eval.py", "tensorboard_run.py", "for_report/make_report.py"])
def test_tilde_is_home_directory(script, tmp_path, command):
    process = script(command, "--runs-dir=~/runs", HOME=str(tmp_path))
    assert process.returncode == 2
    assert only_line(process).startswith(f"Error: runs directory {tmp_path / 'runs'} cannot be read")


def test_link_to_missing_directory_is_reported_as_such(script, tmp_path):
    (tmp_path / "runs").symlink_to(tmp_path / "unmounted" / "runs")
    advice = (
        f"the symbolic link {tmp_path / 'runs'} leads nowhere: make its target available, or remove the link, "
        "or choose another directory with --runs-dir"
    )
    for command in (QUICK, ("MNIST_eval.py",)):
        process = script(*command, *folders(tmp_path))
        assert process.returncode == 2
        assert only_line(process).endswith(advice)


WITHOUT_TEMPORARY = """
import runpy, sys, tempfile
tempfile._candidate_tempdir_list = lambda: ["/no such directory"]
sys.argv = sys.argv[1:]
sys.path.insert(0, "")
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize("command", [(*QUICK, "--workers", "1"), (*QUICK, "--repeats", "2"), ("MNIST_eval.py",)])
def test_missing_temporary_directory_is_reported_as_such(script, trained, tmp_path, command):
    shutil.copytree(trained / "runs", tmp_path / "runs")
    process = script("-c", WITHOUT_TEMPORARY, *command, *folders(tmp_path))
    assert process.returncode == 2
    assert only_line(process) == "Error: no directory for temporary files is writable; set TMPDIR to one that is"
