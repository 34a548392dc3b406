"""Trainings that several modules resume."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from tests.helpers import MadeOnce, Script, folders
from tests.sweep.resuming import CHOSEN, start_until


@pytest.fixture
def one_cluster_at_a_time() -> Iterator[None]:
    """Makes test processes take turns with Ray, because the address "auto" finds every cluster on the machine."""
    with FileLock(Path(tempfile.gettempdir()) / "mnist_mlp_tests_of_ray.lock"):
        yield


@pytest.fixture(scope="session")
def undisturbed(made_once: MadeOnce, script: Script) -> Path:
    def train(folder: Path) -> None:
        assert script("MNIST_train.py", *CHOSEN, "--quiet", *folders(folder)).returncode == 0

    return made_once("undisturbed", train)


@pytest.fixture(scope="session")
def interrupted(made_once: MadeOnce) -> Path:
    """The folders of a training that was interrupted after three epochs or so, with two saved states."""

    def interrupt(folder: Path) -> None:
        process = start_until(folder, "epoch 3/6")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 130
        (folder / "stderr").write_text(errors)

    return made_once("interrupted", interrupt)
