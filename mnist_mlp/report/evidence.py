"""What the report rests on: every run with its curves, test accuracy and predictions, and what had to be left out."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from mnist_mlp.data.dataset import DEV_IMAGES, TEST_IMAGES, load_test_data
from mnist_mlp.evaluation.intervals import share_interval
from mnist_mlp.evaluation.predictions import TestPredictions
from mnist_mlp.presets.preset import Preset
from mnist_mlp.runs.info_tables import ENSEMBLE_COLUMNS, EVAL_COLUMNS, read_table
from mnist_mlp.runs.run_folder import InvalidRun, RunFolder, RunRecord, scan
from mnist_mlp.training.results import LayerStatistics

TESTED_IMAGES = TEST_IMAGES.shape[0]
VALIDATION_IMAGES = DEV_IMAGES
CURVES = ("accuracy", "cross_entropy", "l2_penalty")
LAYER_MEASURES = tuple(each.name for each in fields(LayerStatistics))
OF_MISSING_RUNS = "of runs that are not in the runs folder"
LARGEST = 1e80  # what a norm of float32 numbers stays below, and its square too


@dataclass(eq=False)
class ReportedRun:
    """A run as the report sees it. Compared by identity.

    Attributes:
        name: of its folder, without what cannot be printed.
        folder: where it is.
        record: as its training left it.
        curves: float64 [epochs] by "train accuracy", "validation cross_entropy", ...; losses in nats.
        layers: float64 [epochs, weight layers] by the names of `LayerStatistics`, from the pixels to the logits; NaN in
            epochs that do not say. None where no epoch does: older versions did not record it.
        test_accuracy, test_loss: from eval_log.txt, None where it was not scored.
        predictions: of each test image, None where they were not kept.
        right: bool [test images], whether the image was classified rightly; None where there are no predictions.
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
        return self.record.preset

    @property
    def is_comparable(self) -> bool:
        """Whether training ended by itself and left a best epoch, and validation images were not trained on."""
        has_ended = self.record.status in ("finished", "diverged") and self.record.best_epoch > 0
        return has_ended and not self.preset.final_fit

    @property
    def validation_accuracy(self) -> float:
        return self.record.best_validation_accuracy

    @property
    def test_correct(self) -> int:
        """Number of test images classified rightly; of a scored run."""
        return round(self.test_accuracy * TESTED_IMAGES)

    @property
    def test_interval(self) -> tuple[float, float]:
        """95% interval of a scored run's test accuracy that 10,000 images allow."""
        return share_interval(self.test_correct, TESTED_IMAGES)


@dataclass(frozen=True)
class ReportedEnsemble:
    """What the mean of some runs' probabilities scored; the names are those of runs that are reported."""

    runs: tuple[str, ...]
    test_accuracy: float


@dataclass(eq=False)
class Evidence:
    """All there is to report.

    Attributes:
        runs: oldest first.
        skipped: what is no run, and why.
        notes: what was found wrong with runs that are reported all the same.
        ensembles: of ensemble_log.txt, those whose runs are all there.
        test_labels: int [test images], None where no run has predictions.
        test_pixels: uint8 [test images, 784], likewise.
    """

    runs: list[ReportedRun]
    skipped: dict[str, str]
    notes: list[str]
    ensembles: list[ReportedEnsemble] = field(default_factory=list)
    test_labels: np.ndarray | None = None
    test_pixels: np.ndarray | None = None


def read_evidence(runs_dir: Path, info_dir: Path, data_dir: Path) -> Evidence:
    """Returns what is in the folders; what is damaged is left out with its reason.

    Raises:
        UsageError: there is no runs folder, or eval_log.txt or ensemble_log.txt is no such table.
        WorkFailed: the test images are missing, where a run has predictions.
    """
    evidence = Evidence([], {}, [])
    for name, found in scan(runs_dir):
        try:
            if isinstance(found, InvalidRun):
                raise found
            run = _reported(found)
        except InvalidRun as reason:
            evidence.skipped[printable(name)] = printable(str(reason))
            continue
        evidence.runs.append(run)
        try:
            run.layers = _layers(run.record)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            evidence.notes.append(
                f"{run.name}: what its record.json says of its layers is damaged ({type(error).__name__}) and left out."
            )
    final_fits = sum(run.preset.final_fit for run in evidence.runs)
    if final_fits:
        runs_are = "1 run is a final fit" if final_fits == 1 else f"{final_fits} runs are final fits"
        evidence.notes.append(
            f"{runs_are}, on all 60,000 images: there is no validation accuracy to choose by or to compare with, so "
            "no study has them."
        )
    _add_scores(evidence, read_table(info_dir / "eval_log.txt", EVAL_COLUMNS))
    _add_ensembles(evidence, read_table(info_dir / "ensemble_log.txt", ENSEMBLE_COLUMNS))
    _add_predictions(evidence, data_dir)
    return evidence


