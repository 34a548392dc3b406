"""Creates run directories for tests, builds reports from them, and reads the files of a report."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from math import exp, log, sqrt
from pathlib import Path
from statistics import mean, variance

import numpy as np
import openpyxl
from scipy.stats import t

from mnist_mlp.evaluation.predictions import TestPredictions
from mnist_mlp.evaluation.score_tables import EVAL_COLUMNS
from mnist_mlp.evaluation.seed_spread import LEARNED_PRIOR, VARIANCE_FREEDOM
from mnist_mlp.presets.preset import Preset
from mnist_mlp.report.building import build_report
from mnist_mlp.report.content import ReportContent
from mnist_mlp.report.next_steps import Trainer
from mnist_mlp.runs.info_tables import InfoLogs
from mnist_mlp.runs.record import RunRecord
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.runs.text_table import replace_table
from tests.helpers import PROJECT

DATA = PROJECT / "MNIST_data"


def make_run(
    folder: Path, number: int, preset: Preset, accuracy: float, seed=1602, status="finished", shares=(0.5, 1.0, 0.9)
):
    """Creates a run directory and its row in INFOS. The accuracy of each epoch is a share of `accuracy`."""
    epochs = []
    for epoch, share in enumerate(shares, start=1):
        losses = {"loss": 1.5 - share, "cross_entropy": 1.4 - share, "l2_penalty": 0.1}
        metrics = {**losses, "accuracy": round(accuracy * share, 4)}
        epochs.append(
            {"epoch": epoch, "seconds": 1.25, "learning_rate": 0.001, "train": metrics, "validation": metrics}
        )
    record = RunRecord(number, preset, seed, status, finished="2026-01-01T00:00:00+00:00", epochs=epochs)
    record.best_epoch, record.best_checkpoint = 2, "checkpoints/epoch_000002.keras"
    run = RunFolder.create(folder / "runs", 1_700_000_000 + number, record)
    (folder / "INFOS").mkdir(exist_ok=True)
    InfoLogs(folder / "INFOS").append_run(run)
    return run


def score_runs(folder: Path, scores: dict[RunFolder, tuple[float, np.ndarray | None]], labels: np.ndarray) -> None:
    """Writes each run's accuracy to eval_log.txt, and its predictions if the indices of wrong images are given."""
    rows = []
    for run, (accuracy, wrong) in scores.items():
        identity = {"run": run.name, "preset": run.record.preset_number, "seed": run.record.seed}
        rows.append({**identity, "test_accuracy": accuracy, "test_loss": 0.1})
        if wrong is not None:
            predicted = labels.copy()
            predicted[wrong] = (labels[wrong] + 1) % 10
            confidence = np.full(len(labels), 0.9, np.float32)
            TestPredictions(predicted.astype(np.uint8), confidence, confidence / 2).save(run.path)
    replace_table(folder / "INFOS" / "eval_log.txt", EVAL_COLUMNS, rows)


def build(folder: Path) -> ReportContent:
    """Builds the report on the runs in the directory, and writes it to the subdirectory out/."""
    (folder / "out").mkdir(exist_ok=True)
    return build_report(folder / "runs", folder / "INFOS", DATA, folder / "out", Trainer("python MNIST_train.py"))


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_sheet(path: Path, name: str) -> list[dict[str, object]]:
    rows = openpyxl.load_workbook(path)[name].iter_rows(values_only=True)
    headings = next(rows)
    return [dict(zip(headings, row, strict=True)) for row in rows]


def add_layers(run: RunFolder, **values: float) -> RunFolder:
    """Adds these layer statistics, and typical values for all others, to every layer and epoch of the run."""
    typical = {"activation_mean": 0.1, "activation_std": 1.0, "dead_units": 0.0, "gradient_norm": 0.5}
    typical |= {"weight_norm": 10.0, "update_ratio": 0.001, "l2_penalty": 0.0}
    names = [f"hidden_{index + 1}" for index in range(len(run.record.preset.hidden_sizes))] + ["logits"]
    for epoch in run.record.epochs:
        epoch["layers"] = {name: {**typical, **values} for name in names}
    run.save_record()
    return run


def preset_spread(accuracies: Sequence[float], repeated: Sequence[float] = ()) -> tuple[float, float]:
    """Returns the standard deviation of a preset's log odds and its degrees of freedom, with its own formulas.

    Args:
        accuracies: the accuracies of the preset, above 90%.
        repeated: the accuracies of the only preset with several seeds.
    """
    squares, pooled = LEARNED_PRIOR.freedom * LEARNED_PRIOR.deviation**2, LEARNED_PRIOR.freedom
    if len(repeated) > 1:
        more = 2 / ((1 + 2 / (len(repeated) - 1)) * (VARIANCE_FREEDOM - 2) / (VARIANCE_FREEDOM - 4) - 1)
        squares += more * variance(map(logit, repeated))
        pooled += more
    prior = VARIANCE_FREEDOM * pooled / (VARIANCE_FREEDOM + pooled)
    typical, own = (VARIANCE_FREEDOM - 2) / VARIANCE_FREEDOM * squares / pooled, len(accuracies) - 1
    moderated = prior * typical + (own * variance(map(logit, accuracies)) if own else 0)
    return sqrt(moderated / (prior + own)), prior + own


def seed_interval(accuracies: Sequence[float], repeated: Sequence[float] = ()) -> tuple[float, float]:
    """Returns the 95% interval for a preset's mean accuracy over seeds. For the arguments, see `preset_spread`."""
    deviation, freedom = preset_spread(accuracies, repeated)
    reach = t.ppf(0.975, freedom) * deviation / sqrt(len(accuracies))
    center = logit(mean(accuracies))
    low, high = (1.0001 / (1 + exp(-odds)) - 5e-5 for odds in (center - reach, center + reach))
    return low, high


def logit(accuracy: float) -> float:
    """Returns log(right / wrong) of 10,000 images, with half an image added to both."""
    return log((accuracy + 5e-5) / (1 - accuracy + 5e-5))
