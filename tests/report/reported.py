"""Creates runs and report contents in memory, without files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from unittest.mock import patch

import numpy as np
from matplotlib.figure import Figure

from mnist_mlp.drawing.style import WIDTH, Picture
from mnist_mlp.presets.changes import PresetName
from mnist_mlp.presets.preset import Preset
from mnist_mlp.report import content
from mnist_mlp.report.building import build_report
from mnist_mlp.report.content import ReportContent, gather
from mnist_mlp.report.evidence import Evidence, ReportedRun
from mnist_mlp.report.experiments import Experiment
from mnist_mlp.report.next_steps import Trainer
from mnist_mlp.report.reading import LAYER_MEASURES
from mnist_mlp.runs.record import RunRecord, RunStatus

TRAIN = (0.5, 0.7, 0.99)
VALIDATION = (0.6, 0.9, 0.8)  # the second epoch is the best


def reported_run(
    number: int,
    preset: Preset,
    validation: Sequence[float] = VALIDATION,
    test_accuracy: float | None = None,
    seed: int = 1602,
    layers: dict[str, float] | None = None,
) -> ReportedRun:
    """Returns a run with these accuracies.

    The cross-entropy is 1 - accuracy, the L2 penalty is 0.1 (0.2 in training), and an epoch takes `number` minutes.
    """
    train = TRAIN if len(validation) == len(TRAIN) else tuple(validation)
    parts = {"train": (train, 0.2), "validation": (validation, 0.1)}
    epochs = [
        {
            "epoch": index + 1,
            "seconds": 60.0 * number,
            "learning_rate": 0.001,
            **{part: {"accuracy": accuracies[index]} for part, (accuracies, _) in parts.items()},
        }
        for index in range(len(validation))
    ]
    best = int(np.argmax(validation)) + 1
    record = RunRecord(number, preset, seed, RunStatus.FINISHED, epochs=epochs)
    record.best_epoch, record.best_checkpoint = best, f"checkpoints/epoch_{best:06d}.keras"
    curves = {}
    for part, (accuracies, penalty) in parts.items():
        curves[f"{part} accuracy"] = np.array(accuracies)
        curves[f"{part} cross_entropy"] = 1 - np.array(accuracies)
        curves[f"{part} l2_penalty"] = np.full(len(accuracies), penalty)
    shape = (len(epochs), preset.weight_layers)
    values = {measure: np.full(shape, 0.5) for measure in LAYER_MEASURES}
    values |= {measure: np.full(shape, value) for measure, value in (layers or {}).items()}
    name = f"{number}_{seed}"
    return ReportedRun(name, Path(name), record, curves, values if layers is not None else None, test_accuracy)


def experiment(number: int, *test_accuracies: float | None) -> Experiment:
    """Returns an experiment with one seed per test accuracy; the last two epochs are equal."""
    preset = Preset(batch_size=number)
    runs = [
        reported_run(number, preset, (0.5, 0.98, 0.98), accuracy, seed) for seed, accuracy in enumerate(test_accuracies)
    ]
    return Experiment(preset, (PresetName(number),), runs)


def content_of(*runs: ReportedRun, registered: Mapping[int, Preset] = MappingProxyType({})) -> ReportContent:
    """Returns the content of a report about these runs."""
    with patch.object(content, "read_evidence", return_value=Evidence(list(runs))):
        return gather(Path(), Path(), Path(), Trainer("python MNIST_train.py", registered))


def write_report(output_dir: Path, *runs: ReportedRun) -> str:
    """Writes the report about these runs and returns its page."""
    with patch.object(content, "read_evidence", return_value=Evidence(list(runs))):
        build_report(Path(), Path(), Path(), output_dir, Trainer("python MNIST_train.py"))
    return (output_dir / "report.html").read_text(encoding="utf-8")


def painted(picture: Picture) -> Figure:
    """Returns a figure with the picture painted on it."""
    figure = Figure(figsize=(WIDTH, picture.height))
    picture.paint(figure)
    return figure
