"""Scores runs on the test set and writes each result to the run directory and to the score tables.

A run that has not changed since it was scored is not scored again: its score is computed from its stored logits.
TensorFlow is imported only if a run must be scored.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mnist_mlp.data.images import LabeledImages
from mnist_mlp.data.loading import load_test_data
from mnist_mlp.disk.disk_errors import explained
from mnist_mlp.errors import WorkFailed
from mnist_mlp.evaluation.best_checkpoint import Checkpoint, best_checkpoint
from mnist_mlp.evaluation.predictions import logits_of_ensemble, score
from mnist_mlp.evaluation.score_tables import write_scores
from mnist_mlp.evaluation.scores import ScoredRun, TestScore
from mnist_mlp.evaluation.stored_logits import are_stored, source_of_logits, store_logits, stored_logits
from mnist_mlp.runs.record import InvalidRun
from mnist_mlp.runs.run_folder import FoundRuns, RunFolder


@dataclass
class Evaluation:
    """The result of scoring runs.

    Attributes:
        scored: the runs that have a score, in the given order.
        skipped: the reasons why the other runs were skipped, by run name.
        unchanged: number of scored runs whose stored logits were used.
        ensemble: the score of the ensemble of all scored runs; None if it was not asked for, or is not possible.
    """

    scored: list[ScoredRun] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    unchanged: int = 0
    ensemble: TestScore | None = None


@dataclass(frozen=True, eq=False)
class _Result:
    """The logits of a run, float32 [images, classes], the labels of the images, and the score."""

    logits: np.ndarray
    labels: np.ndarray
    score: TestScore


def evaluate(
    found: FoundRuns,
    data_dir: Path,
    info_dir: Path,
    *,
    only_these: bool,
    again: bool = False,
    ensemble: bool = False,
    say: Callable[[str], None],
    show: Callable[[str], None] = lambda activity: None,
) -> Evaluation:
    """Scores runs. Writes predictions and TensorBoard events to the run directories, and the score tables.

    Args:
        found: the runs, and the entries of the runs directory that are not valid runs.
        data_dir: directory with the data set files.
        info_dir: directory with the score tables.
        only_these: whether the user named the runs. If so, rows of other runs stay in the table, and an ensemble needs
            all of the runs.
        again: whether to score all runs, even if they have not changed.
        ensemble: whether to score the ensemble of the runs: the mean of their class probabilities.
        say: called with each line to print.
        show: called with what is being done.

    Raises:
        WorkFailed: no run can be scored, the test data cannot be loaded, or a result cannot be written.
        UsageError: a score table has unexpected columns or cannot be read.
    """
    evaluation = Evaluation(skipped=dict(found.skipped))
    results = _results(found.runs, data_dir, evaluation, again, show)
    for name, why in sorted(evaluation.skipped.items()):
        say(f"Skipped {name}: {why}")
    if not results:
        raise WorkFailed(f"none of the runs in {found.runs_dir} could be evaluated")
    if evaluation.unchanged:
        say(f"Used stored predictions for the unchanged runs: {evaluation.unchanged} of {len(results)}")
    evaluation.scored = [ScoredRun(run, results[run.name].score) for run in found.runs if run.name in results]
    if ensemble and len(results) > 1 and not (only_these and evaluation.skipped):
        in_order = [results[scored.run.name] for scored in evaluation.scored]
        evaluation.ensemble = score(logits_of_ensemble([result.logits for result in in_order]), in_order[-1].labels)[0]
    write_scores(info_dir, evaluation.scored, evaluation.ensemble, found.names if only_these else None)
    return evaluation


def _results(
    runs: Iterable[RunFolder], data_dir: Path, evaluation: Evaluation, again: bool, show: Callable[[str], None]
) -> dict[str, _Result]:
    """Returns the results by run name. Adds the other runs to `skipped`, and counts the unchanged runs."""
    load = functools.cache(functools.partial(load_test_data, data_dir))
    results: dict[str, _Result] = {}
    changed: list[tuple[RunFolder, Checkpoint]] = []
    for run in runs:
        with _skipping(evaluation, run):
            checkpoint = best_checkpoint(run)
            stored = None if again else _stored_result(run, checkpoint, load(run.record.trained_on))
            if stored:
                results[run.name] = stored
            else:
                changed.append((run, checkpoint))
    evaluation.unchanged = len(results)
    if changed:
        show("Starting TensorFlow")
        from mnist_mlp.evaluation.scoring import order_for_sharing

        for run, checkpoint in sorted(changed, key=lambda item: order_for_sharing(item[0])):
            show(f"Evaluating {run.name}")
            with _skipping(evaluation, run):
                results[run.name] = _new_result(run, checkpoint, load(run.record.trained_on))
    return results


@contextlib.contextmanager
def _skipping(evaluation: Evaluation, run: RunFolder) -> Iterator[None]:
    """Adds the run to `skipped` if it turns out to be invalid."""
    try:
        yield
    except InvalidRun as invalid:
        evaluation.skipped[run.name] = str(invalid)


def _stored_result(run: RunFolder, checkpoint: Checkpoint, test: LabeledImages) -> _Result | None:
    """Returns the result from the run's stored logits, or None if the run must be scored."""
    logits = stored_logits(run, source_of_logits(run, checkpoint.sha256))
    if logits is None:
        return None
    test_score, predictions = score(logits, test.labels)
    return _Result(logits, test.labels, test_score) if are_stored(run, predictions) else None


def _new_result(run: RunFolder, checkpoint: Checkpoint, test: LabeledImages) -> _Result:
    """Scores the run. Writes its events, then its predictions, which mark it as scored."""
    from mnist_mlp.evaluation.events import write_evaluation
    from mnist_mlp.evaluation.scoring import logits_of_best

    logits = logits_of_best(run, checkpoint.path, test)
    test_score, predictions = score(logits, test.labels)
    try:
        write_evaluation(run, predictions, test)
        store_logits(run, logits, predictions, source_of_logits(run, checkpoint.sha256))
    except OSError as error:
        raise WorkFailed(f"cannot write to {run.path} {explained(error, run.path)}") from None
    return _Result(logits, test.labels, test_score)
