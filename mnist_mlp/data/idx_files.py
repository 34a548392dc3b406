"""IDX files on disk -> verified arrays. A missing or damaged file is fetched from a public mirror."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import math
import os
import sys
import tempfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from filelock import FileLock

from mnist_mlp.data.dataset import IdxFile
from mnist_mlp.errors import WorkFailed

SECONDS_TO_WAIT = 20  # for a mirror to answer, and again for each part of its answer


def verified_array(data_dir: Path, file: IdxFile, mirrors: Sequence[str]) -> np.ndarray:
    """Returns the array of an IDX file: uint8 of the file's shape.

    Raises:
        WorkFailed: the file is missing or damaged and no mirror has it.
    """
    decoded = _decode_from_disk(data_dir, file)
    if decoded is None:
        decoded = _fetch(data_dir, file, mirrors)
    return np.frombuffer(decoded, np.uint8, offset=file.header_bytes).reshape(file.shape)


def _decode_from_disk(data_dir: Path, file: IdxFile) -> bytes | None:
    """Returns the file decompressed, None where it is missing or its hash is wrong."""
    try:
        with gzip.open(data_dir / file.name) as stream:
            # Not all: a file made to decompress to terabytes must not fill the memory.
            decoded = stream.read(file.size + 1)
    except (OSError, EOFError, zlib.error):
        return None
    return decoded if hashlib.sha256(decoded).hexdigest() == file.sha256 else None


def _fetch(data_dir: Path, file: IdxFile, mirrors: Sequence[str]) -> bytes:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(data_dir / f".{file.name}.lock"):
            decoded = _decode_from_disk(data_dir, file)  # another process may have fetched it while this one waited
            return _fetch_from_mirrors(data_dir, file, mirrors) if decoded is None else decoded
    except OSError as error:
        raise WorkFailed(
            f"{data_dir / file.name} is missing or damaged and cannot be written ({error.strerror or error}); "
            "make the folder writable or name another with --data-dir"
        ) from error


def _fetch_from_mirrors(data_dir: Path, file: IdxFile, mirrors: Sequence[str]) -> bytes:
    """Fetches the file from the first mirror that has the right bytes, and moves it into the folder whole."""
    failures = []
    for mirror in mirrors:
        address = mirror + file.name
        print(f"Fetching {address}", file=sys.stderr)
        try:
            received = _download(address, at_most=2 * math.prod(file.shape) + 1024)
        except (OSError, http.client.HTTPException) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            failures.append(f"{address} ({reason})")
            continue
        decoded = _keep_if_right(received, data_dir, file)
        if decoded is not None:
            return decoded
        failures.append(f"{address} (not the right bytes)")
    raise WorkFailed(
        f"{data_dir / file.name} is missing or damaged, and no mirror gave it: {'; '.join(failures)}; "
        f"get {file.name} by hand from any MNIST mirror and put it into {data_dir}"
    )


def _download(address: str, at_most: int) -> bytes:
    with urllib.request.urlopen(address, timeout=SECONDS_TO_WAIT) as answer:
        return answer.read(at_most)


def _keep_if_right(received: bytes, data_dir: Path, file: IdxFile) -> bytes | None:
    with tempfile.TemporaryDirectory(dir=data_dir, prefix=f".{file.name}.") as folder:
        temporary = Path(folder, file.name)
        temporary.write_bytes(received)
        decoded = _decode_from_disk(Path(folder), file)
        if decoded is not None:
            os.replace(temporary, data_dir / file.name)
    return decoded