def printable(text: str) -> str:
    """Returns the text with a replacement for what no page or table can hold: control characters, broken names."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def _reported(run: RunFolder) -> ReportedRun:
    curves: dict[str, np.ndarray] = {}
    try:
        for part in ("train", "validation"):
            for curve in CURVES:
                values = [float(epoch[part][curve]) for epoch in run.record.epochs]
                curves[f"{part} {curve}"] = np.array(values, np.float64)
        all_finite = math.isfinite(run.record.training_seconds)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InvalidRun(f"its record.json is damaged ({type(error).__name__} in its epochs)") from None
    if not all_finite or not 0 <= run.record.best_validation_accuracy <= 1:
        raise InvalidRun("its record.json holds numbers that cannot be")
    return ReportedRun(printable(run.name), run.path, run.record, curves)


def _layers(record: RunRecord) -> dict[str, np.ndarray] | None:
    """Returns `ReportedRun.layers` of a record that anybody may have written.

    Raises:
        KeyError, TypeError, ValueError, OverflowError: it holds something else.
    """
    if not any("layers" in epoch for epoch in record.epochs):
        return None
    names = layer_names(record.preset)
    unknown = [[math.nan] * len(names)] * len(LAYER_MEASURES)
    values = np.array([_of_epoch(epoch["layers"], names) if "layers" in epoch else unknown for epoch in record.epochs])
    layers = {measure: values[:, index] for index, measure in enumerate(LAYER_MEASURES)}
    for measure, of_measure in layers.items():
        known = of_measure[np.isfinite(of_measure)]  # a training that diverges ends in others
        largest = 1 if measure == "dead_units" else LARGEST
        if (np.abs(known) > largest).any() or (measure != "activation_mean" and (known < 0).any()):
            raise ValueError
    return layers


def layer_names(preset: Preset) -> list[str]:
    """Returns the names of the layers that have weights, as `model.build_model` gives them."""
    return [*(f"hidden_{place}" for place in range(1, len(preset.hidden_sizes) + 1)), "logits"]


def _of_epoch(layers: Any, names: list[str]) -> list[list[float]]:
    values = [[layers[name][measure] for name in names] for measure in LAYER_MEASURES]
    if any(type(value) not in (int, float) for row in values for value in row):
        raise TypeError
    return [[float(value) for value in row] for row in values]


def _add_scores(evidence: Evidence, rows: Iterable[dict[str, Any]]) -> None:
    runs = {run.name: run for run in evidence.runs}
    without_run = 0
    for row in rows:
        name = printable(row["run"] or "")
        if name not in runs:
            without_run += 1
            continue
        accuracy, loss = _number(row["test_accuracy"]), _number(row["test_loss"])
        if 0 <= accuracy <= 1:
            runs[name].test_accuracy, runs[name].test_loss = accuracy, loss
        else:
            evidence.notes.append(f"eval_log.txt holds no accuracy for {name}; score it again with MNIST_eval.py.")
    if without_run:
        evidence.notes.append(_rows_left_out(without_run, "eval_log.txt", OF_MISSING_RUNS))


def _add_ensembles(evidence: Evidence, rows: Iterable[dict[str, Any]]) -> None:
    there = {run.name for run in evidence.runs}
    without_run = damaged = 0
    for row in rows:
        names, accuracy = tuple(printable(row["runs"] or "").split(" ")), _number(row["test_accuracy"])
        if not 0 <= accuracy <= 1:
            damaged += 1
        elif there.issuperset(names):
            evidence.ensembles.append(ReportedEnsemble(names, accuracy))
        else:
            without_run += 1
    if without_run:
        evidence.notes.append(_rows_left_out(without_run, "ensemble_log.txt", OF_MISSING_RUNS))
    if damaged:
        evidence.notes.append(_rows_left_out(damaged, "ensemble_log.txt", "without an accuracy"))


def _rows_left_out(rows: int, table: str, why: str) -> str:
    rows_are = f"1 row of {table} is" if rows == 1 else f"{rows} rows of {table} are"
    return f"{rows_are} {why}, and left out."


def _number(text: str | None) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        return math.nan


def _add_predictions(evidence: Evidence, data_dir: Path) -> None:
    without = []
    for run in evidence.runs:
        if run.test_accuracy is None:
            continue
        try:
            run.predictions = TestPredictions.load(run.folder)
        except InvalidRun as reason:
            evidence.notes.append(f"{run.name}: {reason}; score it again with MNIST_eval.py.")
            continue
        if run.predictions is None:
            without.append(run)
    if without:
        runs = "1 scored run has" if len(without) == 1 else f"{len(without)} scored runs have"
        evidence.notes.append(
            f"{runs} no test_predictions.npz, so they are compared by two-proportion intervals, which are wider than "
            "McNemar's; MNIST_eval.py writes the file."
        )
    if any(run.predictions for run in evidence.runs):
        test = load_test_data(data_dir)
        evidence.test_labels, evidence.test_pixels = test.labels, test.pixels
        for run in evidence.runs:
            if run.predictions:
                run.right = run.predictions.predicted == test.labels
                if int(run.right.sum()) != run.test_correct:
                    run.predictions = run.right = None
                    evidence.notes.append(
                        f"{run.name}: its test_predictions.npz and eval_log.txt disagree; score it again with "
                        "MNIST_eval.py."
                    )
