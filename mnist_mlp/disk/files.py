"""Atomic writes: a reader sees the old file or the new file, never a partial one."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

from mnist_mlp.disk.disk_errors import explained, may_be_open_elsewhere
from mnist_mlp.errors import UsageError

SECONDS_UNTIL_CLOSED = 3.0
SECONDS_BETWEEN_ATTEMPTS = 0.05


def write_text_atomically(path: Path, text: str) -> None:
    """Replaces the file's content atomically, in UTF-8. Undecodable bytes of file names are written as they are."""
    write_bytes_atomically(path, text.encode(errors="surrogateescape"))


def write_bytes_atomically(path: Path, content: bytes) -> None:
    """Replaces the file's content atomically."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".unfinished.") as folder:  # on the same file system
        temporary = Path(folder, "file")  # a name that TensorBoard does not mistake for an event file
        temporary.write_bytes(content)
        replace_file(temporary, path)


def replace_file(temporary: Path, path: Path) -> None:
    """Gives a new file its final name, and replaces any file of that name atomically.

    Windows refuses this while another program, such as TensorBoard or a virus scanner, has the old file open. They
    read it quickly, so a refused call is repeated for up to about SECONDS_UNTIL_CLOSED.

    Raises:
        OSError: the file cannot be replaced.
    """
    deadline = time.monotonic() + SECONDS_UNTIL_CLOSED
    while True:
        try:
            os.replace(temporary, path)
            return
        except OSError as error:
            if not may_be_open_elsewhere(error) or time.monotonic() > deadline:
                raise
        time.sleep(SECONDS_BETWEEN_ATTEMPTS)


def commit_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Creates a directory with these files, completely or not at all, and syncs it to disk.

    Raises:
        OSError: the directory cannot be written; nothing is left behind.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:  # on the same file system
        temporary = Path(folder, path.name)
        temporary.mkdir()  # with the user's permissions: `folder` itself is closed to everyone else
        for name, content in files.items():
            with open(temporary / name, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        _sync_folder(temporary)
        if path.exists():  # it is damaged, or its epoch was trained again with the same result
            shutil.rmtree(path)
        replace_file(temporary, path)
        _sync_folder(path.parent)


def unpacked_bytes(path: Path) -> int:
    """Returns the unpacked size in bytes that a ZIP archive declares. Readers never extract more than that.

    Raises:
        BadZipFile: the file is not a ZIP archive.
        OSError: the file cannot be read.
    """
    with zipfile.ZipFile(path) as archive:
        return sum(member.file_size for member in archive.infolist())


def sha256_of(content: bytes) -> str:
    """Returns the SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def sync_to_disk(path: Path) -> None:
    """Waits until a file that was written atomically is on the disk, so that it survives a power failure.

    Raises:
        OSError: the file cannot be written to the disk.
    """
    with path.open("rb+") as file:  # Windows syncs only files that are open for writing
        os.fsync(file.fileno())
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # Windows cannot open directories
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def require_temporary_folder() -> None:
    """Checks that there is a directory for temporary files, which TensorFlow needs when it is imported.

    Raises:
        UsageError: none is writable, as in a container with a read-only file system.
    """
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        raise UsageError("no directory for temporary files is writable; set TMPDIR to one that is") from None


def require_writable_folder(folder: Path, option: str) -> None:
    """Creates the directory if necessary and checks that it is writable.

    Args:
        option: command-line option that selects the directory, for the error message.

    Raises:
        UsageError: the directory cannot be created or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(
            f"cannot write to {folder} {explained(error, folder)}, or choose another directory with {option}"
        ) from None
