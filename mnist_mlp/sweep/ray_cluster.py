"""Connects to a Ray cluster, or starts Ray on this machine, and reports in one line what is wrong."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import mnist_mlp
from mnist_mlp.errors import UsageError, WorkFailed, in_one_line
from mnist_mlp.host.quiet import silenced_standard_error
from mnist_mlp.presets.checks import not_allowed


def import_ray() -> ModuleType:
    """Imports Ray with settings that suit a sweep.

    Raises:
        UsageError: Ray is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray's message about a lost node is several pages long; a `Retried` event reports the loss in one line.
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", "Raylet is terminated")
    # If this process runs under `uv run`, Ray would start every worker with the same `uv run` command in a copy of the
    # current directory. There, uv finds neither this environment nor Ray, and the sweep waits forever.
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    try:
        import ray  # reads these variables
    except ModuleNotFoundError:
        raise UsageError(
            "--engine ray requires Ray; install it: python -m pip install -r requirements-ray.txt"
        ) from None
    return ray


def connect(address: str | None) -> None:
    """Connects to the cluster at this address, or starts Ray on this machine if there is no address.

    Raises:
        WorkFailed: the cluster cannot be reached, or Ray does not start.
    """
    import ray

    if not address:  # Ray would write a token to the home directory, which can be read-only
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex())
    try:
        # cluster errors are raised as exceptions anyway
        with silenced_standard_error(), kept_signal_handler():
            ray.init(
                address=address or "local",
                runtime_env={"py_modules": [mnist_mlp.__path__[0]]},
                log_to_driver=False,
                logging_level=logging.CRITICAL,
                **({} if address else {"include_dashboard": False}),
            )
    except Exception as error:  # Ray raises many exception types here, depending on the cause
        raise WorkFailed(_why_not_connected(address, in_one_line(error)[:300])) from None


def _why_not_connected(address: str | None, message: str) -> str:
    if "Version mismatch" in message:
        return f"the Ray cluster ({address}) needs the same versions of Ray and Python on all machines: {message}"
    if address:
        return f"no Ray cluster found ({address}), or wrong token: {message}"
    remedy = ""
    if "AF_UNIX path length" in message:
        remedy = "; set RAY_TMPDIR to a shorter directory, for example RAY_TMPDIR=/tmp"
    return f"cannot start Ray on this machine: {message}{remedy}"


@contextlib.contextmanager
def kept_signal_handler() -> Iterator[None]:
    """Keeps the handler for SIGTERM. Ray installs its own, which aborts this process and prints a C++ stack trace."""
    if threading.current_thread() is not threading.main_thread():  # Python sets handlers only in the main thread
        yield
        return
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if handler is None else handler)


def require_cluster(address: str) -> None:
    """Checks that something listens at the address, or at the address that "auto" stands for, if that is known.

    Raises:
        UsageError: the address is not HOST:PORT.
        WorkFailed: nothing listens there.
    """
    if address != "auto":
        _require_listener(address, "--ray-address")
    elif (address := os.environ.get("RAY_ADDRESS", "auto")) != "auto":  # takes precedence in Ray too
        _require_listener(address, "RAY_ADDRESS")
    elif address := _latest_cluster():
        _require_listener(address, "--ray-address")


def _latest_cluster() -> str:
    """Returns the address of the cluster that `ray start` started last, even if it has crashed; "" if there is none."""
    folder = os.environ.get("RAY_TMPDIR") or (sys.platform == "linux" and os.environ.get("TMPDIR")) or "/tmp"
    with contextlib.suppress(OSError):
        return Path(folder, "ray", "ray_current_cluster").read_text().strip()
    return ""


def _require_listener(address: str, name: str) -> None:
    """Checks that something listens at the address. Waits at most 10 seconds; Ray itself would keep trying for minutes.

    Args:
        name: the option or variable with the address, for the error message.

    Raises:
        UsageError: the address is not HOST:PORT.
        WorkFailed: nothing listens there.
    """
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal():  # also rejects ray://...: Ray Client cannot stream results
        raise not_allowed(name, address, "HOST:PORT of a cluster that this machine is part of, or auto")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise WorkFailed(f"no Ray cluster at {address} ({in_one_line(error)}); start one or check the port") from None


def cpus_per_task(tasks: int) -> int:
    """Returns how many CPUs each of so many equal tasks can have in the cluster, at least 1."""
    import ray

    machines = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
    fitting = [cpus for cpus in range(1, max(machines, default=0) + 1) if sum(m // cpus for m in machines) >= tasks]
    return max(fitting, default=1)
