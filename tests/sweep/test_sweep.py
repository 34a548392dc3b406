"""Tests what a sweep records, with fake engines and with the real script."""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mnist_mlp.data.dataset import DATA_SETS, MNIST
from mnist_mlp.errors import WorkFailed
from mnist_mlp.runs.info_tables import OVERALL_COLUMNS, TRAINING_LOG_COLUMNS
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.runs.text_table import read_table
from mnist_mlp.sweep.jobs import NOT_NOW, Ended, EpochDone, Event, Job, JobFeed, JobSource, Retried, Started
from mnist_mlp.sweep.local_engine import InThisProcess
from mnist_mlp.sweep.signals import NOTHING_TRAINED, StoppedBySignal
from mnist_mlp.sweep.sweep import run_sweep
from mnist_mlp.training import loop
from tests.helpers import PROJECT, TINY, folders, made_up_result, results, runs_in, start_sweep, wait_for, workers_of

FIRST, SECOND, THIRD = (Job(7, TINY, seed) for seed in (1, 2, 3))


class FakeEngine:
    """Yields the given events; takes a job from the source for each `Started`.

    Attributes:
        canceled: the canceled jobs.
        is_closed: whether the engine was closed.
    """

    def __init__(self, *events: Event) -> None:
        self._events = events
        self.canceled: list[Job] = []
        self.is_closed = False

    def run(self, source: JobSource) -> Iterator[Event]:
        feed = JobFeed(source)
        for event in self._events:
            if isinstance(event, Started) and feed.take() is not event.job:
                return
            yield event
        assert feed.take() is None

    def cancel(self, job: Job) -> None:
        self.canceled.append(job)

    def close(self) -> None:
        self.is_closed = True


class FakeInterruption:
    """Requests a stop after the given number of events, or never if the number is None."""

    signal_number = signal.SIGTERM

    def __init__(self, after: int | None = None, immediately: bool = False) -> None:
        self._after = after
        self._immediately = immediately
        self.requested = after == 0
        self.training_has_begun = False

    def training_begins(self) -> None:
        self.training_has_begun = True

    def interruptible(self, events: Iterator[Event]) -> Iterator[Event]:
        for number, event in enumerate(events, start=1):
            if number == self._after:
                self.requested = True
            yield event
            if self._immediately and self.requested:
                raise KeyboardInterrupt


class Log(list):
    """A watcher that logs its calls."""

    def run_started(self, job: Job, run: RunFolder) -> None:
        assert run.record.seed == job.seed
        self.append(("started", job.seed))

    def epoch_ended(self, run: RunFolder, result) -> None:
        self.append(("epoch", run.record.seed, result.epoch))

    def run_retried(self, run: RunFolder, reason: str) -> None:
        self.append(("retried", run.record.seed, reason))

    def run_ended(self, run: RunFolder) -> None:
        self.append((str(run.record.status), run.record.seed))


def epoch_done(job: Job, number: int) -> EpochDone:
    return EpochDone(job, made_up_result(number, number / 10))


def sweep(folder: Path, jobs, engine, log=None, interruption=None) -> list[RunFolder]:
    interruption = interruption or FakeInterruption()
    watcher = Log() if log is None else log
    runs = run_sweep(jobs, engine, folder / "runs", folder, watcher, interruption)
    assert interruption.training_has_begun
    return runs


def statuses(folder: Path) -> dict[int, tuple[str, int]]:
    """Returns (status, number of epochs) by seed, as stored on disk."""
    return {run.record.seed: (run.record.status, len(run.record.epochs)) for run in runs_in(folder)}


def test_interleaved_jobs_are_recorded_in_separate_runs(tmp_path):
    engine = FakeEngine(
        *(
            Started(FIRST, 1),
            Started(SECOND, 1),
            epoch_done(SECOND, 1),
            epoch_done(FIRST, 1),
            Retried(FIRST, "a reason"),
        ),
        *(epoch_done(FIRST, 2), Ended(FIRST), Started(THIRD, 1), Ended(SECOND, "it broke"), Ended(THIRD)),
    )
    log = Log()
    runs = sweep(tmp_path, [FIRST, SECOND, THIRD], engine, log)
    assert [(run.record.seed, run.record.status, run.record.reason) for run in runs] == [
        (1, "finished", ""),
        (2, "failed", "it broke"),
        (3, "finished", ""),
    ]
    assert statuses(tmp_path) == {1: ("finished", 2), 2: ("failed", 1), 3: ("finished", 0)}
    assert log == [
        *[("started", 1), ("started", 2), ("epoch", 2, 1), ("epoch", 1, 1), ("retried", 1, "a reason")],
        *[("epoch", 1, 2), ("finished", 1), ("started", 3), ("failed", 2), ("finished", 3)],
    ]
    assert engine.is_closed
    rows = read_table(tmp_path / "training_log.txt", TRAINING_LOG_COLUMNS)
    assert [(row["seed"], row["epoch"]) for row in rows] == [("2", "1"), ("1", "1"), ("1", "2")]
    assert [row["seed"] for row in read_table(tmp_path / "overral_info.txt", OVERALL_COLUMNS)] == ["1", "3"]


