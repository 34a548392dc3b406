"""What a run says about itself in its `record.json`. Imports no TensorFlow."""

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
    """Something in the runs folder is not a valid run; the text is the reason."""


class RunStatus(StrEnum):
    """How far a run has come."""

    RUNNING = "running"
    FINISHED = "finished"
    DIVERGED = "diverged"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


@dataclass
class RunRecord:
    """What is known about a run.

    Attributes:
        preset_number: in the registry when the run was created.
        preset: complete, as it was trained; the registry may have changed since.
        seed: of initial weights, shuffles, dropout and deformations.
        reason: why the run failed; "" if it did not.
        started, finished: ISO 8601, UTC; `finished` is "" while running.
        versions: of Python and the packages.
        machine: operating system, processor, number of cores.
        data_set: name of the data set.
        data_sha256: of the decoded files trained on, by name.
        best_epoch: the one with the highest validation accuracy, the earliest if several are equal. A final fit has
            seen the validation images, so it keeps its last epoch. 0 before the first.
        best_checkpoint: of that epoch, relative to the run folder; "" before the first.
        best_checkpoint_sha256: of its bytes.
        epochs: one dict per epoch with the keys epoch, seconds, learning_rate, train, validation and layers. `train`
            and `validation` hold loss, cross_entropy, l2_penalty and accuracy; `layers` holds the fields of
            `LayerStatistics` by layer (missing in records of old versions).
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
        """The data set that it is trained on."""
        return DATA_SETS[self.data_set]

    @property
    def is_done(self) -> bool:
        """Whether the training came to its end, so that there is nothing to resume."""
        return self.status in (RunStatus.FINISHED, RunStatus.DIVERGED) and bool(self.finished)

    @property
    def best_validation_accuracy(self) -> float:
        """Validation accuracy of the best epoch, 0.0 before the first; a final fit was trained on these images."""
        return self.epochs[self.best_epoch - 1]["validation"]["accuracy"] if self.best_epoch else 0.0

    @property
    def training_seconds(self) -> float:
        """Wall-clock time of all epochs together."""
        return sum(epoch["seconds"] for epoch in self.epochs)

    def to_json(self) -> str:
        """Returns the record as JSON, one line per epoch; NaN and Infinity are written by these names."""
        values = {**vars(self), "preset": self.preset.to_dict()}
        del values["epochs"]
        head = json.dumps({"record_version": RECORD_VERSION, **values}, indent=1).removesuffix("\n}")
        # Python's indented JSON is slow: with hundreds of epochs it would take a noticeable share of an epoch's time.
        epochs = ",\n  ".join(json.dumps(epoch) for epoch in self.epochs)
        return f'{head},\n "epochs": [\n  {epochs}\n ]\n}}'

    @classmethod
    def from_json(cls, text: str) -> RunRecord:
        """Returns the record that `to_json` wrote, in this version or an earlier one; missing fields get defaults.

        Raises:
            InvalidRun: the text is not a valid record, or was written by a newer version.
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
            raise InvalidRun(f"its {RECORD_FILE} holds no valid preset: {error}") from None
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
            raise InvalidRun(f"its {RECORD_FILE} is damaged ({type(error).__name__})") from None
        return record

    def _check(self) -> None:
        """Checks what this program relies on.

        Raises:
            InvalidRun, UsageError, ValueError, TypeError, KeyError: something is wrong.
        """
        self.status = RunStatus(self.status)
        if self.data_set not in DATA_SETS:
            raise InvalidRun(f"its data set {self.data_set!r} is unknown; known: {', '.join(DATA_SETS)}")
        require_fit(self.preset, self.trained_on)
        if not re.fullmatch(r"(checkpoints/[A-Za-z0-9_]+\.keras)?", self.best_checkpoint):  # stays inside the folder
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


def _require_known_fields(values: dict[str, Any]) -> None:
    known = {record_field.name: record_field for record_field in fields(RunRecord)}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise InvalidRun(
            f"its {RECORD_FILE} has fields that this version does not know ({', '.join(unknown)[:80]}); "
            "use the version that wrote it"
        )
    for name, record_field in known.items():
        has_default = record_field.default is not MISSING or record_field.default_factory is not MISSING
        if name not in values and not has_default:
            raise KeyError(name)


def _rename_old_keys(values: dict[str, Any]) -> None:
    """Renames "dev", which old versions wrote in every epoch, to "validation"."""
    for epoch in values.get("epochs", ()):
        if "dev" in epoch:
            epoch["validation"] = epoch.pop("dev")
