"""Tests that the number of threads belongs to a run: chosen, recorded, used again, and deciding its bits."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mnist_mlp.runs.record import RunRecord, RunStatus
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.sweep.plan import plan_new_runs
from tests.helpers import TINY, Script, folders, results, runs_in
from tests.sweep.resuming import rewrite_records

ONE_RUN = ("--presets", "8", "--epochs", "2")
SEVERAL_RUNS = ("--presets", "1,8", "--epochs", "2", "--workers", "2")


def trained_with(script: Script, folder: Path, *options: object) -> dict[tuple[int, int], tuple]:
    process = script("MNIST_train.py", *options, "--quiet", *folders(folder))
    assert (process.returncode, process.stderr) == (0, "")
    return results(folder)


def threads_in(folder: Path) -> set[int]:
    return {run.record.threads for run in runs_in(folder)}


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.usefixtures("one_cluster_at_a_time")
def test_same_threads_give_same_bits_everywhere(script, tmp_path, threads):
    options = ("--threads", threads)
    alone = trained_with(script, tmp_path / "alone", *ONE_RUN, *options)
    in_sweep = trained_with(script, tmp_path / "sweep", *SEVERAL_RUNS, *options)
    assert in_sweep[8, 1602] == alone[8, 1602]
    where = ["alone", "sweep"]
    if shutil.which("ray"):
        assert trained_with(script, tmp_path / "ray", *ONE_RUN, *options, "--engine", "ray") == alone
        where.append("ray")
    assert [threads_in(tmp_path / name) for name in where] == [{threads}] * len(where)


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
def test_resume_uses_the_threads_of_the_run(script, interrupted, tmp_path, threads):
    shutil.copytree(interrupted, tmp_path, dirs_exist_ok=True)
    (run,) = runs_in(tmp_path)
    rewrite_records(run, lambda record: setattr(record, "threads", threads))
    process = script("MNIST_train.py", "--resume", *folders(tmp_path))
    assert (process.returncode, process.stderr) == (0, "")
    assert f", {threads} thread" in process.stdout
    assert threads_in(tmp_path) == {threads}


def test_skip_done_ignores_threads(tmp_path):
    record = RunRecord(7, TINY, 1602, RunStatus.FINISHED, finished="2026-01-01T00:00:00+00:00", threads=1)
    RunFolder.create(tmp_path / "runs", 1790000000, record).release()
    assert plan_new_runs({7: TINY}, [1602], skip_done_in=tmp_path / "runs", threads=2).jobs == []
    (job,) = plan_new_runs({7: TINY}, [1603], skip_done_in=tmp_path / "runs", threads=2).jobs
    assert job.threads == 2


def test_record_without_threads_has_two(tmp_path):
    text = RunRecord(7, TINY, 1602, threads=1).to_json()
    assert RunRecord.from_json(text).threads == 1
    assert RunRecord.from_json(text.replace(' "threads": 1,\n', "")).threads == 2
