"""Reads the evidence from runs/ and INFOS/. Skips damaged data and records the reason."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from mnist_mlp.data.dataset import MNIST
from mnist_mlp.data.loading import load_test_data
from mnist_mlp.evaluation.predictions import TestPredictions
from mnist_mlp.evaluation.score_tables import read_ensemble_log, read_eval_log
from mnist_mlp.report.evidence import TESTED_IMAGES, Evidence, ReportedEnsemble, ReportedRun
from mnist_mlp.report.wording import count
from mnist_mlp.runs.record import InvalidRun, RunRecord
from mnist_mlp.runs.run_folder import RunFolder, find_runs
from mnist_mlp.training.results import LayerStatistics, layer_names

CURVES = ("accuracy", "cross_entropy", "l2_penalty")
LAYER_MEASURES = tuple(measure.name for measure in fields(LayerStatistics))
MAX_NORM = 1e80  # upper bound for norms of float32 arrays; its square is finite in float64


def read_evidence(runs_dir: Path, info_dir: Path, data_dir: Path) -> Evidence:
    """Reads the runs, scores, and predictions.

    Raises:
        UsageError: the runs directory does not exist, or eval_log.txt or ensemble_log.txt is not a valid table.
        WorkFailed: a run has predictions, but the test images are missing and cannot be downloaded.
    """
    evidence = Evidence()
    found = find_runs(runs_dir)
    for name, reason in found.skipped.items():
        evidence.skipped[printable(name)] = printable(reason)
    for run in found.runs:
        _add_run(evidence, run)
    final_fits = sum(run.preset.final_fit for run in evidence.runs)
    if final_fits:
        evidence.notes.append(
            f"{count(final_fits, 'run is a final fit', 'runs are final fits')} (trained on the training and "
            "validation images). Final fits have no validation accuracy, so they are not part of any study."
        )
    _add_scores(evidence, read_eval_log(info_dir))
    _add_ensembles(evidence, read_ensemble_log(info_dir))
    _add_predictions(evidence, data_dir)
    return evidence


def printable(text: str) -> str:
    """Replaces unprintable characters, such as control characters and undecodable bytes of file names."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def _add_run(evidence: Evidence, run: RunFolder) -> None:
    if run.record.data_set != MNIST.name:
        evidence.skipped[printable(run.name)] = f"it was trained on {run.record.data_set}; the report covers only MNIST"
        return
    try:
        reported = ReportedRun(printable(run.name), run.path, run.record, _curves(run.record))
    except InvalidRun as reason:
        evidence.skipped[printable(run.name)] = printable(str(reason))
        return
    evidence.runs.append(reported)
    try:
        reported.layers = _layers(run.record)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        evidence.notes.append(
            f"{reported.name}: skipped the layer statistics in record.json; they are damaged ({type(error).__name__})."
        )


def _curves(record: RunRecord) -> dict[str, np.ndarray]:
    """Returns `ReportedRun.curves`. The record is not trusted, so its values are checked.

    Raises:
        InvalidRun: the record contains damaged numbers.
    """
    curves: dict[str, np.ndarray] = {}
    try:
        for part in ("train", "validation"):
            for curve in CURVES:
                values = [float(epoch[part][curve]) for epoch in record.epochs]
                curves[f"{part} {curve}"] = np.array(values, np.float64)
        is_finite = math.isfinite(record.training_seconds)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InvalidRun(f"its record.json is damaged ({type(error).__name__} in epochs)") from None
    if not is_finite or not 0 <= record.best_validation_accuracy <= 1:
        raise InvalidRun("its record.json contains invalid numbers")
    return curves


def _layers(record: RunRecord) -> dict[str, np.ndarray] | None:
    """Returns `ReportedRun.layers`. The record is not trusted, so its values are checked.

    Raises:
        KeyError, TypeError, ValueError, OverflowError: the layer statistics are damaged.
    """
    if not any("layers" in epoch for epoch in record.epochs):
        return None
    names = layer_names(record.preset)
    unknown = [[math.nan] * len(names)] * len(LAYER_MEASURES)
    values = np.array(
        [_layers_of_epoch(epoch["layers"], names) if "layers" in epoch else unknown for epoch in record.epochs]
    )
    layers = {measure: values[:, index] for index, measure in enumerate(LAYER_MEASURES)}
    for measure, by_epoch in layers.items():
        finite = by_epoch[np.isfinite(by_epoch)]  # in diverged runs, the last epoch has NaN or infinite values
        largest = 1 if measure == "dead_units" else MAX_NORM
        if (np.abs(finite) > largest).any() or (measure != "activation_mean" and (finite < 0).any()):
            raise ValueError
    return layers


def _layers_of_epoch(layers: Any, names: list[str]) -> list[list[float]]:
    values = [[layers[name][measure] for name in names] for measure in LAYER_MEASURES]
    if any(type(value) not in (int, float) for row in values for value in row):
        raise TypeError
    return [[float(value) for value in row] for row in values]


def _add_scores(evidence: Evidence, rows: Iterable[Mapping[str, Any]]) -> None:
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
            evidence.notes.append(
                f"{name}: eval_log.txt has no valid accuracy; run MNIST_eval.py to score this run again."
            )
    _note_skipped_rows(evidence, without_run, "eval_log.txt", "no matching run in the runs directory")


def _add_ensembles(evidence: Evidence, rows: Iterable[Mapping[str, Any]]) -> None:
    present = {run.name for run in evidence.runs}
    without_run = damaged = 0
    for row in rows:
        names, accuracy = tuple(printable(row["runs"] or "").split(" ")), _number(row["test_accuracy"])
        if not 0 <= accuracy <= 1:
            damaged += 1
        elif present.issuperset(names):
            evidence.ensembles.append(ReportedEnsemble(names, accuracy))
        else:
            without_run += 1
    _note_skipped_rows(evidence, without_run, "ensemble_log.txt", "not all member runs are in the runs directory")
    _note_skipped_rows(evidence, damaged, "ensemble_log.txt", "no valid accuracy")


def _note_skipped_rows(evidence: Evidence, rows: int, table: str, reason: str) -> None:
    if rows:
        evidence.notes.append(f"Skipped {count(rows, 'row')} of {table}: {reason}.")


def _number(text: str | None) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        return math.nan


def _add_predictions(evidence: Evidence, data_dir: Path) -> None:
    scored = [run for run in evidence.runs if run.test_accuracy is not None]
    without = 0
    for run in scored:
        try:
            run.predictions = TestPredictions.load(run.folder)
            without += run.predictions is None
        except InvalidRun as reason:
            evidence.notes.append(f"{run.name}: {reason}; run MNIST_eval.py to score this run again.")
    if without:
        evidence.notes.append(
            f"{count(without, 'scored run has', 'scored runs have')} no test_predictions.npz, so it is not known which "
            "images they misclassify. Run MNIST_eval.py to create the file."
        )
    if any(run.predictions for run in scored):
        test = load_test_data(data_dir)
        evidence.test_labels, evidence.test_pixels = test.labels, test.pixels
        for run in scored:
            _check_predictions(evidence, run)


def _check_predictions(evidence: Evidence, run: ReportedRun) -> None:
    """Drops the predictions if they do not match the accuracy in eval_log.txt."""
    if not run.predictions:
        return
    correct = int((run.predictions.predicted == evidence.test_labels).sum())
    if correct != round(run.test_accuracy * TESTED_IMAGES):
        run.predictions = None
        evidence.notes.append(
            f"{run.name}: test_predictions.npz does not match eval_log.txt; run MNIST_eval.py to score this run again."
        )
