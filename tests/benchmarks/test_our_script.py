"""Tests how our own trainings are timed: by their records, in any version of the project."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from benchmarks.contender import TurnFailed
from benchmarks.network import Network
from benchmarks.our_script import Epochs, FirstEpoch, Training, WatchedRun, WholeCommand
from mnist_mlp.commands import PROJECT

# Stands for another version of the project. It prints epochs before it records them, and ends as it is told.
SCRIPT = """
import argparse, json, os, sys, time
from pathlib import Path

parser = argparse.ArgumentParser()
for option in ("--presets", "--runs-dir", "--info-dir", "--data-dir"):
    parser.add_argument(option)
parser.add_argument("--repeats", type=int, default=1)
parser.add_argument("--epochs", type=int, default=3)
options = parser.parse_args()
print("epoch 1", flush=True)
time.sleep(0.5)
for number in range(1, options.epochs + 1):
    for seed in range(options.repeats):
        folder = Path(options.runs_dir, f"{seed}_preset")
        folder.mkdir(parents=True, exist_ok=True)
        epochs = [{"validation": {"accuracy": n / 100}} for n in range(1, number + 1)]
        (folder / "new").write_text(json.dumps({"epochs": epochs, **RECORD}))
        os.replace(folder / "new", folder / "record.json")
    time.sleep(0.1)
END
"""


@pytest.fixture
def version(tmp_path):
    """Creates another version of the project: version(end="sys.exit(1)") -> its directory."""

    def create(end: str = "", **record: object) -> Path:
        (tmp_path / "MNIST_train.py").write_text(SCRIPT.replace("RECORD", repr(record)).replace("END", end))
        return tmp_path

    return create


@pytest.fixture
def started(monkeypatch) -> list[psutil.Process]:
    """The processes of all trainings."""
    processes = []
    begin = Training.__init__

    def begin_and_remember(self, *arguments) -> None:
        begin(self, *arguments)
        processes.append(psutil.Process(self._process.pid))

    monkeypatch.setattr(Training, "__init__", begin_and_remember)
    return processes


def test_first_epoch_counts_when_it_is_recorded_and_not_when_it_is_printed(version, started):
    turn = FirstEpoch("other", version("time.sleep(60)"), ("--presets", "1")).take_turn()
    assert turn.seconds >= 0.5
    assert not started[0].is_running()


def test_whole_command_lasts_until_its_process_ends(version):
    command = WholeCommand("other", version("time.sleep(1)"), ("--presets", "1", "--epochs", "2"))
    assert command.take_turn().seconds >= 0.5 + 2 * 0.1 + 1


def test_epochs_are_those_of_all_runs_after_warm_up(version, started):
    turn = Epochs("other", version(threads=5), ("--presets", "1"), processes=2, epochs=3).take_turn()
    assert turn.seconds > 0
    assert (turn.threads, turn.validation_accuracy) == (5, 0.05)
    assert turn.megabytes > 0
    assert not started[0].is_running()


def test_seconds_begin_when_all_runs_are_warmed_up():
    contender = Epochs("other", PROJECT, (), processes=2, epochs=2)
    early, late = WatchedRun([10.0, 12.0, 15.0, 21.0, 22.5, 24.0]), WatchedRun([12.0, 20.0, 22.0])
    assert not contender.are_measured([early])
    assert not contender.are_measured([early, WatchedRun([12.0])])
    assert not contender.are_measured([early, late])
    late.epochs_at.append(24.0)
    assert contender.are_measured([early, late])
    assert contender.seconds_of([early, late]) == [3.0, 4.0]


def test_runs_that_train_one_after_the_other_are_not_measured():
    runs = [WatchedRun([1.0, 2.0, 3.0, 4.0]), WatchedRun([5.0, 6.0, 7.0, 8.0])]
    assert not Epochs("other", PROJECT, (), processes=2, epochs=1).are_measured(runs)


def test_version_that_does_not_record_its_threads_used_two(version):
    turn = Epochs("other", version(), ("--presets", "1"), processes=1, epochs=1).take_turn()
    assert turn.threads == 2


@pytest.mark.parametrize("kind", [FirstEpoch, WholeCommand])
def test_failed_training_is_reported_with_its_last_line(version, kind):
    end = "sys.exit('Error: no space left')"
    with pytest.raises(TurnFailed) as failed:
        kind("other", version(end), ("--presets", "1", "--epochs", "0")).take_turn()
    assert str(failed.value) == "Error: no space left"


def test_training_that_ends_before_its_epochs_is_reported(version, monkeypatch):
    monkeypatch.setattr(Epochs, "_options", lambda self: ["--epochs", "2"])
    with pytest.raises(TurnFailed, match="training ended too early"):
        Epochs("other", version(), ("--presets", "1"), processes=1, epochs=1).take_turn()


@pytest.mark.slow
def test_our_sweep_is_measured_through_its_command_line():
    network = Network(8, {"hidden_sizes": (5,), "dropout": 0.0})
    turn = Epochs("our sweep", PROJECT, network.options, processes=2, epochs=5).take_turn()
    assert turn.seconds > 0
    assert turn.threads >= 1
    assert turn.megabytes > 500  # two worker processes and the script
    assert 0.2 < turn.validation_accuracy <= 1
