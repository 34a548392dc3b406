"""Writing to disk so that a reader finds the old file or the new one, never half of one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from mnist_mlp.errors import UsageError


def write_text_atomically(path: Path, text: str) -> None:
    """Replaces the file's content in one step."""
    write_bytes_atomically(path, text.encode())


def write_bytes_atomically(path: Path, content: bytes) -> None:
    """Replaces the file's content in one step; the temporary file stands beside it, so on the same device."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        temporary = Path(folder, path.name)
        temporary.write_bytes(content)
        os.replace(temporary, path)


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
            f"{folder} cannot be written ({reason}); mend that or name another folder with {option}"
        ) from None
