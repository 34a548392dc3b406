"""Saved states: everything needed to resume a run with bit-identical results. They are written atomically.

A saved state is a directory such as `states/epoch_000042` with three files: the arrays (safetensors, a format that
cannot contain code), the run's record after that epoch, and a manifest with the SHA-256 of both. Does not import
TensorFlow.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from mnist_mlp.disk.files import commit_folder, sha256_of, sync_to_disk
from mnist_mlp.runs.record import RECORD_FILE, InvalidRun, RunRecord
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.training.results import TrainingState

STATE_VERSION = 1
ARRAYS_FILE = "state.safetensors"
MANIFEST_FILE = "manifest.json"
STATES_KEPT = 2  # the newest and one fallback
BYTES_PER_WEIGHT = 4 * 8  # float32; no optimizer stores more than a few numbers per weight
EXTRA_BYTES = 1 << 26  # enough for the record of a run with a huge number of epochs

# Number of vectors after the weight matrix of a hidden layer. none: bias. layer: scale and shift. batch: scale, shift,
# moving mean and moving variance.
VECTORS_PER_HIDDEN_LAYER = {"none": 1, "layer": 2, "batch": 4}


class DamagedState(Exception):
    """A saved state is damaged. The message gives the reason."""


class UnknownVersion(DamagedState):
    """A saved state has a version that this program cannot read."""


class FoundState(NamedTuple):
    """The saved state that a run can be resumed from.

    Attributes:
        state: the newest valid state; None if there is none.
        record: the run's record as of that epoch; without a valid state, the run's current record.
        warnings: one line for each damaged state that is newer than the valid one.
    """

    state: TrainingState | None
    record: RunRecord
    warnings: list[str]


def save_state(run: RunFolder, state: TrainingState) -> None:
    """Saves the state and the run's current record, then deletes all but the newest STATES_KEPT states.

    Raises:
        OSError: the state cannot be written. Earlier states are not deleted.
    """
    files = {ARRAYS_FILE: save(state.to_arrays()), RECORD_FILE: run.record.to_json().encode()}
    manifest = {
        "state_version": STATE_VERSION,
        "epoch": state.epoch,
        "sha256": {name: sha256_of(content) for name, content in files.items()},
    }
    files[MANIFEST_FILE] = json.dumps(manifest, indent=1).encode()
    run.states.mkdir(exist_ok=True)
    commit_folder(run.states / f"epoch_{state.epoch:06d}", files)
    for old in _newest_first(run)[STATES_KEPT:]:
        _delete(old)


def newest_valid_state(run: RunFolder) -> FoundState:
    """Returns the newest valid state. Damaged states are skipped with a warning.

    Raises:
        UnknownVersion: no state is valid, and at least one has a version that this program cannot read.
    """
    warnings: list[str] = []
    unknown: UnknownVersion | None = None
    for folder in _newest_first(run):
        try:
            return FoundState(*_load(folder, run.record), warnings)
        except DamagedState as damage:
            warnings.append(f"{folder} is damaged: {damage}")
            unknown = damage if isinstance(damage, UnknownVersion) else unknown
    if unknown:
        raise unknown
    return FoundState(None, run.record, warnings)


def delete_states(run: RunFolder) -> None:
    """Deletes the saved states of a run that has nothing to resume. Files that this module did not write are kept.

    The record on disk must already say that the run is done. A state that cannot be deleted is left behind.

    Raises:
        OSError: the record or the network cannot be written through to the disk; nothing is deleted.
    """
    if not run.states.is_dir():
        return
    # After a power failure, the record must not need the states again, and the network must be there.
    networks = [path for path in (run.best_checkpoint, run.best_model) if run.record.best_checkpoint and path.is_file()]
    for path in (*networks, run.path / RECORD_FILE):
        sync_to_disk(path)
    for folder in _newest_first(run):
        _delete(folder)
    with contextlib.suppress(OSError):  # it contains other files
        run.states.rmdir()


def remove_unfinished_saves(run: RunFolder) -> None:
    """Removes the files of saves that were killed before they finished."""
    for folder in run.states.glob(".epoch_*"):
        shutil.rmtree(folder, ignore_errors=True)


def _delete(folder: Path) -> None:
    """Deletes a saved state, but no other files in its directory. The manifest is first: without it, there is no state.

    Does nothing if the directory is a link, and stops at the first file that cannot be deleted.
    """
    if folder.is_symlink():
        return
    with contextlib.suppress(OSError):
        for name in (MANIFEST_FILE, RECORD_FILE, ARRAYS_FILE):
            (folder / name).unlink(missing_ok=True)
        folder.rmdir()


def _newest_first(run: RunFolder) -> list[Path]:
    with contextlib.suppress(OSError):
        return sorted((path for path in run.states.iterdir() if re.fullmatch(r"epoch_\d{6,}", path.name)), reverse=True)
    return []


def _load(folder: Path, record_of_run: RunRecord) -> tuple[TrainingState, RunRecord]:
    """Returns the state in the directory and its record.

    Raises:
        DamagedState: the directory does not contain a valid state of this run.
    """
    shapes = _weight_shapes(record_of_run)
    try:
        epoch, contents = _read_verified(folder, limit=_max_bytes(shapes))
        record = RunRecord.from_json(contents[RECORD_FILE].decode())
        state = TrainingState.from_arrays(epoch, load(contents[ARRAYS_FILE]))
    except OSError as error:
        raise DamagedState(f"{Path(error.filename or folder).name} cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, SafetensorError, InvalidRun) as error:
        raise DamagedState(f"it is not a valid saved state ({type(error).__name__})") from None
    expected = (record_of_run.preset, record_of_run.seed, state.epoch)
    if (record.preset, record.seed, len(record.epochs)) != expected:
        raise DamagedState("it belongs to another run or epoch")
    if [array.shape for array in state.weights] != shapes:
        raise DamagedState("the shapes of its weights do not match the preset")
    if [array.shape for array in state.average] != (shapes if record.preset.ema_decay else []):
        raise DamagedState("the shapes of its averaged weights do not match the preset")
    return state, record


def _read_verified(folder: Path, limit: int) -> tuple[int, dict[str, bytes]]:
    """Returns the epoch and the bytes of each file, checked against the manifest. Rejects files above the limit."""
    manifest = json.loads(_read(folder / MANIFEST_FILE, limit))
    if manifest["state_version"] != STATE_VERSION:
        raise UnknownVersion(
            f"its {MANIFEST_FILE} has version {manifest['state_version']!r}, "
            f"but this program reads version {STATE_VERSION}"
        )
    contents = {name: _read(folder / name, limit) for name in (ARRAYS_FILE, RECORD_FILE)}
    for name, content in contents.items():
        if sha256_of(content) != manifest["sha256"][name]:
            raise DamagedState(f"{name} does not match its checksum")
    return manifest["epoch"], contents


def _read(path: Path, limit: int) -> bytes:
    if path.is_symlink() or not path.is_file():
        raise DamagedState(f"{path.name} is missing")
    if path.stat().st_size > limit:
        raise DamagedState(f"{path.name} is too large for a state of this preset")
    return path.read_bytes()


def _max_bytes(shapes: list[tuple[int, ...]]) -> int:
    return sum(int(np.prod(shape)) for shape in shapes) * BYTES_PER_WEIGHT + EXTRA_BYTES


def _weight_shapes(record: RunRecord) -> list[tuple[int, ...]]:
    """Returns the shapes of `TrainingState.weights`: for each layer, its weight matrix, then its vectors."""
    shapes: list[tuple[int, ...]] = []
    *hidden, output = itertools.pairwise(record.trained_on.layer_sizes(record.preset))
    for inputs, outputs in hidden:
        shapes += [(inputs, outputs), *[(outputs,)] * VECTORS_PER_HIDDEN_LAYER[record.preset.normalization]]
    return [*shapes, output, (output[1],)]
