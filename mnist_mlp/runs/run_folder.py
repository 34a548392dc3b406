"""A run on disk: its directory, its lock and the paths of its files. Does not import TensorFlow."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from filelock import Timeout

from mnist_mlp.disk.disk_errors import broken_link, reason, remedy
from mnist_mlp.disk.files import sha256_of, write_text_atomically
from mnist_mlp.disk.locks import Lock
from mnist_mlp.errors import UsageError
from mnist_mlp.runs.record import RECORD_FILE, InvalidRun, RunRecord

BEST_MODEL_FILE = "best_model.keras"


class RunIsHeld(Exception):
    """Another process is training this run. The message names that process."""


class Checkpoint(NamedTuple):
    """A checkpoint file and the SHA-256 of its content."""

    path: Path
    sha256: str


class RunFolder:
    """A run directory and its record. Changes to the record reach the disk only through `save_record`."""

    def __init__(self, path: Path, record: RunRecord) -> None:
        self.path = path
        self.record = record
        self._lock = Lock(path / ".lock")

    @classmethod
    def create(cls, runs_dir: Path, unix_time: int, record: RunRecord) -> RunFolder:
        """Creates and locks a new directory `<unix time>_preset<NN>`, with suffix `_2`, `_3`, ... if the name is taken.

        If the command line changed the preset, the name is `<unix time>_preset<NN>_changed`.

        Raises:
            OSError: the directory cannot be created.
        """
        name = f"{unix_time}_preset{record.preset_number:02d}{'_changed' if record.changed else ''}"
        attempt = 1
        while True:
            path = runs_dir / (name if attempt == 1 else f"{name}_{attempt}")
            try:
                path.mkdir(parents=True)
                break
            except FileExistsError:
                attempt += 1
        run = cls(path, record)
        try:
            run.hold()
            run.checkpoints.mkdir()
            run.save_record()
        except OSError:
            run.release()
            shutil.rmtree(path, ignore_errors=True)  # nothing is lost: it is new
            raise
        return run

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Returns the run in an existing directory, without locking it.

        The run may come from someone else. A symbolic link in it could point to any file, and a resumed run or an
        evaluation would write there. A pipe or device could block whoever reads it.

        Raises:
            InvalidRun: the directory does not contain a valid record, or it contains a link, a pipe or a device.
        """
        if not path.is_dir():
            raise InvalidRun("it is not a directory")
        if special := next(_special_files(path), None):
            name = special.relative_to(path).as_posix()
            raise InvalidRun(f"its {name} is a symbolic link, pipe or device; replace it with a file or directory")
        try:
            text = (path / RECORD_FILE).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise InvalidRun(f"it does not contain a {RECORD_FILE}") from None
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidRun(f"its {RECORD_FILE} cannot be read ({type(error).__name__})") from None
        return cls(path, RunRecord.from_json(text))

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def summaries(self) -> Path:
        return self.path / "summaries"

    @property
    def best_model(self) -> Path:
        return self.path / BEST_MODEL_FILE

    @property
    def best_checkpoint(self) -> Path:
        return self.path / self.record.best_checkpoint

    def intact_best_checkpoint(self) -> Checkpoint | None:
        """Returns the best checkpoint, or its copy `best_model.keras` if the checkpoint is damaged or missing; None if
        both are. Early records have no checksum, so any file is accepted.
        """
        for path in (self.best_checkpoint, self.best_model):
            with contextlib.suppress(OSError):
                sha256 = sha256_of(path.read_bytes())
                if sha256 == (self.record.best_checkpoint_sha256 or sha256):
                    return Checkpoint(path, sha256)
        return None

    @property
    def states(self) -> Path:
        return self.path / "states"

    def hold(self) -> None:
        """Locks the run for this process until `release` is called or the process ends.

        Raises:
            RunIsHeld: another process has locked the run.
        """
        owner = self.path / ".owner"
        try:
            self._lock.acquire(wait=False)
        except Timeout:
            name = "another process"
            with contextlib.suppress(OSError, UnicodeDecodeError):
                name = owner.read_text(encoding="utf-8")
            mark = self._lock.mark
            advice = f"; if that process has ended, delete {mark}" if mark else ""
            raise RunIsHeld(f"{self.name} is being trained by {name}{advice}") from None
        write_text_atomically(owner, f"process {os.getpid()} on {platform.node()}")

    def release(self) -> None:
        """Unlocks the run."""
        self._lock.release()

    def save_record(self) -> None:
        """Writes the record to disk atomically."""
        write_text_atomically(self.path / RECORD_FILE, self.record.to_json())


def _special_files(folder: Path) -> Iterator[Path]:
    """Yields everything below the directory that is neither a file nor a directory, such as a symbolic link."""
    with contextlib.suppress(OSError):  # whoever needs the contents of an unreadable directory reports that
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if entry.is_dir(follow_symlinks=False):
                yield from _special_files(Path(entry.path))
            elif not entry.is_file(follow_symlinks=False):
                yield Path(entry.path)


@dataclass(frozen=True)
class FoundRuns:
    """The contents of a runs directory, oldest first.

    Attributes:
        runs_dir: the directory.
        runs: the valid runs.
        skipped: for each other entry, the reason why it is not a valid run, by name.
    """

    runs_dir: Path
    runs: list[RunFolder] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Names of all entries, valid or not."""
        return [*(run.name for run in self.runs), *self.skipped]


def find_runs(runs_dir: Path, names: Sequence[str] = ()) -> FoundRuns:
    """Returns the runs in a runs directory.

    Args:
        runs_dir: the runs directory.
        names: names of the runs to return, in this order; all runs if empty. "runs/a_run/" means "a_run".

    Raises:
        UsageError: the directory or a named run does not exist.
    """
    try:
        present = sorted(path.name for path in runs_dir.iterdir() if not path.name.startswith("."))
    except OSError as error:
        is_missing = isinstance(error, FileNotFoundError) and not broken_link(runs_dir)
        advice = "train a preset first" if is_missing else remedy(error, runs_dir)
        raise UsageError(
            f"runs directory {runs_dir} cannot be read ({reason(error)}); "
            f"{advice}, or choose another directory with --runs-dir"
        ) from None
    found = FoundRuns(runs_dir)
    for name in dict.fromkeys(Path(name).name for name in names) or present:
        if name not in present:
            raise UsageError(f"run {name!r} does not exist in {runs_dir}")
        try:
            found.runs.append(RunFolder.open(runs_dir / name))
        except InvalidRun as invalid:
            found.skipped[name] = str(invalid)
    return found