def test_source_can_return_not_now(tmp_path):
    def source():
        yield NOT_NOW
        yield FIRST

    class Engine(FakeEngine):
        def run(self, source):
            assert next(source) is NOT_NOW
            yield from super().run(source)

    sweep(tmp_path, source(), Engine(Started(FIRST, 1), epoch_done(FIRST, 1), Ended(FIRST)))
    assert statuses(tmp_path) == {1: ("finished", 1)}


def test_data_set_of_job_is_recorded(tmp_path):
    job = Job(7, TINY, 1, data_set=dataclasses.replace(MNIST, name="another"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(DATA_SETS, "another", job.data_set)
        (run,) = sweep(tmp_path, [job], FakeEngine(Started(job, 1), epoch_done(job, 1), Ended(job)))
    assert (run.record.data_set, run.record.status) == ("another", "finished")


def test_canceled_job_is_recorded_as_interrupted(tmp_path):
    sweep(tmp_path, [FIRST], FakeEngine(Started(FIRST, 1), epoch_done(FIRST, 1), Ended(FIRST, canceled=True)))
    assert statuses(tmp_path) == {1: ("interrupted", 1)}


@pytest.mark.parametrize("error", [RuntimeError("out of\nluck"), OSError(28, "No space left"), MemoryError()], ids=repr)
def test_failed_run_is_recorded_and_others_continue(tmp_path, monkeypatch, error):
    def train(preset, seed, data, resume_from):
        yield made_up_result(1, 0.5)
        if seed == 2:
            raise error
        yield made_up_result(2, 0.6)

    monkeypatch.setattr(loop, "train", train)
    sweep(tmp_path, [FIRST, SECOND, THIRD], InThisProcess(2, PROJECT / "MNIST_data"))
    assert statuses(tmp_path) == {1: ("finished", 2), 2: ("failed", 1), 3: ("finished", 2)}
    assert runs_in(tmp_path)[1].record.reason.startswith(type(error).__name__)


def test_job_with_unwritable_run_is_canceled_and_others_continue(tmp_path):
    class MovesFolder(Log):
        def epoch_ended(self, run, result):
            super().epoch_ended(run, result)
            if run.record.seed == 1 and result.epoch == 1:
                run.path.rename(tmp_path / "moved away")

    engine = FakeEngine(
        *(Started(FIRST, 1), Started(SECOND, 1), epoch_done(FIRST, 1), epoch_done(FIRST, 2), epoch_done(FIRST, 3)),
        *(epoch_done(SECOND, 1), Ended(SECOND), Ended(FIRST)),
    )
    log = MovesFolder()
    first, second = sweep(tmp_path, [FIRST, SECOND], engine, log)
    assert engine.canceled == [FIRST]
    assert (first.record.status, second.record.status) == ("failed", "finished")
    assert first.record.reason.startswith("FileNotFoundError: ")
    assert [entry for entry in log if entry[1] == 1] == [("started", 1), ("epoch", 1, 1), ("failed", 1)]


def test_sweep_fails_if_runs_directory_cannot_be_created(tmp_path):
    (tmp_path / "runs").write_text("in the way")
    with pytest.raises(WorkFailed, match=rf"cannot create a run directory in {tmp_path / 'runs'} \(Not a directory\)"):
        sweep(tmp_path, [FIRST], FakeEngine(Started(FIRST, 1)))


def test_interruption_stops_runs_after_their_epoch(tmp_path):
    events = (Started(FIRST, 1), Started(SECOND, 1), epoch_done(FIRST, 1), epoch_done(SECOND, 1), epoch_done(FIRST, 2))
    events += (epoch_done(SECOND, 2), epoch_done(FIRST, 3), epoch_done(SECOND, 3), Started(THIRD, 1))
    engine = FakeEngine(*events)
    with pytest.raises(StoppedBySignal, match=r"^Interrupted\. .* To resume: .* --resume$") as stop:
        sweep(tmp_path, [FIRST, SECOND, THIRD], engine, interruption=FakeInterruption(after=5))
    assert stop.value.exit_status == 128 + signal.SIGTERM
    assert statuses(tmp_path) == {1: ("interrupted", 2), 2: ("interrupted", 2)}
    assert engine.is_closed


def test_immediate_interruption_stops_all_runs(tmp_path):
    engine = FakeEngine(Started(FIRST, 1), Started(SECOND, 1), epoch_done(FIRST, 1), epoch_done(SECOND, 1))
    with pytest.raises(StoppedBySignal):
        sweep(tmp_path, [FIRST, SECOND], engine, interruption=FakeInterruption(after=3, immediately=True))
    assert statuses(tmp_path) == {1: ("interrupted", 1), 2: ("interrupted", 0)}
    assert engine.is_closed


def test_interruption_between_jobs_stops_the_sweep(tmp_path):
    """No job is running at that point, so no further event would end the sweep."""
    engine = FakeEngine(Started(FIRST, 1), epoch_done(FIRST, 1), Ended(FIRST), Started(SECOND, 1))
    with pytest.raises(StoppedBySignal):
        sweep(tmp_path, [FIRST, SECOND], engine, interruption=FakeInterruption(after=3))
    assert statuses(tmp_path) == {1: ("finished", 1)}


def test_interruption_before_first_run_leaves_no_run(tmp_path):
    with pytest.raises(StoppedBySignal, match=f"^{NOTHING_TRAINED}$"):
        sweep(tmp_path, [FIRST], InThisProcess(2, PROJECT / "MNIST_data"), interruption=FakeInterruption(after=0))
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_results_do_not_depend_on_number_of_workers(script, trained, tmp_path):
    # `trained` also contains seed 1602. Here, a worker trains that seed after another one.
    chosen = ["--presets", "8", "--epochs", 2, "--seed", 1600, "--repeats", 3, "--workers", 2, "--threads", 1]
    process = script("MNIST_train.py", "--quiet", *chosen, *folders(tmp_path))
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")
    assert len(read_table(tmp_path / "INFOS" / "overral_info.txt", OVERALL_COLUMNS)) == 3
    by_two, by_one = results(tmp_path), results(trained)
    assert set(by_two) == {(8, 1600), (8, 1601), (8, 1602)}
    assert by_two[8, 1602] == by_one[8, 1602]

    process = script("MNIST_eval.py", *folders(tmp_path))
    assert re.findall(r"^ +(\d+) +3 +\d\d\.\d\d% +\d+\.\d\d to \d+\.\d\d% ", process.stdout, re.M) != []
    assert "mean test accuracy" in process.stdout


@pytest.mark.slow
def test_run_of_killed_worker_goes_on(script, tmp_path):
    process = start_sweep(tmp_path, "--presets", "1", "--repeats", "2", "--epochs", "12")
    wait_for(process, "(1 of 2)", "(2 of 2)", "epoch  2/12")
    workers_of(process)[0].kill()
    output, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")
    reason = "killed, probably because memory ran out; workers from now on: 1"
    assert f"Preset 1, seed 1602: worker lost ({reason}); resuming after epoch " in output
    assert {run.record.status for run in runs_in(tmp_path)} == {"finished"}
    undisturbed = ("--presets", 1, "--repeats", 2, "--epochs", 12, "--threads", 1, "--quiet")
    assert script("MNIST_train.py", *undisturbed, *folders(tmp_path / "other")).returncode == 0
    assert results(tmp_path) == results(tmp_path / "other")


def train_in_group(group: Path, folder: Path, *options: str) -> str:
    """Trains in a control group. Returns the output."""
    join = f"import os; open({str(group / 'cgroup.procs')!r}, 'w').write(str(os.getpid()))"
    code = f"{join}; import runpy; runpy.run_path('MNIST_train.py', run_name='__main__')"
    command = [sys.executable, "-c", code, *options, *folders(folder)]
    process = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=280)
    assert (process.returncode, process.stderr) == (0, "")
    assert {run.record.status for run in runs_in(folder)} == {"finished"}
    return process.stdout


@pytest.mark.slow
def test_sweep_in_too_little_memory_goes_on_with_fewer_workers(real_group, tmp_path):
    """Three workers need about 2 GiB. The system kills some of them, and the others train all runs."""
    options = ("--presets", "54", "--repeats", "3", "--epochs", "2", "--workers", "3")
    output = train_in_group(real_group(1300), tmp_path, *options)
    assert "worker lost (killed, because memory ran out; workers from now on: 2)" in output
    assert len(runs_in(tmp_path)) == 3


@pytest.mark.slow
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two cores")
def test_fewer_workers_are_started_in_little_memory(real_group, tmp_path):
    output = train_in_group(real_group(1300), tmp_path, "--presets", "54", "--repeats", "2", "--epochs", "1")
    note = r"Training 1 of 2 runs at the same time: 2 need about 1\.\d GiB of memory, and 1\.\d GiB is available\. "
    assert re.search(note, output)
