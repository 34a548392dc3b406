"""The tables of scores in INFOS/: `eval_log.txt`, a row per run, and `ensemble_log.txt`. Imports no TensorFlow."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mnist_mlp.evaluation.scores import ScoredRun, TestScore
from mnist_mlp.runs.text_table import Column, lock_of, read_table, replace_table

EVAL_LOG_FILE = "eval_log.txt"
ENSEMBLE_LOG_FILE = "ensemble_log.txt"


# The value of a column of eval_log.txt is made from a scored run.
EVAL_LOG = (
    Column("run", lambda scored: scored.run.name),
    Column("preset", lambda scored: scored.run.record.preset_number),
    Column("seed", lambda scored: scored.run.record.seed),
    Column("test_accuracy", lambda scored: scored.score.accuracy),
    Column("test_loss", lambda scored: scored.score.loss),
)
EVAL_COLUMNS = [column.name for column in EVAL_LOG]
ENSEMBLE_COLUMNS = ["runs", "test_accuracy", "test_loss"]


def read_eval_log(info_dir: Path) -> list[dict[str, str]]:
    """Returns the rows of `eval_log.txt`; none where there is no file.

    Raises:
        UsageError: it has other columns, or cannot be read.
    """
    return read_table(info_dir / EVAL_LOG_FILE, EVAL_COLUMNS)


def read_ensemble_log(info_dir: Path) -> list[dict[str, str]]:
    """Returns the rows of `ensemble_log.txt`; none where there is no file.

    Raises:
        UsageError: it has other columns, or cannot be read.
    """
    return read_table(info_dir / ENSEMBLE_LOG_FILE, ENSEMBLE_COLUMNS)


def write_eval_log(info_dir: Path, scored: Iterable[ScoredRun], evaluated: Container[str] | None = None) -> None:
    """Replaces rows of `eval_log.txt` in one step, also while other evaluations do so.

    Args:
        scored: the runs to write.
        evaluated: names of runs whose old rows are dropped, while those of other runs stay; None drops all old rows.

    Raises:
        UsageError: the file has other columns, or cannot be read.
        OSError: it cannot be written.
    """
    path = info_dir / EVAL_LOG_FILE
    new: Sequence[Mapping[str, Any]] = [{column.name: column.value(run) for column in EVAL_LOG} for run in scored]
    with lock_of(path):
        kept = [] if evaluated is None else read_table(path, EVAL_COLUMNS)
        kept = [row for row in kept if row["run"] not in evaluated]
        replace_table(path, EVAL_COLUMNS, sorted([*kept, *new], key=lambda row: row["run"]))


def log_ensemble(info_dir: Path, runs: Iterable[str], score: TestScore) -> None:
    """Writes the score of an ensemble of these runs into `ensemble_log.txt`, in place of an earlier row of it.

    Raises:
        UsageError: the file has other columns, or cannot be read.
        OSError: it cannot be written.
    """
    path = info_dir / ENSEMBLE_LOG_FILE
    row = {"runs": " ".join(sorted(runs)), "test_accuracy": score.accuracy, "test_loss": score.loss}
    with lock_of(path):
        others = [other for other in read_table(path, ENSEMBLE_COLUMNS) if other["runs"] != row["runs"]]
        replace_table(path, ENSEMBLE_COLUMNS, [*others, row])
