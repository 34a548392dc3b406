"""The measurements on disk: results.json, which the next command continues, and results.md for reading."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.measurement import Measurement
from benchmarks.speed_tables import markdown
from mnist_mlp.disk.disk_errors import reason, remedy
from mnist_mlp.disk.files import write_text_atomically
from mnist_mlp.disk.strict_json import to_json
from mnist_mlp.errors import UsageError, WorkFailed

FILE = "results.json"
MAY_CHANGE = {"date"}  # a benchmark can be continued on another day


@dataclass
class Results:
    """The measurements so far and their conditions.

    Attributes:
        folder: the directory of the files.
    """

    folder: Path
    conditions: dict[str, str]
    measurements: list[Measurement] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path) -> Results:
        """Reads results.json.

        Raises:
            UsageError: it cannot be read, or this program has not written it.
        """
        path = folder / FILE
        try:
            content = json.loads(path.read_bytes())
            measurements = [Measurement(**values) for values in content["measurements"]]
            return cls(folder, dict(content["conditions"]), measurements)
        except OSError as error:
            raise UsageError(f"cannot read {path} ({reason(error)}); {remedy(error, path)}") from None
        except (ValueError, KeyError, TypeError):
            raise UsageError(f"{path} does not contain results of this version; {_ELSEWHERE}") from None

    @classmethod
    def continued(cls, folder: Path, conditions: dict[str, str]) -> Results:
        """Returns the results that the directory contains, or new ones. Failed measurements can be tried again.

        Raises:
            UsageError: the results cannot be read, or were measured under other conditions.
        """
        if not (folder / FILE).exists():
            return cls(folder, conditions)
        results = cls.read(folder)
        for name in (results.conditions | conditions).keys() - MAY_CHANGE:
            before, now = results.conditions.get(name, "unknown"), conditions.get(name, "unknown")
            if before != now:
                raise UsageError(
                    f"{folder / FILE} was measured under other conditions ({name}: {before}, now {now}); {_ELSEWHERE}"
                )
        for measurement in results.measurements:
            measurement.failure = ""
        return results

    def find(self, table: str, row: str, how: str, processes: int = 1) -> Measurement:
        """Returns a measurement, which is created if it does not exist."""
        wanted = Measurement(table, row, how, processes)
        for found in self.measurements:
            if (found.table, found.row, found.how, found.processes) == (table, row, how, processes):
                return found
        self.measurements.append(wanted)
        return wanted

    def save(self) -> None:
        """Writes both files.

        Raises:
            WorkFailed: they cannot be written. Their earlier content is not affected.
        """
        content = {"conditions": self.conditions, "measurements": [asdict(each) for each in self.measurements]}
        try:
            write_text_atomically(self.folder / FILE, to_json(content, indent=1) + "\n")
            write_text_atomically(self.folder / "results.md", markdown(self.conditions, self.measurements))
        except OSError as error:
            raise WorkFailed(f"cannot write to {self.folder} ({reason(error)}); {remedy(error, self.folder)}") from None


_ELSEWHERE = "choose another directory with --output-dir"
