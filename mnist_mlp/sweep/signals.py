"""Ctrl-C and SIGTERM: before anything is trained they end the program at once, later nothing is lost.

Ctrl-C waits for the end of the epoch; pressed twice, it stops at once, as SIGTERM does. Python's own KeyboardInterrupt
could be raised inside a callback of TensorFlow, which would swallow it, or in the middle of a save.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import TypeVar

T = TypeVar("T")

NOTHING_TRAINED = "Interrupted before anything was trained."


class StoppedBySignal(KeyboardInterrupt):
    """Ends the program with the exit status of a signal; the text is all that is printed."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.exit_status = 128 + signal_number


class Interruption:
    """Watches for Ctrl-C and SIGTERM from now on.

    Args:
        print_line: prints a line of text.
        before_exit: called before the program ends at once, such as to show the terminal's cursor again.

    Attributes:
        requested: whether trainings are to end after their epoch.
        signal_number: of the signal that asked for it.
    """

    def __init__(self, print_line: Callable[[str], object], before_exit: Callable[[], object] = lambda: None) -> None:
        self._print_line = print_line
        self._before_exit = before_exit
        self._training = self._at_once = self._waiting = False
        self.requested = False
        self.signal_number = signal.SIGINT
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def training_begins(self) -> None:
        """From now on Ctrl-C waits for the end of the epoch."""
        self._training = True

    def interruptible(self, events: Iterable[T]) -> Iterator[T]:
        """Yields the events; a request to stop at once interrupts the wait for an event, but not its handling.

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
            self._before_exit()
            self._print_line(NOTHING_TRAINED)
            os._exit(128 + number)
        self.signal_number = signal.Signals(number)
        self._at_once = self.requested or number == signal.SIGTERM
        self.requested = True  # before the line is printed: the answer to it may interrupt this very function
        if not self._at_once:
            self._print_line("Stopping after this epoch (Ctrl-C again stops at once).")
        if self._at_once and self._waiting:
            raise KeyboardInterrupt
