"""Which runs are left to finish, and from where each goes on."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mnist_mlp.errors import UsageError
from mnist_mlp.presets.preset import Preset, format_field
from mnist_mlp.runs.run_folder import InvalidRun, RunFolder, RunIsHeld, scan
from mnist_mlp.runs.states import UnknownVersion, forget_unfinished_saves, newest_whole_state
from mnist_mlp.sweep.engines import Job


@dataclass
class Unfinished:
    """What is left to do in a runs folder.

    Attributes:
        jobs: a job a run, held for this process.
        lost: runs of which no saved state is whole; they are marked failed, and what is there of them is kept.
        warnings: a line for each thing that was passed over.
    """

    jobs: list[Job] = field(default_factory=list)
    lost: list[RunFolder] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def unfinished_runs(runs_dir: Path, presets: Mapping[int, Preset], numbers: Container[int] | None) -> Unfinished:
    """Returns the runs of these presets that have not ended as they should.

    Args:
        presets: the registry as it is now.
        numbers: of the presets whose runs are meant; None means all.

    Raises:
        UsageError: a run's preset has been edited since, or none of what is left can go on here and now.
    """
    found, kept = Unfinished(), []
    for name, run in scan(runs_dir):
        if isinstance(run, InvalidRun):
            found.warnings.append(f"{name} is skipped: {run}")
            continue
        if run.record.is_done or not (numbers is None or run.record.preset_number in numbers):
            continue
        _require_unedited(run, presets)
        try:
            run.hold()
            # Only now that it is ours: until then another process may have changed it.
            run.record = RunFolder.open(run.path).record
            if not run.record.is_done:
                _add(found, run)
        except RunIsHeld as holder:
            kept.append(str(holder))
        except InvalidRun as reason:
            run.release()
            found.warnings.append(f"{name} is skipped: {reason}")
        except UnknownVersion as reason:
            run.release()
            kept.append(f"{name} is left as it is: {reason}; resume it with the version that wrote it")
        except OSError as error:
            run.release()
            kept.append(f"{name} cannot be written ({error.strerror or error}); make room there or make it writable")
    if kept and not found.jobs and not found.lost:
        raise UsageError(f"nothing is left to resume: {'; '.join(kept)}")
    found.warnings += kept
    return found


def done_runs(runs_dir: Path) -> set[tuple[Preset, int]]:
    """Returns the preset and the seed of each run that has ended as it should."""
    runs = (run for _, run in scan(runs_dir) if not isinstance(run, InvalidRun))
    return {(run.record.preset, run.record.seed) for run in runs if run.record.is_done}


def _add(found: Unfinished, run: RunFolder) -> None:
    forget_unfinished_saves(run)
    epochs_before = len(run.record.epochs)
    state, run.record, warnings = newest_whole_state(run)
    found.warnings += warnings
    record = run.record
    if state is None and (epochs_before or warnings):
        what = "none of its saved states is whole" if warnings else "it has no saved state (old versions wrote none)"
        record.status = "failed"
        record.reason = f"{what}, so it cannot go on; train its preset again, and move its folder away"
        run.save_record()
        run.release()
        found.lost.append(run)
        return
    record.status, record.reason, record.finished = "running", "", ""
    found.jobs.append(Job(record.preset_number, record.preset, record.seed, run, state))


def _require_unedited(run: RunFolder, presets: Mapping[int, Preset]) -> None:
    """Epochs may differ: `--epochs` sets them for a run, and the run's own number counts."""
    record = run.record
    now = presets.get(record.preset_number)
    if now is None:
        raise UsageError(
            f"{run.name} cannot go on: preset {record.preset_number} is no longer in hyperparameters.py; "
            "put it back, or choose other runs with --presets"
        )
    changes = record.preset.differences(now.but(epochs=record.preset.epochs))
    if changes:
        shown = ", ".join(
            f"{name} was {format_field(then)}, is {format_field(value)}" for name, (then, value) in changes.items()
        )
        raise UsageError(
            f"{run.name} cannot go on: preset {record.preset_number} has been edited since ({shown}); "
            "undo that, or choose other runs with --presets"
        )
