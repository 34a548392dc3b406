"""Train, list, and score runs from the cells of a notebook. See docs/notebooks.md.

    from mnist_mlp.notebook import runs, score, train

    train("52-54", seeds=[1602, 1603], workers=2)
    score()
    pandas.DataFrame(runs())

Each function returns a `Table`: a list with one dict per run. `hyperparameters.py` is read again by every `train`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mnist_mlp.commands import PROJECT, relative_to_here, typed_path
from mnist_mlp.console.run_table import Table, read_test_scores, table_of_runs
from mnist_mlp.console.terminal import open_console, print_line
from mnist_mlp.console.training import train_jobs
from mnist_mlp.disk.files import require_writable_folder
from mnist_mlp.errors import UsageError, WorkFailed
from mnist_mlp.libraries.tensorflow_state import require_float32
from mnist_mlp.presets.checks import whole_number
from mnist_mlp.presets.loading import load_presets
from mnist_mlp.runs.record import MAX_THREADS, RunStatus
from mnist_mlp.runs.run_folder import find_runs
from mnist_mlp.sweep.plan import plan_new_runs

__all__ = ["Table", "runs", "score", "train"]

SEED = 1602
RUNS, INFOS, DATA = (PROJECT / name for name in ("runs", "INFOS", "MNIST_data"))


def train(
    presets: str | int | Iterable[int],
    seeds: int | Iterable[int] = SEED,
    epochs: int | None = None,
    workers: int | None = None,
    threads: int | None = None,
    changes: Mapping[str, Any] = MappingProxyType({}),
    skip_done: bool = False,
    runs_dir: str | Path = RUNS,
    info_dir: str | Path = INFOS,
    data_dir: str | Path = DATA,
) -> Table:
    """Trains presets from hyperparameters.py, like MNIST_train.py, and returns the table of their runs.

    With several workers, every run trains in a worker process. With one worker, runs train in this process, so that the
    next call needs no new start of TensorFlow. The number of threads can change the last bits of a result, and
    TensorFlow fixes it for a process when it computes for the first time. If a run needs another number, or another
    cell has changed how TensorFlow runs functions, it trains in a worker process after all. Results do not depend on
    this.

    Args:
        presets: a number, numbers, or text such as "9-13,31".
        seeds: one or several seeds; each preset is trained once per seed.
        epochs: number of epochs; None uses that of each preset.
        workers: number of runs to train in parallel; None means one per core, as memory allows, or one on a GPU.
        threads: number of threads per run; None means one, or more if there are fewer runs than cores.
        changes: values of hyperparameters that replace those of every preset.
        skip_done: whether to skip every preset and seed that already has a finished run.

    Raises:
        UsageError: an argument or hyperparameters.py is invalid.
        WorkFailed: a run failed. It and all other runs are recorded.
        KeyboardInterrupt: the notebook's stop button was pressed; unfinished runs are recorded as interrupted.
    """
    seeds = [whole_number(0, 2**32 - 1)("seeds", seed) for seed in _several(seeds)]
    if not seeds:
        raise UsageError("seeds: none is given")
    workers = workers if workers is None else whole_number(1, 1000)("workers", workers)
    if not isinstance(changes, Mapping):
        raise UsageError(f"changes: must be a dict such as {{'dropout': 0.1}}, not {changes!r}")
    threads = threads if threads is None else whole_number(1, MAX_THREADS)("threads", threads)
    chosen = load_presets().select(presets if isinstance(presets, str) else _several(presets))
    folders = _here(runs_dir), _here(info_dir), _here(data_dir)
    for folder, name in zip(folders, ("runs_dir", "info_dir"), strict=False):
        require_writable_folder(folder, name)
    plan = plan_new_runs(chosen, seeds, epochs, folders[0] if skip_done else None, changes=changes, threads=threads)
    trained = train_jobs(plan.jobs, open_console(), *folders, workers=workers) if plan.jobs else []
    failed = [f"{run.name} ({run.record.reason})" for run in trained if run.record.status is RunStatus.FAILED]
    if failed:
        raise WorkFailed(f"{len(failed)} of {len(trained)} runs failed: {', '.join(failed)}")
    return table_of_runs(trained, {})


def runs(runs_dir: str | Path = RUNS, info_dir: str | Path = INFOS) -> Table:
    """Returns the table of all runs, oldest first: results, test scores, and every hyperparameter that is not always at
    its default. Values that do not exist yet, such as the test accuracy before `score`, are None.

    Raises:
        UsageError: the directory or the score table cannot be read.
    """
    found = find_runs(_here(runs_dir))
    for name, reason in found.skipped.items():
        print_line(open_console(), f"Skipped {name}: {reason}")
    return table_of_runs(found.runs, read_test_scores(_here(info_dir)))


def score(
    names: str | Sequence[str] = (),
    again: bool = False,
    runs_dir: str | Path = RUNS,
    info_dir: str | Path = INFOS,
    data_dir: str | Path = DATA,
) -> Table:
    """Evaluates finished runs on the test images, like MNIST_eval.py, and returns their scores, best first.

    Args:
        names: names of the runs to evaluate; all runs if empty.
        again: whether to evaluate all of these runs again, even those that have not changed since they were evaluated.

    Raises:
        UsageError: a run does not exist, or another cell has set up Keras differently.
        WorkFailed: none of the runs could be evaluated, or a result cannot be written.
    """
    names = [names] if isinstance(names, str) else list(names)
    runs_dir, info_dir = _here(runs_dir), _here(info_dir)
    found = find_runs(runs_dir, names)
    if not found.names:
        raise WorkFailed(f"{runs_dir} contains no runs; train a preset first")
    require_writable_folder(info_dir, "info_dir")
    require_float32()
    from mnist_mlp.evaluation.evaluate import evaluate  # imports SciPy

    say = functools.partial(print_line, open_console())
    evaluation = evaluate(found, _here(data_dir), info_dir, only_these=bool(names), again=again, say=say)
    best_first = sorted(evaluation.scored, key=lambda scored: scored.score.accuracy, reverse=True)
    scores = {scored.run.name: (scored.score.accuracy, scored.score.loss) for scored in best_first}
    return table_of_runs([scored.run for scored in best_first], scores)


def _here(folder: str | Path) -> Path:
    """Returns a short form of the path, for messages."""
    try:
        return relative_to_here(typed_path(folder))
    except TypeError:
        raise UsageError(f"{folder!r} is not the name of a directory") from None


def _several(value: Any) -> list[Any]:
    """Returns a list of the values, which may be a single value. NumPy's whole numbers become Python's."""
    try:
        values = list(value)
    except TypeError:
        values = [value]
    return [int(item) if isinstance(item, Integral) and not isinstance(item, bool) else item for item in values]
