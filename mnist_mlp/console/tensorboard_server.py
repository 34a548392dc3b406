"""Starts TensorBoard through its Python API."""

from __future__ import annotations

import contextlib
import io
import os
import socket
from pathlib import Path

from mnist_mlp.commands import command
from mnist_mlp.errors import UsageError, WorkFailed
from mnist_mlp.host.quiet import silenced_standard_error
from mnist_mlp.runs.run_folder import find_runs

PORTS_TO_TRY = 20


def start_tensorboard(runs_dir: Path, host: str, port: int) -> tuple[str, int]:
    """Starts TensorBoard for all runs in a thread of this process and returns its URL and port.

    Args:
        runs_dir: directory with the runs. TensorBoard watches it, so new runs appear too.
        host: address to listen on. "localhost" is reachable only from this machine.
        port: first port to try. If it is in use, the next free port is used.

    Raises:
        UsageError: the directory or address does not exist, or no port is free.
        WorkFailed: the directory contains no runs, or TensorBoard failed to start.
    """
    if not find_runs(runs_dir).runs:
        raise WorkFailed(
            f"{runs_dir} contains no runs; train a preset first: {command('MNIST_train.py', runs_dir=runs_dir)}"
        )
    try:
        socket.getaddrinfo(host, port)
    except OSError as error:
        raise UsageError(f"--host: {host} is not a valid address ({error.strerror or error})") from None
    free = _free_port(host, port)
    import mnist_mlp.libraries.quiet_tensorflow  # noqa: F401 - before TensorBoard, which imports TensorFlow verbosely

    with silenced_standard_error(), contextlib.redirect_stderr(io.StringIO()) as captured:
        from tensorboard import program

        server = program.TensorBoard()
        server.configure(logdir=str(runs_dir), host=host, port=free, reload_interval=5)
        try:
            return server.launch(), free
        except (SystemExit, program.TensorBoardServerException) as error:
            reason = f"{error} {captured.getvalue()}"
    raise WorkFailed(f"TensorBoard failed to start: {' '.join(reason.split())}")


def _free_port(host: str, first: int) -> int:
    candidates = range(first, min(first + PORTS_TO_TRY, 65_536))
    for port in candidates:
        if _is_free(host, port):
            return port
    raise UsageError(f"--port: no port from {first} to {candidates[-1]} is available on {host}; choose another one")


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        if os.name == "posix":  # a port that was in use seconds ago is free; on Windows this would allow any port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
