"""What the report is based on: every run with its curves, test accuracy and predictions."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mnist_mlp.data.dataset import MNIST
from mnist_mlp.evaluation.intervals import share_interval
from mnist_mlp.evaluation.predictions import TestPredictions
from mnist_mlp.presets.preset import Preset
from mnist_mlp.runs.record import RunRecord, RunStatus

TESTED_IMAGES = MNIST.test_images


@dataclass(eq=False)
class ReportedRun:
    """A run as the report sees it. Compared by identity.

    Attributes:
        name: of its folder, without characters that cannot be printed.
        folder: its path.
        record: as its training left it.
        curves: float64 [epochs] by "train accuracy", "validation cross_entropy", ...; losses in nats.
        layers: float64 [epochs, weight layers] by the names of `LayerStatistics`, from the pixels to the logits; NaN in
            epochs without them. None where no epoch has them: older versions did not record them.
        test_accuracy, test_loss: from eval_log.txt, None if it was not scored.
        predictions: for each test image, None if they were not kept.
        right: bool [test images], whether the image was classified correctly; None if there are no predictions.
    """

    name: str
    folder: Path
    record: RunRecord
    curves: dict[str, np.ndarray]
    layers: dict[str, np.ndarray] | None = None
    test_accuracy: float | None = None
    test_loss: float | None = None
    predictions: TestPredictions | None = None
    right: np.ndarray | None = None

    @property
    def preset(self) -> Preset:
        """Its hyperparameters."""
        return self.record.preset

    @property
    def is_comparable(self) -> bool:
        """Whether training ended by itself and left a best epoch, and did not train on validation images."""
        has_ended = self.record.status in (RunStatus.FINISHED, RunStatus.DIVERGED) and self.record.best_epoch > 0
        return has_ended and not self.preset.final_fit

    @property
    def validation_accuracy(self) -> float:
        """Of its best epoch."""
        return self.record.best_validation_accuracy

    @property
    def test_correct(self) -> int:
        """Number of test images classified correctly; of a scored run."""
        return round(self.test_accuracy * TESTED_IMAGES)

    @property
    def test_interval(self) -> tuple[float, float]:
        """95% interval of a scored run's test accuracy, over samples of as many test images."""
        return share_interval(self.test_correct, TESTED_IMAGES)


@dataclass(frozen=True)
class ReportedEnsemble:
    """The test accuracy of the mean of some runs' probabilities; the names are those of reported runs."""

    runs: tuple[str, ...]
    test_accuracy: float


@dataclass(eq=False)
class Evidence:
    """Everything that can be reported.

    Attributes:
        runs: oldest first.
        skipped: why something in the runs folder is not reported, by name.
        notes: problems of runs that are reported all the same.
        ensembles: of ensemble_log.txt, those whose runs are all there.
        test_labels: int [test images], None if no run has predictions.
        test_pixels: uint8 [test images, pixels], likewise.
    """

    runs: list[ReportedRun] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    ensembles: list[ReportedEnsemble] = field(default_factory=list)
    test_labels: np.ndarray | None = None
    test_pixels: np.ndarray | None = None
