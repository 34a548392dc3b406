"""The conditions of a measurement: the machine, versions, and what all contenders have in common."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from benchmarks.contenders.protocol import WARM_UP_EPOCHS, cores
from mnist_mlp.commands import PROJECT, python_command
from mnist_mlp.errors import UsageError

PACKAGES = ("tensorflow", "keras", "numpy", "torch", "jax")


def require_packages(names: Iterable[str]) -> None:
    """Checks that packages are installed.

    Raises:
        UsageError: some are not. The message names all of them.
    """
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        listed = " and ".join(filter(None, (", ".join(missing[:-1]), missing[-1])))
        are = "is" if len(missing) == 1 else "are"
        raise UsageError(
            f"{listed} {are} not installed for {sys.executable}; "
            f"install the requirements: {python_command()} -m pip install -r requirements-bench.txt"
        )


def require_version_of_project(folder: Path) -> None:
    """Checks that a directory contains a version of this project.

    Raises:
        UsageError: it does not.
    """
    if not (folder / "MNIST_train.py").is_file():
        raise UsageError(
            f"--baseline {folder} contains no MNIST_train.py; create it with: git worktree add {folder} COMMIT"
        )


def conditions(baseline: Path | None) -> dict[str, str]:
    """Returns the conditions by name, in the order in which they are shown."""
    return {
        "date": time.strftime("%Y-%m-%d"),
        "processor": _processor(),
        "cores": str(cores()),
        "python": platform.python_version(),
        **{package: _version(package) for package in PACKAGES},
        "commit": commit_of(PROJECT),
        "baseline": commit_of(baseline) if baseline else "none",
        "denormal numbers": "flushed to zero by all (PyTorch: torch.set_flush_denormal)",
        "threads": f"the other libraries train in 1 process with {_threads(cores())}, and in {cores()} processes "
        f"with {_threads(1)} each; our script chooses its threads",
        "epochs": f"measured after {WARM_UP_EPOCHS} epochs of warm-up, in new processes each round",
    }


def commit_of(project: Path) -> str:
    """Returns the abbreviated commit, with "-dirty" if files have changed, or "unknown" outside a Git repository."""
    command = ["git", "-C", str(project), "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        process = subprocess.run(command, capture_output=True, text=True)
    except OSError:  # git is not installed
        return "unknown"
    return process.stdout.strip() or "unknown"


def _threads(number: int) -> str:
    return f"{number} thread{'' if number == 1 else 's'}"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    """Returns the name of the processor. The names of virtual machines are vague, so the numbers follow."""
    try:
        lines = Path("/proc/cpuinfo").read_text().partition("\n\n")[0].splitlines()
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    facts = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if "model name" not in facts:
        return platform.machine()
    return f"{facts['model name']} (family {facts.get('cpu family')}, model {facts.get('model')})"
