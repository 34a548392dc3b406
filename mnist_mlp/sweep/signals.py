"""Ctrl-C and SIGTERM: before anything is trained they end the program at once, later they lose nothing.

Ctrl-C waits for the epoch to end; pressed twice, it stops at once, as SIGTERM does. Python's own KeyboardInterrupt can
surface inside a callback of TensorFlow, which swallows it, or in the midst of a save.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import TypeVar

from rich.console import Console

T = TypeVar("T")

NOTHING_TRAINED = "Interrupted before anything was trained."


class StoppedBySignal(KeyboardInterrupt):
    """Ends the program with the exit status of a signal; the text is all that is printed."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.exit_status = 128 + signal_number


class Interruption:
    """Watches for Ctrl-C and SIGTERM from now on.

    Attributes:
        requested: whether trainings are to end after their epoch.
        signal_number: of the signal that asked for it.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._training = self._at_once = self._waiting = False
        self.requested = False
        self.signal_number = signal.SIGINT
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def training_begins(self) -> None:
        """From now on Ctrl-C waits for the end of the epoch."""
        self._training = True

    def interruptible(self, events: Iterable[T]) -> Iterator[T]:
        """Gives the events; a request to stop at once cuts the wait for one short, and not what is done with it.

        Raises:
            KeyboardInterrupt: to stop at once.
        """
        iterator = iter(events)
        while True:
            self._waiting = True
            try:
                if self._at_once:
                    raise KeyboardInterrupt
                event = next(iterator)
            except StopIteration:
                return
            finally:
                self._waiting = False
            yield event

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if not self._training:
            self._console.show_cursor()
            self._console.print(NOTHING_TRAINED)
            os._exit(128 + number)
        self.signal_number = signal.Signals(number)
        self._at_once = self.requested or number == signal.SIGTERM
        self.requested = True  # before it is told: the answer to that may come at once, into this very function
        if not self._at_once:
            self._console.print("Stopping after this epoch (Ctrl-C again stops at once).")
        if self._at_once and self._waiting:
            raise KeyboardInterrupt
