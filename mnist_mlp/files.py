"""Writing to disk so that a reader finds the old file or the new one, never half of one."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from mnist_mlp.errors import UsageError


def write_text_atomically(path: Path, text: str) -> None:
    """Replaces the file's content in one step."""
    write_bytes_atomically(path, text.encode())


def write_bytes_atomically(path: Path, content: bytes) -> None:
    """Replaces the file's content in one step; the temporary file stands beside it, so on the same device."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".unfinished.") as folder:
        temporary = Path(folder, "file")  # a name that TensorBoard takes for no event file
        temporary.write_bytes(content)
        os.replace(temporary, path)


def commit_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Makes a folder with these files in it, whole or not at all, on disk for good once this returns.

    Raises:
        OSError: it cannot be written; nothing of it stays.
    """
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))  # beside it, so on the same device
    try:
        for name, content in files.items():
            with open(temporary / name, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        _sync_folder(temporary)
        if path.exists():  # damaged, or of an epoch that was trained again: the same bytes
            shutil.rmtree(path)
        temporary.rename(path)
        _sync_folder(path.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def unpacked_bytes(path: Path) -> int:
    """Returns how large a ZIP archive says that it is unpacked; no reader takes more than that from it.

    Raises:
        BadZipFile: it is none.
        OSError: it cannot be read.
    """
    with zipfile.ZipFile(path) as archive:
        return sum(member.file_size for member in archive.infolist())


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # Windows opens no folder
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def require_writable_folder(folder: Path, option: str) -> None:
    """Makes the folder if need be and tries to write in it.

    Raises:
        UsageError: it cannot be made or written; names the option that chooses another.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(
            f"{folder} cannot be written ({reason}); make it writable or name another folder with {option}"
        ) from None
