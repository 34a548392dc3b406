"""Finds the runs to resume and their saved states, and the jobs that are already finished."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mnist_mlp.disk.disk_errors import explained
from mnist_mlp.errors import UsageError
from mnist_mlp.presets.preset import Preset, format_field
from mnist_mlp.runs.environment import changes_of_results, current_machine, current_versions
from mnist_mlp.runs.record import InvalidRun, RunRecord, RunStatus
from mnist_mlp.runs.run_folder import RunFolder, RunIsHeld, find_runs
from mnist_mlp.runs.states import UnknownVersion, delete_states, newest_valid_state, remove_unfinished_saves
from mnist_mlp.sweep.jobs import Job


@dataclass
class Unfinished:
    """The unfinished runs in a runs directory.

    Attributes:
        jobs: one job for each run that can be resumed; this process has locked these runs.
        lost: runs without a valid saved state; they are marked as failed, and their files are kept.
        warnings: one line for each problem, such as a skipped run or a damaged saved state.
        rejected: one line for each unfinished run that cannot be resumed now.
        moved: names of the runs that were trained elsewhere, by what has changed.
    """

    jobs: list[Job] = field(default_factory=list)
    lost: list[RunFolder] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    moved: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


def unfinished_runs(runs_dir: Path, presets: Mapping[int, Preset], numbers: Container[int] | None) -> Unfinished:
    """Finds the unfinished runs of these presets and locks those that can be resumed.

    Args:
        presets: the current registry.
        numbers: numbers of the presets to resume; None means all presets.

    Raises:
        UsageError: a preset was edited after its run started, or none of the unfinished runs can be resumed.
    """
    found = find_runs(runs_dir)
    unfinished = Unfinished(warnings=[f"skipped {name}: {reason}" for name, reason in found.skipped.items()])
    for run in found.runs:
        if run.record.is_done:
            with contextlib.suppress(OSError):  # it only frees disk space
                delete_states(run)  # a process that was killed at the very end of a run may have left them behind
    wanted = [run for run in found.runs if not run.record.is_done]
    wanted = [run for run in wanted if numbers is None or run.record.preset_number in numbers]
    for run in wanted:  # all of them before the first one is locked: a notebook would keep the locks
        _require_unedited(run, presets)
    for run in wanted:
        _claim(run, unfinished)
    if unfinished.rejected and not unfinished.jobs and not unfinished.lost:
        raise UsageError(f"no run can be resumed: {'; '.join(unfinished.rejected)}")
    unfinished.warnings += unfinished.rejected
    unfinished.warnings += [_moved(changes, names) for changes, names in unfinished.moved.items()]
    return unfinished


def without_finished(jobs: Iterable[Job], runs_dir: Path) -> list[Job]:
    """Returns the jobs that do not have a finished run with the same preset, seed and data set in the directory."""
    finished: dict[tuple[str, int], list[Preset]] = defaultdict(list)
    for run in find_runs(runs_dir).runs:
        if run.record.is_done:
            finished[run.record.data_set, run.record.seed].append(run.record.preset)
    return [job for job in jobs if job.preset not in finished[job.data_set.name, job.seed]]


def _claim(run: RunFolder, unfinished: Unfinished) -> None:
    """Locks the run and adds it to the jobs, or notes why it cannot be resumed."""
    try:
        run.hold()
        run.record = RunFolder.open(run.path).record  # it may have changed before this process got the lock
        if run.record.is_done:
            run.release()
        elif reason := _other_data(run.record):
            run.release()
            unfinished.rejected.append(f"{run.name} {reason}")
        else:
            _add(unfinished, run)
    except RunIsHeld as holder:
        unfinished.rejected.append(str(holder))
    except InvalidRun as reason:
        run.release()
        unfinished.warnings.append(f"skipped {run.name}: {reason}")
    except UnknownVersion as reason:
        run.release()
        unfinished.rejected.append(f"{run.name}: {reason}; resume it with the version that wrote it")
    except OSError as error:
        run.release()
        unfinished.rejected.append(f"cannot write to {run.name} {explained(error, run.path)}")


def _add(unfinished: Unfinished, run: RunFolder) -> None:
    """Adds a run that this process has locked to the jobs, or to the lost runs."""
    remove_unfinished_saves(run)
    had_epochs, best_epoch = bool(run.record.epochs), run.record.best_epoch
    state, run.record, warnings = newest_valid_state(run)
    unfinished.warnings += warnings
    record = run.record
    if state is None and (had_epochs or warnings):
        problem = "none of its saved states is valid" if warnings else "it has no saved state (early versions had none)"
        _mark_failed(run, f"{problem}, so it cannot be resumed; move its directory elsewhere and retrain the preset")
        unfinished.lost.append(run)
        return
    is_best_kept = best_epoch == record.best_epoch  # otherwise, the best epoch will be trained again
    if record.best_checkpoint and is_best_kept and not run.intact_best_checkpoint():
        run.release()
        unfinished.rejected.append(
            f"{run.name}: its {record.best_checkpoint} and {run.best_model.name} are damaged or missing; "
            "restore one of them, or move the run elsewhere and retrain the preset"
        )
        return
    record.status, record.reason, record.finished = RunStatus.RUNNING, "", ""
    trained_in = record.parts[-1]
    record.continue_on(current_versions(), current_machine())
    if state and (changes := changes_of_results(trained_in, record.parts[-1])):
        unfinished.moved[changes].append(run.name)
    unfinished.jobs.append(
        Job(record.preset_number, record.preset, record.seed, run, state, record.trained_on, threads=record.threads)
    )


def _other_data(record: RunRecord) -> str:
    """Returns why the run cannot continue on the data of this version; "" if it can. Early records have no hashes."""
    known = record.data_sha256
    hashes = record.trained_on.sha256_of_training_files()
    changed = [name for name, sha256 in hashes.items() if known and known.get(name) != sha256]
    if not changed:
        return ""
    return (
        f"was trained on other data: the hash of {' and '.join(changed)} in its record.json is not the one of the "
        f"{record.data_set} files of this version; resume it with the version that wrote it, or retrain the preset"
    )


def _moved(changes: str, names: list[str]) -> str:
    runs = ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:3])} and {len(names) - 3} more runs"
    return (
        f"{runs}: trained elsewhere so far ({changes}); the results may differ slightly from those of an "
        "uninterrupted run, and record.json lists where each part was trained"
    )


def _mark_failed(run: RunFolder, reason: str) -> None:
    run.record.status, run.record.reason = RunStatus.FAILED, reason
    run.save_record()
    run.release()


def _require_unedited(run: RunFolder, presets: Mapping[int, Preset]) -> None:
    """Checks that the run's preset is unchanged in the registry, apart from what the command line changed.

    Raises:
        UsageError: the preset was removed or edited; the message shows the difference.
    """
    number = run.record.preset_number
    if number not in presets:
        raise UsageError(
            f"cannot resume {run.name}: preset {number} is no longer in hyperparameters.py; "
            "restore it, or select other presets with --presets"
        )
    changes = _changes(run.record, presets[number])
    if changes:
        raise UsageError(
            f"cannot resume {run.name}: preset {number} was edited after the run started ({changes}); "
            "undo the edit, or select other presets with --presets"
        )


def _changes(record: RunRecord, now: Preset) -> str:
    kept = {name: getattr(record.preset, name) for name in ("epochs", *record.changed)}
    changes = record.preset.differences(now.but(**kept))
    return ", ".join(f"{name} {format_field(then)} -> {format_field(value)}" for name, (then, value) in changes.items())
