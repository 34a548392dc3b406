"""How a sweep goes, told while it runs: a live display on a terminal, a line an epoch elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from mnist_mlp.console.command_line import escape
from mnist_mlp.console.tables import duration
from mnist_mlp.presets.preset import format_field
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.sweep.engines import Job
from mnist_mlp.sweep.schedule import expected_seconds
from mnist_mlp.training.results import EpochResult


class SweepProgress:
    """Tells on the console what `run_sweep` reports; a context manager, since a live display must be closed."""

    def __init__(self, console: Console, jobs: Sequence[Job]) -> None:
        self._console = console
        self._jobs = list(jobs)
        self._work = self._work_left = sum(expected_seconds(job.preset) * job.epochs_left for job in jobs)
        self._ended = 0
        self._started = time.monotonic()
        self._tasks: dict[str, TaskID] = {}
        self._total: TaskID | None = None
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),  # takes what is left of the line
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}"),
            console=console,
            transient=True,
            expand=True,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> SweepProgress:
        self._bars.start()
        if len(self._jobs) > 1:
            self._total = self._bars.add_task("all", total=len(self._jobs), state="")
        return self

    def __exit__(self, *exception: object) -> None:
        self._bars.stop()

    def run_started(self, job: Job, run: RunFolder) -> None:
        preset, place = job.preset, self._jobs.index(job) + 1
        where = f"into {escape(str(run.path))}"
        if job.resume_from:
            where = f"after epoch {job.resume_from.epoch} of {escape(str(run.path))}"
        layers = "-".join(map(str, preset.layer_sizes))
        self._console.print(
            f"[bold]Preset {job.preset_number}[/bold] ({place} of {len(self._jobs)}): {layers} {preset.activation}, "
            f"{preset.optimizer} at {format_field(preset.learning_rate)}, batches of {preset.batch_size}, "
            f"weight decay {format_field(preset.weight_decay)}, dropout {format_field(preset.dropout)}, "
            f"{''.join(f'{name} {value}, ' for name, value in preset.switched_on().items())}"
            f"seed {job.seed}, {where}",
            soft_wrap=not self._console.is_terminal,
        )
        self._tasks[run.name] = self._bars.add_task(
            f"preset {job.preset_number}", total=preset.epochs, completed=len(run.record.epochs), state="compiling"
        )

    def epoch_ended(self, run: RunFolder, result: EpochResult) -> None:
        record = run.record
        self._work_left -= expected_seconds(record.preset)
        state = f"loss {result.train.loss:.4g}  "
        if record.preset.final_fit:
            state += f"seen validation {result.validation.accuracy:.2%}"
        else:
            state += f"validation {result.validation.accuracy:.2%}  best {record.best_validation_accuracy:.2%}"
        time_left = f"{self._time_left()} left"
        if self._total is None or not self._console.is_terminal:
            state += f"  {time_left}"
        else:
            self._bars.update(self._total, completed=self._ended, state=time_left)
        if self._console.is_terminal:
            self._bars.update(self._tasks[run.name], completed=result.epoch, state=state)
        else:
            epoch = f"{result.epoch:{len(str(record.preset.epochs))}}/{record.preset.epochs}"
            self._console.print(
                f"preset {record.preset_number}  epoch {epoch}  {state}", soft_wrap=not self._console.is_terminal
            )

    def run_retried(self, run: RunFolder, reason: str) -> None:
        record = run.record
        self._console.print(
            f"Preset {record.preset_number}: lost its worker ({reason}); goes on after epoch {len(record.epochs)}",
            soft_wrap=not self._console.is_terminal,
        )

    def run_ended(self, run: RunFolder) -> None:
        record = run.record
        self._work_left -= expected_seconds(record.preset) * (record.preset.epochs - len(record.epochs))
        self._ended += 1
        self._bars.remove_task(self._tasks.pop(run.name))
        ending = {
            "failed": f", failed: {escape(record.reason)}",
            "diverged": ", diverged: its loss is no number",
            "interrupted": ", interrupted",
        }
        accuracy = f"[bold]{record.best_validation_accuracy:.2%}[/bold] at epoch {record.best_epoch}"
        if not record.epochs:
            best = "no epoch"
        elif not record.best_epoch:
            best = f"no good epoch of {len(record.epochs)}"
        else:
            what = "on validation images that it has seen," if record.preset.final_fit else "best validation"
            best = f"{what} accuracy {accuracy} of {len(record.epochs)}"
        self._console.print(
            f"Preset {record.preset_number}: {best}, {duration(record.training_seconds)}"
            f"{ending.get(record.status, '')}",
            soft_wrap=not self._console.is_terminal,
        )

    def _time_left(self) -> str:
        spent = time.monotonic() - self._started
        left = max(self._work_left, 0.0)  # what rounding leaves of nothing may lie below it
        return duration(spent / (self._work - left) * left)
