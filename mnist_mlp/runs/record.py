"""The record of a run, stored in its `record.json`. Does not import TensorFlow."""

from __future__ import annotations

import json
import math
import re
from dataclasses import MISSING, dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from mnist_mlp.data.dataset import DATA_SETS, DataSet
from mnist_mlp.data.requirements import require_fit
from mnist_mlp.disk.strict_json import null_to_nan, to_json
from mnist_mlp.errors import UsageError
from mnist_mlp.presets.changes import PresetName
from mnist_mlp.presets.declarations import HYPERPARAMETERS
from mnist_mlp.presets.preset import Preset

RECORD_FILE = "record.json"
RECORD_VERSION = 1
MAX_THREADS = 1024
THREADS_OF_OLD_RUNS = 2  # of every run that was recorded before the number of threads was


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
        changed: names of the hyperparameters that the command line changed, so that `preset` is not the preset with
            this number. Empty for a preset as it is in the registry, and then not written to the file.
        seed: seed of the initial weights, shuffles, dropout and data augmentation.
        threads: number of threads that the run trains with. It can change the last bits of a result.
        reason: why the run failed or diverged; "" if it did neither.
        started, finished: times in ISO 8601, UTC. `finished` is "" until the run ends.
        versions: versions of Python and the main packages, by name, when the run started.
        machine: operating system, processor and number of cores when the run started.
        parts: where the epochs were trained, one dict for each change, with the keys first_epoch, versions and machine.
            A record from an old version has one part.
        data_set: name of the data set.
        data_sha256: SHA-256 of the decompressed training files, by file name.
        best_epoch: the epoch with the highest validation accuracy, or the earliest one in case of a tie. In a final fit
            (which also trains on the validation images), it is the last epoch. 0 before the first epoch.
        best_checkpoint: path of that epoch's checkpoint, relative to the run directory; "" before the first epoch.
        best_checkpoint_sha256: SHA-256 of that file.
        epochs: one dict per epoch with the keys epoch, seconds, learning_rate, train, validation and layers. `train`
            and `validation` contain loss, cross_entropy, l2_penalty and accuracy. `layers` contains the fields of
            `LayerStatistics` by layer name; records from old versions do not have it. In memory, a number that the file
            has as null is NaN.
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
    parts: list[dict[str, Any]] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    threads: int = THREADS_OF_OLD_RUNS
    data_set: str = "mnist"
    data_sha256: dict[str, str] = field(default_factory=dict)
    best_epoch: int = 0
    best_checkpoint: str = ""
    best_checkpoint_sha256: str = ""
    epochs: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.parts:
            self.parts = [{"first_epoch": 1, "versions": self.versions, "machine": self.machine}]

    @property
    def preset_name(self) -> PresetName:
        """The preset's name in tables and messages, which includes the changes from the command line."""
        return PresetName.of(self.preset_number, self.preset, self.changed)

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

    def continue_on(self, versions: dict[str, str], machine: dict[str, Any]) -> None:
        """Records that the next epoch and all later ones are trained with these versions on this machine."""
        part = {"first_epoch": len(self.epochs) + 1, "versions": versions, "machine": machine}
        parts = [earlier for earlier in self.parts if earlier["first_epoch"] < part["first_epoch"]]
        if not parts:
            self.versions, self.machine = versions, machine
        if not parts or (parts[-1]["versions"], parts[-1]["machine"]) != (versions, machine):
            parts.append(part)
        self.parts = parts

    def to_json(self) -> str:
        """Returns the record as JSON, one line per epoch. NaN and infinity are written as null."""
        values = {**vars(self), "preset": self.preset.to_dict()}
        del values["epochs"]
        if not self.changed:
            del values["changed"]
        head = to_json({"record_version": RECORD_VERSION, **values}, indent=1).removesuffix("\n}")
        # Indented JSON is slow in Python. With hundreds of epochs, it would take noticeable time in every epoch.
        epochs = ",\n  ".join(to_json(epoch) for epoch in self.epochs)
        return f'{head},\n "epochs": [\n  {epochs}\n ]\n}}'

    @classmethod
    def from_json(cls, text: str) -> RunRecord:
        """Returns the record in JSON text from this version or an earlier one. Missing fields get their defaults.

        Earlier versions wrote `NaN` and `Infinity`. They are accepted.

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
            if "null" in text:  # rare
                values["epochs"] = [null_to_nan(epoch) for epoch in values.get("epochs", ())]
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
        if type(self.changed) is not list or not all(name in HYPERPARAMETERS for name in self.changed):
            raise ValueError
        # The checkpoint must be inside the run directory.
        if not re.fullmatch(r"(checkpoints/[A-Za-z0-9_]+\.keras)?", self.best_checkpoint):
            raise ValueError
        if [epoch["epoch"] for epoch in self.epochs] != list(range(1, len(self.epochs) + 1)):
            raise ValueError
        integers = [
            (self.preset_number, 1, 10**9),
            (self.seed, 0, 2**32 - 1),
            (self.threads, 1, MAX_THREADS),
            (self.best_epoch, 0, len(self.epochs)),
        ]
        if not all(type(number) is int and low <= number <= high for number, low, high in integers):
            raise ValueError
        if not isinstance(self.best_validation_accuracy, int | float) or not math.isfinite(self.training_seconds):
            raise TypeError
        _check_parts(self)


def _check_parts(record: RunRecord) -> None:
    """Checks what a resume compares and prints.

    Raises:
        ValueError, TypeError, KeyError, IndexError, AttributeError: a value is invalid.
    """
    firsts = [part["first_epoch"] for part in record.parts]
    if any(type(first) is not int for first in firsts) or firsts != sorted(set(firsts)):
        raise ValueError
    if firsts[0] != 1 or firsts[-1] > len(record.epochs) + 1:
        raise ValueError
    described = [{"versions": record.versions, "machine": record.machine}, *record.parts]
    values = [value for part in described for kind in ("versions", "machine") for value in part[kind].values()]
    values += record.data_sha256.values()
    if not all(value is None or type(value) is int or (type(value) is str and value.isprintable()) for value in values):
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
