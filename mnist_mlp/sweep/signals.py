"""Handles Ctrl-C, SIGTERM, and SIGHUP (the terminal or SSH session has ended) without losing results.

Before training starts, they end the program immediately; in a notebook, Ctrl-C (its stop button) only keeps the first
run from starting. During training, the first Ctrl-C stops at the end of the epoch. A second Ctrl-C, or another signal
at any time, stops immediately. Python's default handler is not used because it could raise KeyboardInterrupt in the
middle of a save, or inside a TensorFlow callback that swallows it.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import TypeVar

from mnist_mlp.host.interactive import is_interactive

T = TypeVar("T")

NOTHING_TRAINED = "Interrupted before training started."


class StoppedBySignal(KeyboardInterrupt):
    """Ends the program with the exit status of a signal. The message is printed without a traceback."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.exit_status = 128 + signal_number

    def _render_traceback_(self) -> list[str]:
        """Called by IPython instead of formatting a traceback."""
        return [str(self)]


class Interruption:
    """Installs handlers for Ctrl-C, SIGTERM, and SIGHUP.

    Python allows this only in the main thread; others are not interrupted.

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
        is_main = threading.current_thread() is threading.main_thread()
        numbers = (signal.SIGINT, signal.SIGTERM, *_hangup()) if is_main else ()
        self._earlier = {number: signal.signal(number, self._on_signal) for number in numbers}

    def close(self) -> None:
        """Restores the earlier handlers in an interactive session, where other work follows.

        A script ends soon, and keeps its handlers so that a late Ctrl-C does not print a traceback.
        """
        if is_interactive():
            for number, handler in self._earlier.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)

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
        if not self._training and number == signal.SIGINT and is_interactive():
            self._interrupt_session()
            return
        if not self._training:
            self._before_exit()
            self._print_line(NOTHING_TRAINED)
            os._exit(128 + number)
        self.signal_number = signal.Signals(number)
        self._stop_immediately = self.requested or number != signal.SIGINT
        self.requested = True  # before printing: another signal may interrupt this function
        if not self._stop_immediately:
            self._print_line("Stopping after this epoch (press Ctrl-C again to stop immediately).")
        if self._stop_immediately and self._waiting:
            raise KeyboardInterrupt

    def _interrupt_session(self) -> None:
        """Stops before the first run, so that TensorFlow's import is complete and the session can go on."""
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        self._print_line("Stopping before the first run (press Ctrl-C again to stop immediately).")


def _hangup() -> list[int]:
    """Returns SIGHUP in a list, or an empty list on Windows and under `nohup`, where training must go on."""
    hangup = getattr(signal, "SIGHUP", None)
    return [] if hangup is None or signal.getsignal(hangup) == signal.SIG_IGN else [hangup]
