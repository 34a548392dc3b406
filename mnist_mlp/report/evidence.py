"""The data behind the report: every run with its curves, test accuracy, and predictions."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mnist_mlp.data.dataset import MNIST
from mnist_mlp.evaluation.predictions import TestPredictions
from mnist_mlp.presets.preset import Preset
from mnist_mlp.runs.record import RunRecord, RunStatus

TESTED_IMAGES = MNIST.test_images


@dataclass(eq=False)
class ReportedRun:
    """A run with its scores and predictions. Objects are compared by identity.

    Attributes:
        name: name of the run directory, with unprintable characters replaced.
        folder: path of the run directory.
        record: the record written during training.
        curves: the curves, float64 [epochs], by name: "train accuracy", "validation cross_entropy", ... Losses are in
            nats.
        layers: the layer statistics, float64 [epochs, weight layers], by field name of `LayerStatistics`. Layers are
            ordered from input to output. NaN in epochs without statistics. None if no epoch has any, as in records
            written by older versions.
        test_accuracy, test_loss: values from eval_log.txt, or None if the run is not scored.
        predictions: the prediction for each test image, or None if predictions were not saved.
    """

    name: str
    folder: Path
    record: RunRecord
    curves: dict[str, np.ndarray]
    layers: dict[str, np.ndarray] | None = None
    test_accuracy: float | None = None
    test_loss: float | None = None
    predictions: TestPredictions | None = None

    @property
    def preset(self) -> Preset:
        """The run's hyperparameters."""
        return self.record.preset

    @property
    def is_comparable(self) -> bool:
        """Whether the run finished or diverged, has a best epoch, and was not trained on the validation images."""
        has_ended = self.record.status in (RunStatus.FINISHED, RunStatus.DIVERGED) and self.record.best_epoch > 0
        return has_ended and not self.preset.final_fit

    @property
    def validation_accuracy(self) -> float:
        """Validation accuracy of the best epoch."""
        return self.record.best_validation_accuracy


@dataclass(frozen=True)
class ReportedEnsemble:
    """An ensemble: the names of its runs, and the test accuracy of their averaged probabilities."""

    runs: tuple[str, ...]
    test_accuracy: float


@dataclass(eq=False)
class Evidence:
    """All data that the report can use.

    Attributes:
        runs: all runs, oldest first.
        skipped: the reasons why entries of the runs directory were skipped, by name.
        notes: problems that do not exclude a run.
        ensembles: the ensembles in ensemble_log.txt, if all of their runs are present.
        test_labels: int [test images], or None if no run has predictions.
        test_pixels: uint8 [test images, pixels], or None if no run has predictions.
    """

    runs: list[ReportedRun] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    ensembles: list[ReportedEnsemble] = field(default_factory=list)
    test_labels: np.ndarray | None = None
    test_pixels: np.ndarray | None = None
