"""Reads the evidence from runs/ and INFOS/. What is damaged is left out, with its reason."""

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
from mnist_mlp.report.evidence import Evidence, ReportedEnsemble, ReportedRun
from mnist_mlp.report.wording import count
from mnist_mlp.runs.record import InvalidRun, RunRecord
from mnist_mlp.runs.run_folder import RunFolder, find_runs
from mnist_mlp.training.results import LayerStatistics, layer_names

CURVES = ("accuracy", "cross_entropy", "l2_penalty")
LAYER_MEASURES = tuple(measure.name for measure in fields(LayerStatistics))
LARGEST = 1e80  # an upper bound of norms of float32 numbers; its square is finite too


def read_evidence(runs_dir: Path, info_dir: Path, data_dir: Path) -> Evidence:
    """Returns the content of the folders.

    Raises:
        UsageError: there is no runs folder, or eval_log.txt or ensemble_log.txt is not a valid table.
        WorkFailed: the test images are missing and a run has predictions.
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
            f"{count(final_fits, 'run is a final fit', 'runs are final fits')}, trained on the validation images too: "
            "there is no validation accuracy to choose by or to compare with, so they are in no study."
        )
    _add_scores(evidence, read_eval_log(info_dir))
    _add_ensembles(evidence, read_ensemble_log(info_dir))
    _add_predictions(evidence, data_dir)
    return evidence


def printable(text: str) -> str:
    """Returns the text with a replacement for what no page or table can hold: control characters, broken names."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def _add_run(evidence: Evidence, run: RunFolder) -> None:
    if run.record.data_set != MNIST.name:
        evidence.skipped[printable(run.name)] = f"it was trained on {run.record.data_set}; the report is about MNIST"
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
            f"{reported.name}: the layers in its record.json are damaged ({type(error).__name__}) and left out."
        )


def _curves(record: RunRecord) -> dict[str, np.ndarray]:
    """Returns `ReportedRun.curves` of a record that anybody may have written.

    Raises:
        InvalidRun: its numbers are damaged.
    """
    curves: dict[str, np.ndarray] = {}
    try:
        for part in ("train", "validation"):
            for curve in CURVES:
                values = [float(epoch[part][curve]) for epoch in record.epochs]
                curves[f"{part} {curve}"] = np.array(values, np.float64)
        is_finite = math.isfinite(record.training_seconds)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InvalidRun(f"its record.json is damaged ({type(error).__name__} in its epochs)") from None
    if not is_finite or not 0 <= record.best_validation_accuracy <= 1:
        raise InvalidRun("its record.json holds impossible numbers")
    return curves


def _layers(record: RunRecord) -> dict[str, np.ndarray] | None:
    """Returns `ReportedRun.layers` of a record that anybody may have written.

    Raises:
        KeyError, TypeError, ValueError, OverflowError: it is damaged.
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
        finite = by_epoch[np.isfinite(by_epoch)]  # a training that diverges ends with others
        largest = 1 if measure == "dead_units" else LARGEST
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
            evidence.notes.append(f"eval_log.txt has no accuracy for {name}; score it again with MNIST_eval.py.")
    _note_rows_left_out(evidence, without_run, "eval_log.txt", "of runs that are not in the runs folder")


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
    _note_rows_left_out(evidence, without_run, "ensemble_log.txt", "of runs that are not in the runs folder")
    _note_rows_left_out(evidence, damaged, "ensemble_log.txt", "without an accuracy")


def _note_rows_left_out(evidence: Evidence, rows: int, table: str, reason: str) -> None:
    if rows:
        verb = "is" if rows == 1 else "are"
        evidence.notes.append(f"{count(rows, 'row')} of {table} {verb} {reason}, and left out.")


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
            evidence.notes.append(f"{run.name}: {reason}; score it again with MNIST_eval.py.")
    if without:
        evidence.notes.append(
            f"{count(without, 'scored run has', 'scored runs have')} no test_predictions.npz, so they are compared by "
            "two-proportion intervals, which are wider than McNemar's; MNIST_eval.py writes the file."
        )
    if any(run.predictions for run in scored):
        test = load_test_data(data_dir)
        evidence.test_labels, evidence.test_pixels = test.labels, test.pixels
        for run in scored:
            _check_predictions(evidence, run)


def _check_predictions(evidence: Evidence, run: ReportedRun) -> None:
    """Keeps the predictions only if they agree with the accuracy in eval_log.txt."""
    if not run.predictions:
        return
    run.right = run.predictions.predicted == evidence.test_labels
    if int(run.right.sum()) != run.test_correct:
        run.predictions = run.right = None
        evidence.notes.append(
            f"{run.name}: its test_predictions.npz and eval_log.txt disagree; score it again with MNIST_eval.py."
        )
