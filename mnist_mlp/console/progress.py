"""Progress display for a sweep: live bars on a terminal and in a notebook, otherwise one line per epoch."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from mnist_mlp.console.tables import duration
from mnist_mlp.console.terminal import escape, in_notebook, print_marked_up
from mnist_mlp.console.time_left import TimeLeft
from mnist_mlp.presets.preset import format_field
from mnist_mlp.report.wording import capitalized
from mnist_mlp.runs.guessing import warning_if_guessing
from mnist_mlp.runs.record import RunRecord, RunStatus
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.sweep.jobs import Job
from mnist_mlp.training.results import EpochResult

NARROW = 100  # columns; on a narrower terminal, the bars show only the validation accuracy and the time left
ENDINGS = {
    RunStatus.DIVERGED: ", diverged: loss is NaN or infinite",
    RunStatus.INTERRUPTED: ", interrupted",
}


class SweepProgress:
    """Prints the progress that `run_sweep` reports. Use it as a context manager, so that the live display is closed."""

    def __init__(self, console: Console, jobs: Sequence[Job]) -> None:
        self._console = console
        self._jobs = list(jobs)
        self._estimate = TimeLeft(jobs)
        self._ended = 0
        self._started = time.monotonic()
        self._tasks: dict[str, TaskID] = {}
        self._total: TaskID | None = None
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),  # fills the rest of the line
            TextColumn("{task.completed}/{task.total} {task.fields[unit]}"),
            TextColumn("{task.fields[state]}"),
            console=console,
            transient=True,
            expand=True,
            disable=not console.is_terminal or console.quiet,  # it would swallow warnings
        )
        self._notebook = _NotebookBars(self._bars) if in_notebook() and not console.quiet else None
        self._has_bars = console.is_terminal or self._notebook is not None

    def __enter__(self) -> SweepProgress:
        self._bars.start()
        if len(self._jobs) > 1:
            self._total = self._bars.add_task("all", total=len(self._jobs), unit="runs", state="")
        if self._notebook:
            self._notebook.show()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bars.stop()
        if self._notebook:
            spent = duration(time.monotonic() - self._started)
            self._notebook.replace(f"{self._ended} of {len(self._jobs)} runs ended, {spent}")

    def run_started(self, job: Job, run: RunFolder) -> None:
        """Prints the run's position in the sweep, its hyperparameters and its directory."""
        if job not in self._jobs:
            self._add(job)
        number = f"{self._jobs.index(job) + 1} of {len(self._jobs)}"
        path = escape(str(run.path))
        destination = f"resuming {path} after epoch {job.resume_from.epoch}" if job.resume_from else f"saving to {path}"
        settings = ", ".join([*_settings(run.record), f"seed {job.seed}", _threads(run.record), destination])
        print_marked_up(self._console, f"[bold]Preset {run.record.preset_name}[/bold] ({number}): {settings}")
        self._tasks[run.name] = self._bars.add_task(
            self._name(run.record),
            total=job.preset.epochs,
            completed=len(run.record.epochs),
            unit="epochs",
            state="compiling",
        )
        self._show()

    def _add(self, job: Job) -> None:
        """Adds a job that was chosen after the sweep started."""
        self._jobs.append(job)
        self._estimate.add(job)
        if self._total is None and len(self._jobs) > 1:
            self._total = self._bars.add_task("all", total=0, unit="runs", state="")
        if self._total is not None:
            self._bars.update(self._total, total=len(self._jobs))

    def epoch_ended(self, run: RunFolder, result: EpochResult) -> None:
        """Shows the epoch's loss and accuracy, and the estimated time left. Warns of a run that has learned nothing."""
        record = run.record
        if warning := warning_if_guessing(record):
            print(f"Warning: {warning}", file=sys.stderr)  # with --quiet too
        self._estimate.epoch_ended(run, result)
        is_narrow = self._has_bars and self._console.width < NARROW
        state = f"validation {result.validation.accuracy:.2%}" if is_narrow else _state(record, result)
        seconds = self._estimate.seconds()
        time_left = "" if seconds is None else f"{duration(seconds)} left"
        if self._has_bars and self._total is not None:
            self._bars.update(self._total, completed=self._ended, state=time_left)
        elif time_left:
            state += f"  {time_left}"
        if self._has_bars:
            self._bars.update(self._tasks[run.name], completed=result.epoch, state=state)
            self._show()
        else:
            epoch = f"{result.epoch:{len(str(record.preset.epochs))}}/{record.preset.epochs}"
            print_marked_up(self._console, f"{self._name(record)}  epoch {epoch}  {state}")

    def run_retried(self, run: RunFolder, reason: str) -> None:
        """Prints why the run moved to another worker."""
        record = run.record
        name = capitalized(self._name(record))
        print_marked_up(self._console, f"{name}: worker lost ({reason}); resuming after epoch {len(record.epochs)}")

    def run_ended(self, run: RunFolder) -> None:
        """Prints the run's best accuracy, training time and final status."""
        record = run.record
        self._estimate.run_ended(run)
        self._ended += 1
        self._bars.remove_task(self._tasks.pop(run.name))
        ending = ENDINGS.get(record.status, "")
        if record.status is RunStatus.FAILED:
            ending = f", failed: {escape(record.reason)}"
        name = capitalized(self._name(record))
        print_marked_up(self._console, f"{name}: {_best(record)}, {duration(record.training_seconds)}{ending}")
        self._show()

    def _show(self) -> None:
        if self._notebook:
            self._notebook.show()

    def _name(self, record: RunRecord) -> str:
        """Returns the name of a run: its preset, and its seed if the sweep has several seeds."""
        has_several_seeds = len({job.seed for job in self._jobs}) > 1
        return f"preset {record.preset_name}{f', seed {record.seed}' if has_several_seeds else ''}"


