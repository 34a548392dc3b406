"""One run on disk: its folder, its record, where its files are. Imports no TensorFlow."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from mnist_mlp.errors import UsageError
from mnist_mlp.files import write_text_atomically
from mnist_mlp.presets.preset import Preset

RECORD_FILE = "record.json"
RECORD_VERSION = 1
BEST_MODEL_FILE = "best_model.keras"
STATUSES = ("running", "finished", "diverged", "interrupted", "failed")


class InvalidRun(Exception):
    """A thing in the runs folder is no run of ours; the text is the reason."""


class RunIsHeld(Exception):
    """A run is being trained by another process; the text names it."""


@dataclass
class RunRecord:
    """What a run says of itself in its `record.json`.

    Attributes:
        preset_number: in the registry when the run was made.
        preset: complete, as it was trained; the registry may have changed since.
        seed: of initial weights, shuffles, dropout and deformations.
        status: one of STATUSES.
        reason: why the run failed, "" for one that did not.
        started, finished: ISO 8601, UTC; finished is "" while running.
        versions: of Python and the packages.
        machine: operating system, processor, number of cores.
        data_sha256: of the decoded files trained on, by name.
        best_epoch: with the highest validation accuracy, the earliest of equals; of a final fit, which has seen the
            validation images, the last. 0 before the first.
        best_checkpoint: of that epoch, relative to the run folder; "" before the first.
        best_checkpoint_sha256: of its bytes.
        epochs: for each epoch a dict of epoch, seconds, learning_rate, train, dev and layers; train and dev of loss,
            cross_entropy, l2_penalty and accuracy, layers of a `LayerStatistics` by layer (older runs lack it).
    """

    preset_number: int
    preset: Preset
    seed: int
    status: str = "running"
    reason: str = ""
    started: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    finished: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=dict)
    data_sha256: dict[str, str] = field(default_factory=dict)
    best_epoch: int = 0
    best_checkpoint: str = ""
    best_checkpoint_sha256: str = ""
    epochs: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_done(self) -> bool:
        """Whether it has ended as it should, so that there is nothing to go on with."""
        return self.status in ("finished", "diverged") and bool(self.finished)

    @property
    def best_validation_accuracy(self) -> float:
        """Validation accuracy of the best epoch, 0.0 before the first; of a final fit, that of images it has seen."""
        return self.epochs[self.best_epoch - 1]["validation"]["accuracy"] if self.best_epoch else 0.0

    @property
    def training_seconds(self) -> float:
        """Wall-clock time of all epochs together."""
        return sum(epoch["seconds"] for epoch in self.epochs)

    def to_json(self) -> str:
        """Returns the record as JSON, a line an epoch; NaN and Infinity are written by those names, as Python does."""
        values = {**vars(self), "preset": self.preset.to_dict()}
        del values["epochs"]
        head = json.dumps({"record_version": RECORD_VERSION, **values}, indent=1).removesuffix("\n}")
        # Python indents JSON so slowly that with hundreds of epochs it would take longer than an epoch's share of time.
        epochs = ",\n  ".join(json.dumps(epoch) for epoch in self.epochs)
        return f'{head},\n "epochs": [\n  {epochs}\n ]\n}}'

    @classmethod
    def from_json(cls, text: str) -> RunRecord:
        """Returns the record of `to_json`.

        Raises:
            InvalidRun: the text is no such record, or one of another version.
        """
        try:
            values = json.loads(text)
            version = values.pop("record_version")
            for epoch in values["epochs"]:
                if "dev" in epoch:  # the name that earlier versions wrote
                    epoch["validation"] = epoch.pop("dev")
            if version != RECORD_VERSION:
                raise InvalidRun(
                    f"its {RECORD_FILE} is of version {version!r}, this program reads version {RECORD_VERSION}"
                )
            record = cls(**{**values, "preset": Preset.from_dict(values["preset"])})
            record._check()
        except UsageError as error:
            raise InvalidRun(f"its {RECORD_FILE} holds no valid preset: {error}") from None
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
            raise InvalidRun(f"its {RECORD_FILE} is damaged ({type(error).__name__})") from None
        return record

    def _check(self) -> None:
        if self.status not in STATUSES:
            raise ValueError
        if not re.fullmatch(r"(checkpoints/[A-Za-z0-9_]+\.keras)?", self.best_checkpoint):  # nothing outside the folder
            raise ValueError
        if [epoch["epoch"] for epoch in self.epochs] != list(range(1, len(self.epochs) + 1)):
            raise ValueError
        whole = ((self.preset_number, 1, 10**9), (self.seed, 0, 2**32 - 1), (self.best_epoch, 0, len(self.epochs)))
        if not all(type(number) is int and low <= number <= high for number, low, high in whole):
            raise ValueError
        if not all(
            isinstance(number, int | float) for number in (self.best_validation_accuracy, self.training_seconds)
        ):
            raise TypeError


class RunFolder:
    """A run's folder and the record in it; the record on disk changes only by `save_record`."""

    def __init__(self, path: Path, record: RunRecord) -> None:
        self.path = path
        self.record = record
        self._lock = FileLock(path / ".lock")

    @classmethod
    def create(cls, runs_dir: Path, unix_time: int, record: RunRecord) -> RunFolder:
        """Makes a new folder `<unix time>_preset<NN>`, with a further number where that name is taken."""
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
            InvalidRun: it holds no record that can be read.
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
        """Takes the run for this process, until it calls `release` or ends, however it ends.

        Raises:
            RunIsHeld: another process has it.
        """
        owner = self.path / ".owner"
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            name = owner.read_text(encoding="utf-8") if owner.exists() else "another process"
            raise RunIsHeld(f"{self.name} is being trained by {name}") from None
        owner.write_text(f"process {os.getpid()} on {platform.node()}", encoding="utf-8")

    def release(self) -> None:
        self._lock.release()

    def save_record(self) -> None:
        write_text_atomically(self.path / RECORD_FILE, self.record.to_json())


def scan(runs_dir: Path, names: Sequence[str] = ()) -> Iterator[tuple[str, RunFolder | InvalidRun]]:
    """Gives each thing in the runs folder by name, oldest first: a run, or the reason why it is none.

    Args:
        names: only these; all where empty.

    Raises:
        UsageError: there is no such folder, or no such run in it.
    """
    try:
        found = sorted(path.name for path in runs_dir.iterdir() if not path.name.startswith("."))
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(
            f"runs folder {runs_dir} cannot be read ({reason}); train first or name it with --runs-dir"
        ) from None
    chosen = dict.fromkeys(Path(name).name for name in names)  # "runs/a_run/", as a shell completes it, is "a_run"
    for name in chosen or found:
        if name not in found:
            raise UsageError(f"there is no run {name!r} in {runs_dir}")
        try:
            yield name, RunFolder.open(runs_dir / name)
        except InvalidRun as reason:
            yield name, reason
