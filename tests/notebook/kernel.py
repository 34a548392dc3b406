"""A Jupyter kernel in a separate process, for tests."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel

SECONDS = 200  # for one cell


@dataclass
class Output:
    """What a cell shows.

    Attributes:
        text: everything that it printed.
        errors: the text of each error, as the notebook shows it.
        displays: number of outputs that are not text; a progress display counts once.
        updates: how often one of these was replaced.
        status: "ok" or "error".
    """

    text: str = ""
    errors: list[str] = field(default_factory=list)
    displays: int = 0
    updates: int = 0
    status: str = ""


class Kernel:
    """A running kernel."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self._manager = manager
        self._client = client

    def run(self, code: str, interrupt_after: str | None = None) -> Output:
        """Runs a cell and returns its output. Interrupts it, like the stop button, after it has printed this text."""
        request = self._client.execute(code)
        output = Output()
        deadline = time.monotonic() + SECONDS
        while True:
            message = self._client.get_iopub_msg(timeout=max(0, deadline - time.monotonic()))
            if message["parent_header"].get("msg_id") != request:
                continue
            content = message["content"]
            if message["msg_type"] == "stream":
                output.text += content["text"]
            elif message["msg_type"] == "error":
                output.errors.append("\n".join(content["traceback"]))
            elif message["msg_type"] in ("display_data", "execute_result"):
                output.displays += 1
            elif message["msg_type"] == "update_display_data":
                output.updates += 1
            elif message["msg_type"] == "status" and content["execution_state"] == "idle":
                break
            if interrupt_after and interrupt_after in output.text:
                interrupt_after = None
                self._manager.interrupt_kernel()
        output.status = self._reply(request)
        return output

    def _reply(self, request: str) -> str:
        while True:
            message = self._client.get_shell_msg(timeout=SECONDS)
            if message["parent_header"].get("msg_id") == request:
                return message["content"]["status"]


@contextmanager
def kernel_in(folder: Path) -> Iterator[Kernel]:
    """Starts a kernel in this directory."""
    manager, client = start_new_kernel(startup_timeout=SECONDS, cwd=str(folder))
    try:
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
