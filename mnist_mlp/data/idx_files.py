"""Reads and verifies IDX files. A missing or damaged file is downloaded from a public mirror."""

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

SECONDS_TO_WAIT = 20  # for a mirror to respond, and for each part of its response


def verified_array(data_dir: Path, file: IdxFile, mirrors: Sequence[str]) -> np.ndarray:
    """Returns the array of an IDX file: uint8, in the shape of `file`.

    Raises:
        WorkFailed: the file is missing or damaged and cannot be downloaded or written.
    """
    decoded = _decode_from_disk(data_dir, file)
    if decoded is None:
        decoded = _fetch(data_dir, file, mirrors)
    return np.frombuffer(decoded, np.uint8, offset=file.header_bytes).reshape(file.shape)


def _decode_from_disk(data_dir: Path, file: IdxFile) -> bytes | None:
    """Returns the decompressed file, or None if it is missing or its hash is wrong."""
    try:
        with gzip.open(data_dir / file.name) as stream:
            # The limit keeps a decompression bomb from filling up memory.
            decoded = stream.read(file.size + 1)
    except (OSError, EOFError, zlib.error):
        return None
    return decoded if hashlib.sha256(decoded).hexdigest() == file.sha256 else None


def _fetch(data_dir: Path, file: IdxFile, mirrors: Sequence[str]) -> bytes:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(data_dir / f".{file.name}.lock"):
            decoded = _decode_from_disk(data_dir, file)  # another process may have downloaded it while this one waited
            return _fetch_from_mirrors(data_dir, file, mirrors) if decoded is None else decoded
    except OSError as error:
        raise WorkFailed(
            f"{data_dir / file.name} is missing or damaged and cannot be written ({error.strerror or error}); "
            "make the directory writable or choose another one with --data-dir"
        ) from error


def _fetch_from_mirrors(data_dir: Path, file: IdxFile, mirrors: Sequence[str]) -> bytes:
    """Downloads the file from the first mirror that has a copy with the right hash, and moves it into the directory."""
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
        failures.append(f"{address} (wrong content)")
    raise WorkFailed(
        f"{data_dir / file.name} is missing or damaged and could not be downloaded: {'; '.join(failures)}; "
        f"download {file.name} from any MNIST mirror and put it in {data_dir}"
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
