"""Tests Ctrl-C and SIGTERM, with and without the real script."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from mnist_mlp.sweep.signals import Interruption, StoppedBySignal
from tests.helpers import PROJECT, runs_in, start_sweep, wait_for, workers_of


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """Collects printed lines; restores the signal handlers afterward."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield []
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def interruption(lines) -> Interruption:
    interruption = Interruption(lines.append)
    interruption.training_begins()
    return interruption


def events_with(*signals: tuple[int, ...]) -> Iterator[int]:
    """Yields 1, 2, ... Before each, raises the given signals, so that the caller is waiting for an event."""
    for number, raised in enumerate(signals, start=1):
        for signal_number in raised:
            signal.raise_signal(signal_number)
        yield number


def test_all_events_are_yielded_without_signal(interruption, lines):
    assert list(interruption.interruptible(events_with((), (), ()))) == [1, 2, 3]
    assert (interruption.requested, lines) == (False, [])


def test_first_ctrl_c_waits_for_epoch(interruption, lines):
    assert list(interruption.interruptible(events_with((), (signal.SIGINT,), ()))) == [1, 2, 3]
    assert (interruption.requested, interruption.signal_number) == (True, signal.SIGINT)
    assert lines == ["Stopping after this epoch (press Ctrl-C again to stop immediately)."]


@pytest.mark.parametrize(
    "signals",
    [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM,), (signal.SIGINT, signal.SIGTERM), (signal.SIGHUP,)],
)
def test_second_ctrl_c_and_sigterm_interrupt_the_wait(interruption, lines, signals):
    seen = []
    with pytest.raises(KeyboardInterrupt):
        for event in interruption.interruptible(events_with((), signals, ())):
            seen.append(event)
    assert seen == [1]
    assert (interruption.requested, interruption.signal_number) == (True, signals[-1])
    assert len(lines) == (1 if signals[0] == signal.SIGINT else 0)


@pytest.mark.parametrize("signals", [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM,)])
def test_handling_of_an_event_is_not_interrupted(interruption, signals):
    handled = []
    with pytest.raises(KeyboardInterrupt):
        for event in interruption.interruptible(events_with((), (), ())):
            for number in signals:
                signal.raise_signal(number)
            handled.append(event)
    assert handled == [1]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_exit_status_is_128_plus_signal(number, status):
    assert StoppedBySignal("text", number).exit_status == status


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_before_training_exits_immediately(number, status):
    code = (
        "import signal; from mnist_mlp.sweep.signals import Interruption\n"
        "printing = lambda text: print(text, flush=True)\n"
        f"Interruption(printing, lambda: printing('cursor shown')); signal.raise_signal({int(number)}); print('alive')"
    )
    process = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=60)
    assert (process.returncode, process.stderr) == (status, "")
    assert process.stdout == "cursor shown\nInterrupted before training started.\n"


def test_signals_module_does_not_import_rich_or_tensorflow():
    code = "import sys, mnist_mlp.sweep.signals; print({'rich', 'tensorflow'} & set(sys.modules))"
    process = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=60)
    assert process.stdout == "set()\n"


@pytest.mark.slow
def test_ctrl_c_stops_all_runs_after_their_epoch(tmp_path):
    process = start_sweep(tmp_path, "--presets", "1,9")
    wait_for(process, "preset 1  epoch  2/30", "preset 9  epoch   2/100")
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Stopping after this epoch (press Ctrl-C again to stop immediately)." in output
    assert errors.startswith(f"Interrupted. The results so far are in {tmp_path / 'runs'}. To resume: ")
    assert errors.endswith(" --resume\n")
    runs = runs_in(tmp_path)
    assert [run.record.status for run in runs] == ["interrupted"] * 2
    for run in runs:
        assert len(run.record.epochs) >= 2
        assert run.best_model.exists()


@pytest.mark.slow
def test_unwritable_run_fails_and_second_ctrl_c_stops_immediately(tmp_path):
    process = start_sweep(tmp_path, "--presets", "1", "--repeats", "3", "--epochs", "300")
    wait_for(process, "(1 of 3)", "(2 of 3)", "epoch   2/300")
    runs_in(tmp_path)[0].path.rename(tmp_path / "moved away")
    wait_for(process, "failed: FileNotFoundError: ", "(3 of 3)", before="epoch 100/300")
    for worker in workers_of(process):
        worker.suspend()  # so that no epoch ends
    process.send_signal(signal.SIGINT)
    wait_for(process, "Stopping after this epoch (press Ctrl-C again to stop immediately).")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.startswith("Interrupted. The results so far are in ")
    assert [run.record.status for run in runs_in(tmp_path)] == ["interrupted"] * 2


def test_sighup_is_ignored_under_nohup(lines):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    Interruption(lines.append)
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


@pytest.mark.slow
def test_end_of_terminal_interrupts_runs_without_losing_results(tmp_path):
    process = start_sweep(tmp_path, "--presets", "1,9")
    wait_for(process, "preset 1  epoch  2/30", "preset 9  epoch   2/100")
    for worker in workers_of(process):  # the terminal sends the signal to all of its processes
        worker.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGHUP)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 129
    assert errors.startswith(f"Interrupted. The results so far are in {tmp_path / 'runs'}. To resume: ")
    assert [run.record.status for run in runs_in(tmp_path)] == ["interrupted"] * 2
