"""Tests the score tables eval_log.txt and ensemble_log.txt."""

from __future__ import annotations

from pathlib import Path

from mnist_mlp.evaluation.score_tables import log_ensemble, read_ensemble_log, read_eval_log, write_eval_log
from mnist_mlp.evaluation.scores import ScoredRun, TestScore
from mnist_mlp.runs.run_folder import RunFolder
from tests.helpers import a_record


def scored(name: str, correct: int, loss: float = 0.0456789012345) -> ScoredRun:
    record = a_record(preset_number=31, seed=1605)
    return ScoredRun(RunFolder(Path(name), record), TestScore(correct, 10_000, loss))


def test_eval_log_columns(tmp_path):
    write_eval_log(tmp_path, [scored("a", 9_750)])
    assert read_eval_log(tmp_path) == [
        {"run": "a", "preset": "31", "seed": "1605", "test_accuracy": "0.975", "test_loss": "0.045678901"}
    ]


def test_eval_log_replaces_rows_of_evaluated_runs(tmp_path):
    write_eval_log(tmp_path, [scored("b", 7_500), scored("a", 5_000)])
    write_eval_log(tmp_path, [scored("c", 2_500)], evaluated={"b", "c"})
    rows = read_eval_log(tmp_path)
    assert [(row["run"], row["test_accuracy"]) for row in rows] == [("a", "0.5"), ("c", "0.25")]
    write_eval_log(tmp_path, [scored("d", 1_250)])
    assert [row["run"] for row in read_eval_log(tmp_path)] == ["d"]


def test_ensemble_log_ignores_order_of_runs(tmp_path):
    for runs, correct, loss in ((["b", "a"], 5_000, 0.7), (["a", "c"], 2_500, 0.8), (["a", "b"], 7_500, 0.9)):
        log_ensemble(tmp_path, runs, TestScore(correct, 10_000, loss))
    assert read_ensemble_log(tmp_path) == [
        {"runs": "a c", "test_accuracy": "0.25", "test_loss": "0.8"},
        {"runs": "a b", "test_accuracy": "0.75", "test_loss": "0.9"},
    ]
