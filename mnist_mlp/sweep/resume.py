"""Which runs are left to finish, and where each goes on; which jobs are finished already."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mnist_mlp.errors import UsageError
from mnist_mlp.presets.preset import Preset, format_field
from mnist_mlp.runs.record import InvalidRun, RunRecord, RunStatus
from mnist_mlp.runs.run_folder import RunFolder, RunIsHeld, find_runs
from mnist_mlp.runs.states import UnknownVersion, newest_valid_state, remove_unfinished_saves
from mnist_mlp.sweep.jobs import Job


@dataclass
class Unfinished:
    """What is left to do in a runs folder.

    Attributes:
        jobs: one per run, which this process holds.
        lost: runs without a valid saved state; they are marked failed, and their files are kept.
        warnings: one line for everything that was skipped.
        refused: one line for each unfinished run that cannot go on here and now.
    """

    jobs: list[Job] = field(default_factory=list)
    lost: list[RunFolder] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def unfinished_runs(runs_dir: Path, presets: Mapping[int, Preset], numbers: Container[int] | None) -> Unfinished:
    """Returns the runs of these presets whose training has not come to its end.

    Args:
        presets: the registry as it is now.
        numbers: of the presets whose runs to resume; None means all.

    Raises:
        UsageError: a run's preset has been edited since, or no run that is left can go on here and now.
    """
    found = find_runs(runs_dir)
    unfinished = Unfinished(warnings=[f"{name} is skipped: {reason}" for name, reason in found.skipped.items()])
    for run in found.runs:
        if not run.record.is_done and (numbers is None or run.record.preset_number in numbers):
            _require_unedited(run, presets)
            _take_up(run, unfinished)
    if unfinished.refused and not unfinished.jobs and not unfinished.lost:
        raise UsageError(f"nothing is left to resume: {'; '.join(unfinished.refused)}")
    unfinished.warnings += unfinished.refused
    return unfinished


def without_finished(jobs: Iterable[Job], runs_dir: Path) -> list[Job]:
    """Returns the jobs for which the folder has no finished run of the same preset, seed and data set."""
    finished: dict[tuple[str, int], list[Preset]] = defaultdict(list)
    for run in find_runs(runs_dir).runs:
        if run.record.is_done:
            finished[run.record.data_set, run.record.seed].append(run.record.preset)
    return [job for job in jobs if job.preset not in finished[job.data_set.name, job.seed]]


def _take_up(run: RunFolder, unfinished: Unfinished) -> None:
    """Holds the run and adds it to the jobs, or says why that cannot be."""
    try:
        run.hold()
        run.record = RunFolder.open(run.path).record  # again: until now another process may have changed it
        if not run.record.is_done:
            _add(unfinished, run)
    except RunIsHeld as holder:
        unfinished.refused.append(str(holder))
    except InvalidRun as reason:
        run.release()
        unfinished.warnings.append(f"{run.name} is skipped: {reason}")
    except UnknownVersion as reason:
        run.release()
        unfinished.refused.append(f"{run.name} is left as it is: {reason}; resume it with the version that wrote it")
    except OSError as error:
        run.release()
        unfinished.refused.append(
            f"{run.name} cannot be written ({error.strerror or error}); make room there or make it writable"
        )


def _add(unfinished: Unfinished, run: RunFolder) -> None:
    """Adds the run, which this process holds, to the jobs or to those that are lost."""
    remove_unfinished_saves(run)
    had_epochs = bool(run.record.epochs)
    state, run.record, warnings = newest_valid_state(run)
    unfinished.warnings += warnings
    record = run.record
    if state is None and (had_epochs or warnings):
        problem = "none of its saved states is valid" if warnings else "it has no saved state (old versions wrote none)"
        _mark_failed(run, f"{problem}, so it cannot go on; train its preset again, and move its folder away")
        unfinished.lost.append(run)
        return
    record.status, record.reason, record.finished = RunStatus.RUNNING, "", ""
    unfinished.jobs.append(Job(record.preset_number, record.preset, record.seed, run, state, record.trained_on))


def _mark_failed(run: RunFolder, reason: str) -> None:
    run.record.status, run.record.reason = RunStatus.FAILED, reason
    run.save_record()
    run.release()


def _require_unedited(run: RunFolder, presets: Mapping[int, Preset]) -> None:
    """Checks that the registry still has the run's preset. Epochs may differ: `--epochs` sets them for a run.

    Raises:
        UsageError: it does not; shows the difference.
    """
    number = run.record.preset_number
    if number not in presets:
        raise UsageError(
            f"{run.name} cannot go on: preset {number} is no longer in hyperparameters.py; "
            "put it back, or choose other runs with --presets"
        )
    changes = _changes(run.record, presets[number])
    if changes:
        raise UsageError(
            f"{run.name} cannot go on: preset {number} has been edited since ({changes}); "
            "undo that, or choose other runs with --presets"
        )


def _changes(record: RunRecord, now: Preset) -> str:
    changes = record.preset.differences(now.but(epochs=record.preset.epochs))
    return ", ".join(
        f"{name} was {format_field(then)}, is {format_field(value)}" for name, (then, value) in changes.items()
    )
