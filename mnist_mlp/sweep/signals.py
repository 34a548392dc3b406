"""Handles Ctrl-C and SIGTERM without losing results.

Before training starts, both end the program immediately. During training, the first Ctrl-C stops at the end of the
epoch. A second Ctrl-C, or SIGTERM at any time, stops immediately. Python's default handler is not used because it could
raise KeyboardInterrupt in the middle of a save, or inside a TensorFlow callback that swallows it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import TypeVar

T = TypeVar("T")

NOTHING_TRAINED = "Interrupted before training started."


class StoppedBySignal(KeyboardInterrupt):
    """Ends the program with the exit status of a signal. The message is printed without a traceback."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.exit_status = 128 + signal_number


class Interruption:
    """Installs handlers for Ctrl-C and SIGTERM.

    Args:
        print_line: called to print a line of text.
        before_exit: called before an immediate exit, for example to show the terminal cursor again.

    Attributes:
        requested: whether runs should stop after their current epoch.
        signal_number: the signal that requested the stop.
    """

    def __init__(self, print_line: Callable[[str], object], before_exit: Callable[[], object] = lambda: None) -> None:
        self._print_line = print_line
        self._before_exit = before_exit
        self._training = self._stop_immediately = self._waiting = False
        self.requested = False
        self.signal_number = signal.SIGINT
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def training_begins(self) -> None:
        """Makes Ctrl-C wait for the end of the epoch from now on."""
        self._training = True

    def interruptible(self, events: Iterable[T]) -> Iterator[T]:
        """Yields the events. An immediate stop interrupts the wait for an event, but not its handling.

        Raises:
            KeyboardInterrupt: an immediate stop was requested.
        """
        iterator = iter(events)
        while True:
            self._waiting = True
            try:
                if self._stop_immediately:
                    raise KeyboardInterrupt
                event = next(iterator)
            except StopIteration:
                return
            finally:
                self._waiting = False
            yield event

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if not self._training:
            self._before_exit()
            self._print_line(NOTHING_TRAINED)
            os._exit(128 + number)
        self.signal_number = signal.Signals(number)
        self._stop_immediately = self.requested or number == signal.SIGTERM
        self.requested = True  # before printing: another signal may interrupt this function
        if not self._stop_immediately:
            self._print_line("Stopping after this epoch (press Ctrl-C again to stop immediately).")
        if self._stop_immediately and self._waiting:
            raise KeyboardInterrupt