class _NotebookBars:
    """Shows the bars of a disabled `Progress` in one output of a notebook's cell, and replaces it at every change.

    rich's own live display needs ipywidgets, and prints a warning without it.
    """

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._handle: Any = None  # an IPython DisplayHandle

    def show(self) -> None:
        from IPython.display import display

        if self._handle:
            self._handle.update(self._bars)
        else:
            self._handle = display(self._bars, display_id=True)

    def replace(self, text: str) -> None:
        """Replaces the bars by a line of text."""
        self._handle.update(Text(text))


def _threads(record: RunRecord) -> str:
    return f"{record.threads} thread{'' if record.threads == 1 else 's'}"


def _settings(record: RunRecord) -> list[str]:
    preset = record.preset
    layers = "-".join(map(str, record.trained_on.layer_sizes(preset)))
    return [
        f"{layers} {preset.activation}",
        f"{preset.optimizer}, learning rate {format_field(preset.learning_rate)}",
        f"batch size {preset.batch_size}",
        f"weight decay {format_field(preset.weight_decay)}",
        f"dropout {format_field(preset.dropout)}",
        *(title if value == "True" else f"{title} {value}" for title, value in preset.extras().items()),
    ]


def _state(record: RunRecord, result: EpochResult) -> str:
    loss, accuracy = f"loss {result.train.loss:.4f}", f"{result.validation.accuracy:.2%}"
    if record.preset.final_fit:
        return f"{loss}  validation (trained on) {accuracy}"
    return f"{loss}  validation {accuracy}  best {record.best_validation_accuracy:.2%}"


def _best(record: RunRecord) -> str:
    if not record.epochs:
        return "no epoch completed"
    if not record.best_epoch:
        return "no valid epoch"
    name = "validation accuracy (trained on)" if record.preset.final_fit else "best validation accuracy"
    accuracy = f"[bold]{record.best_validation_accuracy:.2%}[/bold]"
    return f"{name} {accuracy} at epoch {record.best_epoch} of {len(record.epochs)}"
