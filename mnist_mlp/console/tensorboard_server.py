"""TensorBoard, started through its own Python API."""

from __future__ import annotations

import contextlib
import io
import socket
from pathlib import Path

from mnist_mlp.commands import command
from mnist_mlp.errors import UsageError, WorkFailed
from mnist_mlp.quiet import silenced_standard_error
from mnist_mlp.runs.run_folder import find_runs

PORTS_TO_TRY = 20


def start_tensorboard(runs_dir: Path, host: str, port: int) -> tuple[str, int]:
    """Starts TensorBoard over all runs in a thread of this process; returns its address and port.

    Args:
        runs_dir: the folder of the runs; it is watched, so later runs appear too.
        host: the address to listen on; "localhost" is reachable from this machine only.
        port: the first to try; the next free one is used if it is taken.

    Raises:
        UsageError: there is no such folder, address or free port.
        WorkFailed: there is no run in it, or TensorBoard does not start.
    """
    if not find_runs(runs_dir).runs:
        raise WorkFailed(f"{runs_dir} holds no run; train one first: {command('MNIST_train.py', runs_dir=runs_dir)}")
    try:
        socket.getaddrinfo(host, port)
    except OSError as error:
        raise UsageError(f"--host {host} is not an address of this machine ({error.strerror or error})") from None
    free = _free_port(host, port)
    import mnist_mlp.quiet_tensorflow  # noqa: F401 - TensorBoard would import TensorFlow later, with its chatter

    with silenced_standard_error(), contextlib.redirect_stderr(io.StringIO()) as complaints:
        from tensorboard import program

        server = program.TensorBoard()
        server.configure(logdir=str(runs_dir), host=host, port=free, reload_interval=5)
        try:
            return server.launch(), free
        except (SystemExit, program.TensorBoardServerException) as error:
            reason = f"{error} {complaints.getvalue()}"
    raise WorkFailed(f"TensorBoard does not start: {' '.join(reason.split())}")


def _free_port(host: str, first: int) -> int:
    candidates = range(first, min(first + PORTS_TO_TRY, 65_536))
    for port in candidates:
        if _is_free(host, port):
            return port
    raise UsageError(f"no port from {first} to {candidates[-1]} is free on {host}; name another with --port")


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
