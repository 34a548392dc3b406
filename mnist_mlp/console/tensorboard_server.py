"""Starts TensorBoard through its Python API."""

from __future__ import annotations

import contextlib
import io
import ipaddress
import os
import socket
from pathlib import Path

from mnist_mlp.commands import command
from mnist_mlp.console.short_names import folder_with_short_names
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
    address = address_of(host)
    free = _free_port(address, host, port)
    import mnist_mlp.libraries.quiet_tensorflow  # noqa: F401 - before TensorBoard, which imports TensorFlow verbosely

    with silenced_standard_error(), contextlib.redirect_stderr(io.StringIO()) as captured:
        from tensorboard import program

        server = program.TensorBoard()
        # An absolute path, because TensorBoard takes ~ at the start as the home directory.
        logdir = str(folder_with_short_names(runs_dir).absolute())
        server.configure(logdir=logdir, host=address, port=free, reload_interval=5)
        try:
            server.launch()
            return f"http://{_name_in_url(host, address)}:{free}/", free
        except (SystemExit, program.TensorBoardServerException) as error:
            reason = f"{error} {captured.getvalue()}"
    raise WorkFailed(f"TensorBoard failed to start: {' '.join(reason.split())}")


def address_of(host: str) -> str:
    """Returns the IP address of a host name. TensorBoard would take every name as the name of an IPv4 address.

    Raises:
        UsageError: the name has no address, or this machine does not have that address.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise UsageError(f"--host: {host} is not a valid address ({error.strerror or error})") from None
    addresses = sorted((sockaddr[0] for *_, sockaddr in found), key=lambda address: ":" in address)  # IPv4 first
    for address in addresses:
        if _can_bind(address, 0):
            return address
    raise UsageError(f"--host: {host} is not an address of this machine; use localhost, or 0.0.0.0 for all interfaces")


def _name_in_url(host: str, address: str) -> str:
    """Returns how a browser reaches the host. No browser can connect to the address that means all interfaces."""
    if ipaddress.ip_address(address.partition("%")[0]).is_unspecified:
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host


def _free_port(address: str, host: str, first: int) -> int:
    candidates = range(first, min(first + PORTS_TO_TRY, 65_536))
    for port in candidates:
        if _can_bind(address, port):
            return port
    raise UsageError(f"--port: no port from {first} to {candidates[-1]} is available on {host}; choose another one")


def _can_bind(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        if os.name != "nt":  # where it would allow a port that is in use
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
        return True
