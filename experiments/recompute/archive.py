"""Reads the runs in an archive and groups them by preset."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

PROJECT = Path(__file__).resolve().parents[2]
LEARNED, GUESSING = 0.9, 0.2


@dataclass(frozen=True)
class Run:
    """A run in the archive: its name, record, and test accuracy."""

    name: str
    record: Mapping[str, Any]
    accuracy: float

    @property
    def preset(self) -> str:
        """The hyperparameters as text, which is equal for equal presets."""
        return json.dumps(self.record["preset"], sort_keys=True)

    @property
    def validation(self) -> list[float]:
        """Validation accuracy of each epoch."""
        part = "validation" if "validation" in self.record["epochs"][0] else "dev"  # as in older records
        return [epoch[part]["accuracy"] for epoch in self.record["epochs"]]


def read_runs(archive: Path) -> list[Run]:
    """Returns the runs in the archive, scored with the test labels."""
    with gzip.open(PROJECT / "MNIST_data" / "t10k-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read()[8:], np.uint8)
    with tarfile.open(archive) as file:
        contents = {member.name: file.extractfile(member).read() for member in file if member.isfile()}
    runs = []
    for name, content in contents.items():
        if name.endswith("record.json"):
            predictions = np.load(io.BytesIO(contents[name.replace("record.json", "test_predictions.npz")]))
            accuracy = float((predictions["predicted"] == labels).mean())
            runs.append(Run(Path(name).parent.name, json.loads(content), accuracy))
    return runs


@dataclass(frozen=True)
class Preset:
    """A preset with one run for each seed."""

    values: Mapping[str, Any]
    numbers: tuple[int, ...]
    runs: tuple[Run, ...]

    @property
    def accuracies(self) -> np.ndarray:
        return np.array([run.accuracy for run in self.runs])

    @property
    def mean(self) -> float:
        return float(self.accuracies.mean())

    @property
    def has_learned(self) -> bool:
        return self.mean >= LEARNED

    @property
    def validation(self) -> float:
        return float(np.mean([max(run.validation) for run in self.runs]))

    @property
    def has_failed(self) -> bool:
        return any(max(run.validation) < GUESSING for run in self.runs)

    def is_same_as(self, other: Preset) -> bool:
        """Whether both gave the same networks."""
        mine, others = ({run.record["seed"]: run.validation for run in each.runs} for each in (self, other))
        common = mine.keys() & others.keys()
        return bool(common) and all(mine[seed] == others[seed] for seed in common)


def presets_of(runs: Iterable[Run]) -> list[Preset]:
    """Groups runs by hyperparameters; the newest run of each seed counts."""
    grouped: dict[str, dict[int, Run]] = defaultdict(dict)
    numbers: dict[str, set[int]] = defaultdict(set)
    for run in sorted(runs, key=lambda run: run.record["started"]):
        grouped[run.preset][run.record["seed"]] = run
        numbers[run.preset].add(run.record["preset_number"])
    presets = [
        Preset(json.loads(text), tuple(sorted(numbers[text])), tuple(seeds[seed] for seed in sorted(seeds)))
        for text, seeds in grouped.items()
    ]
    return sorted(presets, key=lambda preset: preset.numbers)


def label(preset: Preset) -> str:
    first, *others = map(str, preset.numbers)
    return f"{first} (= {', '.join(others)})" if others else first
