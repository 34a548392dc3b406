"""One run on disk: its folder, who holds it, where its files are. Imports no TensorFlow."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from mnist_mlp.errors import UsageError
from mnist_mlp.files import write_text_atomically
from mnist_mlp.runs.record import RECORD_FILE, InvalidRun, RunRecord

BEST_MODEL_FILE = "best_model.keras"


class RunIsHeld(Exception):
    """Another process is training this run; the text names it."""


class RunFolder:
    """A run's folder and its record; only `save_record` changes the record on disk."""

    def __init__(self, path: Path, record: RunRecord) -> None:
        self.path = path
        self.record = record
        self._lock = FileLock(path / ".lock")

    @classmethod
    def create(cls, runs_dir: Path, unix_time: int, record: RunRecord) -> RunFolder:
        """Creates and holds a new folder `<unix time>_preset<NN>`, with a suffix `_2`, `_3` if that name is taken."""
        name = f"{unix_time}_preset{record.preset_number:02d}"
        attempt = 1
        while True:
            path = runs_dir / (name if attempt == 1 else f"{name}_{attempt}")
            try:
                path.mkdir(parents=True)
                break
            except FileExistsError:
                attempt += 1
        run = cls(path, record)
        run.hold()
        run.checkpoints.mkdir()
        run.save_record()
        return run

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Returns the run of an existing folder.

        Raises:
            InvalidRun: it has no readable record.
        """
        if not path.is_dir():
            raise InvalidRun("it is not a folder")
        try:
            text = (path / RECORD_FILE).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise InvalidRun(f"it holds no {RECORD_FILE}") from None
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

    @property
    def states(self) -> Path:
        return self.path / "states"

    def hold(self) -> None:
        """Reserves the run for this process until `release` or the end of the process, whatever ends it.

        Raises:
            RunIsHeld: another process holds it.
        """
        owner = self.path / ".owner"
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            name = owner.read_text(encoding="utf-8") if owner.exists() else "another process"
            raise RunIsHeld(f"{self.name} is being trained by {name}") from None
        owner.write_text(f"process {os.getpid()} on {platform.node()}", encoding="utf-8")

    def release(self) -> None:
        """Lets other processes hold the run."""
        self._lock.release()

    def save_record(self) -> None:
        """Writes the record to disk in one step."""
        write_text_atomically(self.path / RECORD_FILE, self.record.to_json())


@dataclass(frozen=True)
class FoundRuns:
    """What is in a runs folder, oldest first.

    Attributes:
        runs: the valid ones.
        skipped: the reason for everything else, by name.
    """

    runs: list[RunFolder] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Names of everything that was found, valid or not."""
        return [*(run.name for run in self.runs), *self.skipped]


def find_runs(runs_dir: Path, names: Sequence[str] = ()) -> FoundRuns:
    """Returns the runs of a runs folder.

    Args:
        names: only these, in this order; all if empty. A path such as "runs/a_run/" means "a_run".

    Raises:
        UsageError: there is no such folder, or no such run in it.
    """
    try:
        present = sorted(path.name for path in runs_dir.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise UsageError(
            f"runs folder {runs_dir} cannot be read ({error.strerror or error}); "
            "train first or choose another with --runs-dir"
        ) from None
    found = FoundRuns()
    for name in dict.fromkeys(Path(name).name for name in names) or present:
        if name not in present:
            raise UsageError(f"there is no run {name!r} in {runs_dir}")
        try:
            found.runs.append(RunFolder.open(runs_dir / name))
        except InvalidRun as reason:
            found.skipped[name] = str(reason)
    return found
