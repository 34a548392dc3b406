"""Reads and writes the score tables in INFOS/. Does not import TensorFlow.

`eval_log.txt` has one row per run, `ensemble_log.txt` one row per ensemble.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mnist_mlp.disk.disk_errors import explained
from mnist_mlp.errors import WorkFailed
from mnist_mlp.evaluation.scores import ScoredRun, TestScore
from mnist_mlp.runs.text_table import Column, lock_of, read_table, replace_table

EVAL_LOG_FILE = "eval_log.txt"
ENSEMBLE_LOG_FILE = "ensemble_log.txt"


# The columns of eval_log.txt; each value is computed from a ScoredRun.
EVAL_LOG = (
    Column("run", lambda scored: scored.run.name),
    Column("preset", lambda scored: scored.run.record.preset_name.cell),
    Column("seed", lambda scored: scored.run.record.seed),
    Column("test_accuracy", lambda scored: scored.score.accuracy),
    Column("test_loss", lambda scored: scored.score.loss),
)
EVAL_COLUMNS = [column.name for column in EVAL_LOG]
ENSEMBLE_COLUMNS = ["runs", "test_accuracy", "test_loss"]


def read_eval_log(info_dir: Path) -> list[dict[str, str]]:
    """Returns the rows of `eval_log.txt`, or an empty list if there is no file.

    Raises:
        UsageError: the file has unexpected columns or cannot be read.
    """
    return read_table(info_dir / EVAL_LOG_FILE, EVAL_COLUMNS)


def read_ensemble_log(info_dir: Path) -> list[dict[str, str]]:
    """Returns the rows of `ensemble_log.txt`, or an empty list if there is no file.

    Raises:
        UsageError: the file has unexpected columns or cannot be read.
    """
    return read_table(info_dir / ENSEMBLE_LOG_FILE, ENSEMBLE_COLUMNS)


def write_scores(
    info_dir: Path, scored: Sequence[ScoredRun], ensemble: TestScore | None, evaluated: Container[str] | None
) -> None:
    """Writes `eval_log.txt` and, if there is an ensemble of these runs, `ensemble_log.txt`.

    Args:
        evaluated: see `write_eval_log`.

    Raises:
        UsageError: a file has unexpected columns or cannot be read.
        WorkFailed: a file cannot be written.
    """
    try:
        write_eval_log(info_dir, scored, evaluated)
        if ensemble:
            log_ensemble(info_dir, [scored_run.run.name for scored_run in scored], ensemble)
    except OSError as error:
        raise WorkFailed(f"cannot write to {info_dir} {explained(error, info_dir)}") from None


def write_eval_log(info_dir: Path, scored: Iterable[ScoredRun], evaluated: Container[str] | None = None) -> None:
    """Replaces rows of `eval_log.txt` atomically. Safe to call from several processes at the same time.

    Args:
        scored: the runs to write, with their scores.
        evaluated: names of the evaluated runs; their old rows are removed, others are kept. None removes all old rows.

    Raises:
        UsageError: the file has unexpected columns or cannot be read.
        OSError: the file cannot be written.
    """
    path = info_dir / EVAL_LOG_FILE
    new: Sequence[Mapping[str, Any]] = [{column.name: column.value(run) for column in EVAL_LOG} for run in scored]
    with lock_of(path):
        kept = [] if evaluated is None else read_table(path, EVAL_COLUMNS)
        kept = [row for row in kept if row["run"] not in evaluated]
        replace_table(path, EVAL_COLUMNS, sorted([*kept, *new], key=lambda row: row["run"]))


def log_ensemble(info_dir: Path, runs: Iterable[str], score: TestScore) -> None:
    """Writes the score of an ensemble to `ensemble_log.txt`, replacing an earlier row for the same runs.

    Raises:
        UsageError: the file has unexpected columns or cannot be read.
        OSError: the file cannot be written.
    """
    path = info_dir / ENSEMBLE_LOG_FILE
    row = {"runs": " ".join(sorted(runs)), "test_accuracy": score.accuracy, "test_loss": score.loss}
    with lock_of(path):
        others = [other for other in read_table(path, ENSEMBLE_COLUMNS) if other["runs"] != row["runs"]]
        replace_table(path, ENSEMBLE_COLUMNS, [*others, row])
