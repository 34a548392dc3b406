"""Ctrl-C: while nothing is being trained it ends the program at once, later it waits for the epoch to end.

Python's own KeyboardInterrupt can surface inside a callback of TensorFlow, which swallows it.
"""

from __future__ import annotations

import os
import signal
from types import FrameType

from rich.console import Console


class Interruption:
    """Watches for Ctrl-C from now on.

    Attributes:
        requested: whether Ctrl-C has been pressed since training began.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._training = False
        self.requested = False
        signal.signal(signal.SIGINT, self._on_signal)

    def training_begins(self) -> None:
        """From now on Ctrl-C waits for the end of the epoch; pressed twice, it stops at once."""
        self._training = True

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._training and not self.requested:
            self.requested = True
            self._console.print("Stopping after this epoch (Ctrl-C again stops at once).")
        elif self._training:
            raise KeyboardInterrupt
        else:
            self._console.show_cursor()
            self._console.print("Interrupted before anything was trained.")
            os._exit(128 + signal.SIGINT)
