"""MNIST on disk -> verified arrays. A missing or damaged file is fetched again from a public mirror."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import os
import sys
import tempfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock

from mnist_mlp.errors import WorkFailed

MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)
SECONDS_TO_WAIT = 20  # for a mirror to answer, and again for each part of its answer

DEV_IMAGES = 5_000  # the first ones of the training file, as in 2020
PIXELS = 28 * 28


@dataclass(frozen=True)
class IdxFile:
    """One of MNIST's four files: its name on disk and on the mirrors, and what must be inside once decompressed."""

    name: str
    shape: tuple[int, ...]
    sha256: str

    @property
    def header_bytes(self) -> int:
        """Length of the IDX header: a type and the number of dimensions, then four bytes a dimension."""
        return 4 + 4 * len(self.shape)


TRAIN_IMAGES = IdxFile(
    "train-images-idx3-ubyte.gz",
    (60_000, 28, 28),
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
)
TRAIN_LABELS = IdxFile(
    "train-labels-idx1-ubyte.gz",
    (60_000,),
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
)
TEST_IMAGES = IdxFile(
    "t10k-images-idx3-ubyte.gz",
    (10_000, 28, 28),
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
)
TEST_LABELS = IdxFile(
    "t10k-labels-idx1-ubyte.gz",
    (10_000,),
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
)


@dataclass(frozen=True, eq=False)
class LabeledImages:
    """Images with their labels.

    Attributes:
        pixels: uint8 [images, 784], 0 (white) to 255 (black); a network sees them divided by 255. Of images that a
            network sees in several ways at once, as many times 784.
        labels: int32 [images], 0 to 9.
    """

    pixels: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class TrainingData:
    """What training may see: 55,000 images to learn from and 5,000 to validate on. Compared by identity."""

    train: LabeledImages
    validation: LabeledImages


def load_training_data(data_dir: Path, mirrors: Sequence[str] = MIRRORS) -> TrainingData:
    """Returns MNIST's 60,000 training images, the first 5,000 of them as the validation set.

    Raises:
        WorkFailed: a file is missing or damaged and no mirror gave it.
    """
    images = _load(data_dir, TRAIN_IMAGES, TRAIN_LABELS, mirrors)
    return TrainingData(
        train=LabeledImages(images.pixels[DEV_IMAGES:], images.labels[DEV_IMAGES:]),
        validation=LabeledImages(images.pixels[:DEV_IMAGES], images.labels[:DEV_IMAGES]),
    )


def load_test_data(data_dir: Path, mirrors: Sequence[str] = MIRRORS) -> LabeledImages:
    """Returns MNIST's 10,000 test images; only evaluation, and the report on what it found, may call this.

    Raises:
        WorkFailed: a file is missing or damaged and no mirror gave it.
    """
    return _load(data_dir, TEST_IMAGES, TEST_LABELS, mirrors)


def training_data_sha256() -> dict[str, str]:
    """Returns the hash, for a run's record, of each decoded file that training data comes from."""
    return {each.name.removesuffix(".gz"): each.sha256 for each in (TRAIN_IMAGES, TRAIN_LABELS)}


def _load(data_dir: Path, images: IdxFile, labels: IdxFile, mirrors: Sequence[str]) -> LabeledImages:
    pixels = _verified_array(data_dir, images, mirrors).reshape(-1, PIXELS)
    return LabeledImages(pixels, _verified_array(data_dir, labels, mirrors).astype(np.int32))


def _verified_array(data_dir: Path, file: IdxFile, mirrors: Sequence[str]) -> np.ndarray:
    decoded = _decode_from_disk(data_dir, file)
    if decoded is None:
        decoded = _fetch(data_dir, file, mirrors)
    return np.frombuffer(decoded, np.uint8, offset=file.header_bytes).reshape(file.shape)


def _decode_from_disk(data_dir: Path, file: IdxFile) -> bytes | None:
    """Returns the file decompressed, None where it is not there or not exactly what it should be."""
    size = file.header_bytes + int(np.prod(file.shape))
    try:
        with gzip.open(data_dir / file.name) as stream:
            decoded = stream.read(size + 1)  # not all: a file made to decompress to terabytes must not fill the memory
    except (OSError, EOFError, zlib.error):
        return None
    return decoded if hashlib.sha256(decoded).hexdigest() == file.sha256 else None


def _fetch(data_dir: Path, file: IdxFile, mirrors: Sequence[str]) -> bytes:
    """Fetches the file from the first mirror that has it right, and puts it in its place whole."""
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
    tried = []
    for mirror in mirrors:
        address = mirror + file.name
        print(f"Fetching {address}", file=sys.stderr)
        try:
            with urllib.request.urlopen(address, timeout=SECONDS_TO_WAIT) as answer:
                received = answer.read(2 * int(np.prod(file.shape)) + 1024)
        except (OSError, http.client.HTTPException) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            tried.append(f"{address} ({reason})")
            continue
        with tempfile.TemporaryDirectory(dir=data_dir, prefix=f".{file.name}.") as folder:
            temporary = Path(folder, file.name)
            temporary.write_bytes(received)
            decoded = _decode_from_disk(Path(folder), file)
            if decoded is not None:
                os.replace(temporary, data_dir / file.name)
                return decoded
        tried.append(f"{address} (not the right bytes)")
    raise WorkFailed(
        f"{data_dir / file.name} is missing or damaged, and no mirror gave it: {'; '.join(tried)}; "
        f"get {file.name} by hand from any MNIST mirror and put it into {data_dir}"
    )
