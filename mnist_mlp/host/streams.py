"""Makes standard output and standard error safe to print to, whatever they are connected to.

Training takes hours, so it must not end because a line cannot be printed. Imports nothing from this project.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import select
import sys

NO_READER = {errno.EPIPE, errno.ESHUTDOWN} | ({errno.EINVAL} if os.name == "nt" else set())
_ERRORS = "mnist_mlp.escape"


def prepare_standard_streams() -> None:
    """Makes sure that printing never fails.

    - A character that the encoding lacks is printed as an escape sequence, such as \\xe9.
    - If nobody reads the output anymore, for example after `| head -1`, the rest is discarded silently. If it cannot be
      written for another reason, such as a full disk, standard error says so once.
    - A closed stream is connected to the null device. Otherwise, the next file that is opened would get its number, and
      libraries that print would write into that file.
    """
    codecs.register_error(_ERRORS, _escape)
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        was_closed = _open_if_closed(descriptor)
        stream = getattr(sys, name)
        if descriptor == 0 or stream is not getattr(sys, f"__{name}__"):  # not ours, for example captured by a test
            continue
        if was_closed and stream is None:
            setattr(sys, name, _stream(_Output(descriptor, name), "utf-8", line_buffering=True))
        elif isinstance(stream, io.TextIOWrapper):
            setattr(sys, name, _safe(stream, name))


def _safe(stream: io.TextIOWrapper, name: str) -> io.TextIOWrapper:
    raw = getattr(stream.buffer, "raw", stream.buffer)  # `python -u` has no buffer
    if type(raw) is not io.FileIO:  # a Windows console, or already prepared
        stream.reconfigure(errors=_ERRORS)
        return stream
    return _stream(_Output(raw.fileno(), name), stream.encoding, stream.line_buffering, stream.write_through)


def _stream(
    output: _Output, encoding: str, line_buffering: bool = False, write_through: bool = False
) -> io.TextIOWrapper:
    buffer = output if write_through else io.BufferedWriter(output)
    return io.TextIOWrapper(buffer, encoding, _ERRORS, line_buffering=line_buffering, write_through=write_through)


class _Output(io.FileIO):
    """A standard stream that discards what cannot be written."""

    def __init__(self, descriptor: int, name: str) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self.name = f"<{name}>"

    def write(self, content: bytes) -> int:
        try:
            while (written := super().write(content)) is None:  # a full pipe that another program made non-blocking
                select.select([], [self], [])
            return written
        except OSError as error:
            _connect_to_null_device(self.fileno())
            if error.errno not in NO_READER and self.name == "<stdout>":
                reason = error.strerror or error
                print(f"Warning: cannot print to standard output ({reason}); its rest is discarded", file=sys.stderr)
            return len(content)


def _escape(error: UnicodeError) -> tuple[str, int]:
    """Replaces characters that cannot be encoded by escape sequences, but rich's … by one, to keep widths."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    return "".join(
        "~" if one == "…" else one.encode("ascii", "backslashreplace").decode() for one in characters
    ), error.end


def _open_if_closed(descriptor: int) -> bool:
    """Connects a closed file descriptor to the null device. Returns whether it was closed."""
    try:
        os.fstat(descriptor)
    except OSError:
        _connect_to_null_device(descriptor)
        return True
    return False


def _connect_to_null_device(descriptor: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    if null == descriptor:  # it was the lowest number that was not in use
        os.set_inheritable(null, True)  # as child processes expect
    else:
        os.dup2(null, descriptor)
        os.close(null)
