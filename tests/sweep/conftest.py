"""Fixtures shared by the sweep tests: runs to resume, and a lock for Ray."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from tests.helpers import MadeOnce, Script, folders
from tests.sweep.resuming import TRAIN_OPTIONS, start_until


@pytest.fixture
def one_cluster_at_a_time() -> Iterator[None]:
    """Lets only one test process use Ray at a time, because the address "auto" finds any cluster on the machine."""
    with FileLock(Path(tempfile.gettempdir()) / "mnist_mlp_tests_of_ray.lock"):
        yield


@pytest.fixture(scope="session")
def uninterrupted(made_once: MadeOnce, script: Script) -> Path:
    """A directory with a finished run that was never interrupted."""

    def train(folder: Path) -> None:
        assert script("MNIST_train.py", *TRAIN_OPTIONS, "--quiet", *folders(folder)).returncode == 0

    return made_once("uninterrupted", train)


@pytest.fixture(scope="session")
def interrupted(made_once: MadeOnce) -> Path:
    """A directory with a run that was interrupted after about 3 epochs and has 2 saved states."""

    def interrupt(folder: Path) -> None:
        process = start_until(folder, "epoch 3/6")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 130
        (folder / "stderr").write_text(errors)

    return made_once("interrupted", interrupt)
