"""Tests that libraries train in the requested processes and threads, and that failures are reported."""

from __future__ import annotations

import psutil
import pytest

from benchmarks import library
from benchmarks.contender import TurnFailed, seconds_per_epoch
from benchmarks.contenders.protocol import WARM_UP_EPOCHS
from benchmarks.library import LIBRARIES, Library, arrangements
from tests.helpers import TINY

CONFIGURED = """
from benchmarks.contenders.protocol import Task
from benchmarks.contenders.{module} import prepare
from benchmarks.library import DATA
from tests.helpers import TINY
prepare(Task({variant!r}, TINY, 1602, {threads}, DATA))
{check}
"""
FLUSHES = "assert (torch.full((4_000_000,), 1e-38) * 0.01).count_nonzero() == 0"


@pytest.fixture
def fake(monkeypatch):
    """Library("fake", ...) for a variant of tests/benchmarks/fake_library.py: fake("works", processes=2, ...)."""

    def create(variant: str, processes: int, threads: int, epochs: int = 3) -> Library:
        monkeypatch.setitem(LIBRARIES, "fake", ("tests.benchmarks.fake_library", variant))
        return Library("fake", TINY, processes, threads, epochs)

    return create


@pytest.mark.parametrize(("processes", "threads"), [(1, 2), (2, 1)])
def test_processes_train_after_warm_up_with_their_threads(fake, monkeypatch, processes, threads):
    started = []
    monkeypatch.setattr(library, "megabytes_of", lambda pid: started.append(psutil.Process(pid)) or 100.0)
    turn = fake("works", processes, threads).take_turn()
    assert (turn.threads, turn.megabytes) == (threads, 100.0 * processes)
    assert turn.validation_accuracy == WARM_UP_EPOCHS + 3 + 10 * threads
    assert len(started) == processes
    assert not any(process.is_running() for process in started)


def test_one_process_with_all_threads_and_one_thread_per_core(monkeypatch):
    monkeypatch.setattr(library, "cores", lambda: 4)
    assert arrangements() == [(1, 4), (4, 1)]
    monkeypatch.setattr(library, "cores", lambda: 1)
    assert arrangements() == [(1, 1)]


def test_epochs_of_all_processes_count():
    assert seconds_per_epoch(4, [8.0]) == 2
    assert seconds_per_epoch(4, [8.0, 8.0]) == 1
    assert seconds_per_epoch(4, [4.0, 12.0]) == pytest.approx(1 / (4 / 4 + 4 / 12))


@pytest.mark.parametrize(
    ("variant", "reason"), [("fails", "RuntimeError: no compiler found"), ("dies", "out of memory")]
)
def test_failed_process_is_reported(fake, variant, reason):
    with pytest.raises(TurnFailed) as failed:
        fake(variant, processes=2, threads=1).take_turn()
    assert str(failed.value) == reason


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 3])
def test_keras_uses_its_threads(script, threads):
    check = f"import tensorflow; assert tensorflow.config.threading.get_intra_op_parallelism_threads() == {threads}"
    code = CONFIGURED.format(module="keras_fit", variant="arrays", threads=threads, check=check)
    process = script("-c", code)
    assert (process.returncode, process.stderr) == (0, "")


@pytest.mark.slow
def test_pytorch_uses_its_threads_and_flushes_denormal_numbers(script):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    check = f"import torch; assert torch.get_num_threads() == 2; {FLUSHES}"
    process = script("-c", CONFIGURED.format(module="pytorch", variant="eager", threads=2, check=check))
    assert (process.returncode, process.stderr) == (0, "")


@pytest.mark.slow
def test_jax_uses_its_threads(script):
    pytest.importorskip("jax", reason="JAX is not installed")
    check = "import psutil; print(len(psutil.Process().threads()))"
    numbers = [
        int(script("-c", CONFIGURED.format(module="jax_scan", variant="scan", threads=threads, check=check)).stdout)
        for threads in (1, 9)
    ]
    assert numbers[1] >= numbers[0] + 8


@pytest.mark.slow
def test_keras_trains_in_two_processes():
    turn = Library("Keras fit, arrays", TINY, processes=2, threads=1, epochs=1).take_turn()
    assert turn.threads == 1
    assert turn.seconds > 0
    assert 0.2 < turn.validation_accuracy <= 1
