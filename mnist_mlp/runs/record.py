"""The record of a run, stored in its `record.json`. Does not import TensorFlow."""

from __future__ import annotations

import json
import re
from dataclasses import MISSING, dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from mnist_mlp.data.dataset import DATA_SETS, DataSet
from mnist_mlp.data.requirements import require_fit
from mnist_mlp.errors import UsageError
from mnist_mlp.presets.preset import Preset

RECORD_FILE = "record.json"
RECORD_VERSION = 1


class InvalidRun(Exception):
    """Something in the runs directory is not a valid run. The message gives the reason."""


class RunStatus(StrEnum):
    """The status of a run."""

    RUNNING = "running"
    FINISHED = "finished"
    DIVERGED = "diverged"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


@dataclass
class RunRecord:
    """Everything that is known about a run.

    Attributes:
        preset_number: the preset's number in the registry when the run was created.
        preset: the complete preset that was trained. The registry may have changed since.
        seed: seed of the initial weights, shuffles, dropout and data augmentation.
        reason: why the run failed; "" if it did not fail.
        started, finished: times in ISO 8601, UTC. `finished` is "" until the run ends.
        versions: versions of Python and the main packages, by name.
        machine: operating system, processor and number of cores.
        data_set: name of the data set.
        data_sha256: SHA-256 of the decompressed training files, by file name.
        best_epoch: the epoch with the highest validation accuracy, or the earliest one in case of a tie. In a final fit
            (which also trains on the validation images), it is the last epoch. 0 before the first epoch.
        best_checkpoint: path of that epoch's checkpoint, relative to the run directory; "" before the first epoch.
        best_checkpoint_sha256: SHA-256 of that file.
        epochs: one dict per epoch with the keys epoch, seconds, learning_rate, train, validation and layers. `train`
            and `validation` contain loss, cross_entropy, l2_penalty and accuracy. `layers` contains the fields of
            `LayerStatistics` by layer name; records from old versions do not have it.
    """

    preset_number: int
    preset: Preset
    seed: int
    status: RunStatus = RunStatus.RUNNING
    reason: str = ""
    started: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    finished: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=dict)
    data_set: str = "mnist"
    data_sha256: dict[str, str] = field(default_factory=dict)
    best_epoch: int = 0
    best_checkpoint: str = ""
    best_checkpoint_sha256: str = ""
    epochs: list[dict[str, Any]] = field(default_factory=list)

    @property
    def trained_on(self) -> DataSet:
        """The data set that the run was trained on."""
        return DATA_SETS[self.data_set]

    @property
    def is_done(self) -> bool:
        """Whether training has ended and there is nothing to resume."""
        return self.status in (RunStatus.FINISHED, RunStatus.DIVERGED) and bool(self.finished)

    @property
    def best_validation_accuracy(self) -> float:
        """Validation accuracy of the best epoch; 0.0 before the first epoch. A final fit trains on these images."""
        return self.epochs[self.best_epoch - 1]["validation"]["accuracy"] if self.best_epoch else 0.0

    @property
    def training_seconds(self) -> float:
        """Total wall-clock time of all epochs."""
        return sum(epoch["seconds"] for epoch in self.epochs)

    def to_json(self) -> str:
        """Returns the record as JSON, one line per epoch. NaN and infinity are written as `NaN` and `Infinity`."""
        values = {**vars(self), "preset": self.preset.to_dict()}
        del values["epochs"]
        head = json.dumps({"record_version": RECORD_VERSION, **values}, indent=1).removesuffix("\n}")
        # Indented JSON is slow in Python. With hundreds of epochs, it would take noticeable time in every epoch.
        epochs = ",\n  ".join(json.dumps(epoch) for epoch in self.epochs)
        return f'{head},\n "epochs": [\n  {epochs}\n ]\n}}'

    @classmethod
    def from_json(cls, text: str) -> RunRecord:
        """Returns the record in JSON text from this version or an earlier one. Missing fields get their defaults.

        Raises:
            InvalidRun: the text is not a valid record or was written by a newer version.
        """
        try:
            values = json.loads(text)
            version = values.pop("record_version")
            if version != RECORD_VERSION:
                raise InvalidRun(
                    f"its {RECORD_FILE} has version {version!r}, but this program reads version {RECORD_VERSION}"
                )
            _require_known_fields(values)
            _rename_old_keys(values)
            values["preset"] = Preset.from_dict(values["preset"])
            record = cls(**values)
            record._check()
        except UsageError as error:
            raise InvalidRun(f"its {RECORD_FILE} has an invalid preset: {error}") from None
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
            raise InvalidRun(f"its {RECORD_FILE} is damaged ({type(error).__name__})") from None
        return record

    def _check(self) -> None:
        """Checks the values that the program relies on.

        Raises:
            InvalidRun, UsageError, ValueError, TypeError, KeyError: a value is invalid.
        """
        self.status = RunStatus(self.status)
        if self.data_set not in DATA_SETS:
            raise InvalidRun(f"its data set {self.data_set!r} is unknown; known data sets: {', '.join(DATA_SETS)}")
        require_fit(self.preset, self.trained_on)
        # The checkpoint must be inside the run directory.
        if not re.fullmatch(r"(checkpoints/[A-Za-z0-9_]+\.keras)?", self.best_checkpoint):
            raise ValueError
        if [epoch["epoch"] for epoch in self.epochs] != list(range(1, len(self.epochs) + 1)):
            raise ValueError
        integers = ((self.preset_number, 1, 10**9), (self.seed, 0, 2**32 - 1), (self.best_epoch, 0, len(self.epochs)))
        if not all(type(number) is int and low <= number <= high for number, low, high in integers):
            raise ValueError
        if not all(
            isinstance(number, int | float) for number in (self.best_validation_accuracy, self.training_seconds)
        ):
            raise TypeError


def _require_known_fields(values: dict[str, Any]) -> None:
    known = {record_field.name: record_field for record_field in fields(RunRecord)}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise InvalidRun(
            f"its {RECORD_FILE} has fields unknown to this version ({', '.join(unknown)[:80]}); "
            "use the version that wrote it"
        )
    for name, record_field in known.items():
        has_default = record_field.default is not MISSING or record_field.default_factory is not MISSING
        if name not in values and not has_default:
            raise KeyError(name)


def _rename_old_keys(values: dict[str, Any]) -> None:
    """Renames the key "dev", which old versions wrote in every epoch, to "validation"."""
    for epoch in values.get("epochs", ()):
        if "dev" in epoch:
            epoch["validation"] = epoch.pop("dev")
