"""Reads IDX files and verifies them. A missing or damaged file is downloaded from a public mirror.

No data is lost: a file with other content is an error, and a damaged file is kept under another name.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import itertools
import math
import os
import sys
import tempfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from mnist_mlp.data.dataset import IdxFile
from mnist_mlp.disk.disk_errors import explained
from mnist_mlp.disk.files import replace_file
from mnist_mlp.disk.locks import Lock
from mnist_mlp.errors import WorkFailed

SECONDS_TO_WAIT = 20  # for a mirror to respond, and for each part of its response
GZIP_START = b"\x1f\x8b"
GZIP = 16 + zlib.MAX_WBITS  # tells zlib that the data has a gzip header and a checksum at the end
CHUNK_BYTES = 1 << 16
RECOGNIZED_BYTES = 1024  # longer than the empty rows at the top of an image, which all image files start with


@dataclass(frozen=True)
class _Content:
    """What a file contains.

    Attributes:
        path: path of the file.
        decoded: content without compression, up to the first error, at most one byte more than expected.
        is_whole: whether the file is not cut or damaged. Without compression, that can only be seen from its length.
    """

    path: Path
    decoded: bytes
    is_whole: bool

    def has_hash_of(self, file: IdxFile) -> bool:
        return hashlib.sha256(self.decoded).hexdigest() == file.sha256


def is_present(data_dir: Path, file: IdxFile) -> bool:
    """Returns whether the file exists under any of its names. It may be damaged."""
    return any(os.path.exists(data_dir / name) for name in _names(file))


def verified_array(data_dir: Path, file: IdxFile, mirrors: Sequence[str]) -> np.ndarray:
    """Returns the array of an IDX file: uint8, in the shape of `file`.

    The file may be compressed or not, with or without .gz at the end of its name.

    Raises:
        WorkFailed: the file has other content, or it is missing or damaged and cannot be downloaded or written.
    """
    decoded = _read_verified(data_dir, file)
    if decoded is None:
        decoded = _fetch(data_dir, file, mirrors)
    return np.frombuffer(decoded, np.uint8, offset=file.header_bytes).reshape(file.shape)


def _read_verified(data_dir: Path, file: IdxFile) -> bytes | None:
    """Returns the decompressed file, or None if it is missing or damaged.

    Raises:
        WorkFailed: the file has other content or cannot be read.
    """
    contents = [content for name in _names(file) if (content := _read(data_dir / name, file)) is not None]
    for content in contents:  # even if another one is right: the user may want to train on these images
        if content.is_whole and not content.has_hash_of(file):
            raise WorkFailed(_other_content(content, file))
    return next((content.decoded for content in contents if content.has_hash_of(file)), None)


def _names(file: IdxFile) -> list[str]:
    """Returns the names that the file is distributed under: with and without .gz, and with a dot before "idx"."""
    plain = file.name.removesuffix(".gz")
    return [file.name, plain, plain.replace("-idx", ".idx"), file.name.replace("-idx", ".idx")]


def _read(path: Path, file: IdxFile) -> _Content | None:
    try:
        if not path.is_file():  # an archive may have unpacked a directory; a pipe would never end
            return None
        with path.open("rb") as stream:
            start = stream.read(len(GZIP_START))
            stream.seek(0)
            if start == GZIP_START:
                return _Content(path, *_decompress(stream, at_most=file.size + 1))
            decoded = stream.read(file.size + 1)  # the limit protects the memory
            return _Content(path, decoded, is_whole=len(decoded) >= file.size)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise WorkFailed(
            f"{path} cannot be read {explained(error, path)}, or choose another directory with --data-dir"
        ) from None


def _decompress(stream: BinaryIO, at_most: int) -> tuple[bytes, bool]:
    """Returns the decompressed content up to the first error, and whether it was whole.

    Content beyond the limit is not decompressed, so that a decompression bomb does not fill the memory.
    """
    decompressor, decoded = zlib.decompressobj(GZIP), bytearray()
    while len(decoded) < at_most:
        chunk = decompressor.unused_data or decompressor.unconsumed_tail or stream.read(CHUNK_BYTES)
        if decompressor.eof:
            if not chunk.startswith(GZIP_START):
                return bytes(decoded), True
            decompressor = zlib.decompressobj(GZIP)  # a file may consist of several compressed parts
        if not chunk:
            return bytes(decoded), False
        before_chunk = decompressor.copy()
        try:
            decoded += decompressor.decompress(chunk, at_most - len(decoded))
        except zlib.error:
            return bytes(decoded + _before_error(before_chunk, chunk, at_most - len(decoded))), False
    return bytes(decoded), False


def _before_error(decompressor: zlib._Decompress, chunk: bytes, at_most: int) -> bytes:
    """Returns the content before the error. zlib itself returns nothing from a chunk with an error."""
    decoded = bytearray()
    with contextlib.suppress(zlib.error):
        for position in range(len(chunk)):
            if len(decoded) >= at_most:
                break
            decoded += decompressor.decompress(chunk[position : position + 1])
    return bytes(decoded[:at_most])


def _other_content(content: _Content, file: IdxFile) -> str:
    found = f"{len(content.decoded):,} bytes" if len(content.decoded) <= file.size else f"over {file.size:,} bytes"
    sha256 = hashlib.sha256(content.decoded).hexdigest()
    return (
        f"{content.path} is not the expected file: found {found} (SHA-256 {sha256[:12]}...), "
        f"expected {file.size:,} bytes (SHA-256 {file.sha256[:12]}...); "
        "move it elsewhere or choose another directory with --data-dir"
    )


def _fetch(data_dir: Path, file: IdxFile, mirrors: Sequence[str]) -> bytes:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with Lock(data_dir / f".{file.name}.lock"):
            decoded = _read_verified(data_dir, file)  # another process may have downloaded it while this one waited
            return _fetch_from_mirrors(data_dir, file, mirrors) if decoded is None else decoded
    except OSError as error:
        raise WorkFailed(
            f"{data_dir / file.name} is missing or damaged and cannot be written "
            f"{explained(error, data_dir)}, or choose another directory with --data-dir"
        ) from error


def _fetch_from_mirrors(data_dir: Path, file: IdxFile, mirrors: Sequence[str]) -> bytes:
    """Downloads the file from the first mirror whose copy has the right hash and moves it into the directory."""
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
    """Moves a download into place if its hash is right.

    Raises:
        WorkFailed: the file that is in its place may contain something else.
    """
    with tempfile.TemporaryDirectory(dir=data_dir, prefix=f".{file.name}.") as directory:
        temporary = Path(directory, file.name)
        temporary.write_bytes(received)
        downloaded = _read(temporary, file)
        if not downloaded.has_hash_of(file):
            return None
        present = _read(data_dir / file.name, file)
        if present:
            _require_damaged_copy(present, downloaded)
            _keep_damaged(present, downloaded)
        replace_file(temporary, data_dir / file.name)
    return downloaded.decoded


def _require_damaged_copy(present: _Content, downloaded: _Content) -> None:
    """Raises WorkFailed unless the file is empty or its content starts like the download."""
    start = downloaded.decoded[:RECOGNIZED_BYTES]
    if present.path.stat().st_size > 0 and present.decoded[:RECOGNIZED_BYTES] != start:
        raise WorkFailed(
            f"{present.path} is damaged or is not the expected file; delete it to download the file again, "
            "or choose another directory with --data-dir"
        )


def _keep_damaged(present: _Content, downloaded: _Content) -> None:
    """Renames a damaged file, unless everything in it is in the download too."""
    if downloaded.decoded.startswith(present.decoded):
        return
    numbers = (f".{number}" if number else "" for number in itertools.count())
    kept = next(path for end in numbers if not (path := Path(f"{present.path}.damaged{end}")).exists())
    os.rename(present.path, kept)
    print(f"Warning: {present.path} was damaged and is kept as {kept.name}", file=sys.stderr)
