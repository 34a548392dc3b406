"""Scores runs on the test set and stores each result in the run directory."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mnist_mlp.data.deskewing import as_seen_by
from mnist_mlp.data.images import LabeledImages
from mnist_mlp.data.loading import load_test_data
from mnist_mlp.disk.disk_errors import reason, remedy
from mnist_mlp.errors import WorkFailed
from mnist_mlp.evaluation.events import write_evaluation
from mnist_mlp.evaluation.scores import ScoredRun, TestScore
from mnist_mlp.evaluation.scoring import load_best_model, logits_of, logits_of_ensemble, score
from mnist_mlp.runs.record import InvalidRun
from mnist_mlp.runs.run_folder import RunFolder


@dataclass
class Evaluation:
    """The result of scoring runs.

    Attributes:
        scored: the runs that could be scored, in the given order.
        skipped: the reasons why the other runs were skipped, by run name.
        logits: the logits of each scored run, float32 [images, classes].
        labels: the labels of the test images; None if no run was scored.
    """

    scored: list[ScoredRun] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    logits: list[np.ndarray] = field(default_factory=list)
    labels: np.ndarray | None = None

    def ensemble(self) -> TestScore:
        """Returns the score of the ensemble of all scored runs: the mean of their class probabilities."""
        return score(logits_of_ensemble(self.logits), self.labels)[0]


def evaluate(runs: Iterable[RunFolder], data_dir: Path, on_start: Callable[[RunFolder], None]) -> Evaluation:
    """Scores runs and writes their predictions and TensorBoard events to the run directories.

    Args:
        data_dir: directory with the data set files.
        on_start: called before each run is scored.

    Raises:
        WorkFailed: the test data cannot be loaded, or a run directory cannot be written.
    """
    evaluation = Evaluation()
    load = functools.cache(functools.partial(load_test_data, data_dir))
    for run in runs:
        on_start(run)
        test = load(run.record.trained_on)
        try:
            logits, test_score = _score_run(run, test)
        except InvalidRun as invalid:
            evaluation.skipped[run.name] = str(invalid)
            continue
        except OSError as error:
            raise WorkFailed(f"cannot write to {run.path} ({reason(error)}); {remedy(error, run.path)}") from None
        evaluation.scored.append(ScoredRun(run, test_score))
        evaluation.logits.append(logits)
        evaluation.labels = test.labels
    return evaluation


def _score_run(run: RunFolder, test: LabeledImages) -> tuple[np.ndarray, TestScore]:
    """Writes the run's predictions and events; returns its logits [images, classes] and score."""
    record = run.record
    logits = logits_of(load_best_model(run), as_seen_by(record.preset, test, record.trained_on))
    test_score, predictions = score(logits, test.labels)
    predictions.save(run.path)
    write_evaluation(run, predictions, test)
    return logits, test_score
