"""What a run needs to go on after any end: its state after an epoch, committed to disk whole or not at all.

A saved state is a folder `states/epoch_000042` of three files: the arrays (safetensors, a format in which no code can
hide), the run's record as that epoch left it, and a manifest with the SHA-256 of both. Imports no TensorFlow.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import shutil
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from mnist_mlp.files import commit_folder, sha256_of
from mnist_mlp.presets.preset import Preset
from mnist_mlp.runs.run_folder import RECORD_FILE, InvalidRun, RunFolder, RunRecord
from mnist_mlp.training.results import TrainingState

STATE_VERSION = 1
ARRAYS_FILE = "state.safetensors"
MANIFEST_FILE = "manifest.json"
STATES_KEPT = 2  # the newest, and one to fall back on
BYTES_A_WEIGHT = 4 * 8  # no optimizer keeps more than a few numbers beside each weight
BYTES_BESIDE = 1 << 26  # for the record of a training of very many epochs


class DamagedState(Exception):
    """A saved state is not what was written; the text says what is wrong."""


class UnknownVersion(DamagedState):
    """A saved state is of a version that this program does not read."""


def save_state(run: RunFolder, state: TrainingState) -> None:
    """Commits the state and the run's record as it is now, then drops the oldest beyond STATES_KEPT.

    Raises:
        OSError: it cannot be written; the states before it are still there.
    """
    arrays = {f"weight_{place:03}": array for place, array in enumerate(state.weights)}
    arrays |= {f"optimizer_{place:03}": array for place, array in enumerate(state.optimizer_state)}
    arrays |= {f"average_{place:03}": array for place, array in enumerate(state.average)}
    files = {
        ARRAYS_FILE: save({name: np.asarray(array, order="C") for name, array in arrays.items()}),
        RECORD_FILE: run.record.to_json().encode(),
    }
    manifest = {
        "state_version": STATE_VERSION,
        "epoch": state.epoch,
        "sha256": {name: sha256_of(content) for name, content in files.items()},
    }
    run.states.mkdir(exist_ok=True)
    commit_folder(
        run.states / f"epoch_{state.epoch:06d}", {**files, MANIFEST_FILE: json.dumps(manifest, indent=1).encode()}
    )
    for old in _newest_first(run)[STATES_KEPT:]:
        shutil.rmtree(old)


def newest_whole_state(run: RunFolder) -> tuple[TrainingState | None, RunRecord, list[str]]:
    """Returns the newest state that is whole, the run's record of that epoch, and a warning for each damaged one.

    Where none is whole, the state is None and the record the one that the run has.

    Raises:
        UnknownVersion: none is whole, and one is of a version that this program does not read.
    """
    warnings, unknown = [], None
    for folder in _newest_first(run):
        try:
            return *_load(folder, run.record), warnings
        except DamagedState as damage:
            warnings.append(f"{folder} is damaged: {damage}")
            unknown = damage if isinstance(damage, UnknownVersion) else unknown
    if unknown:
        raise unknown
    return None, run.record, warnings


def forget_unfinished_saves(run: RunFolder) -> None:
    """Removes what a process that was killed while it saved has left."""
    for folder in run.states.glob(".epoch_*"):
        shutil.rmtree(folder, ignore_errors=True)


def _newest_first(run: RunFolder) -> list[Path]:
    with contextlib.suppress(OSError):
        return sorted((each for each in run.states.iterdir() if re.fullmatch(r"epoch_\d{6,}", each.name)), reverse=True)
    return []


def _load(folder: Path, record_of_run: RunRecord) -> tuple[TrainingState, RunRecord]:
    preset = record_of_run.preset
    weights = sum((inputs + 1) * outputs for inputs, outputs in itertools.pairwise(preset.layer_sizes))
    limit = weights * BYTES_A_WEIGHT + BYTES_BESIDE
    try:
        manifest = json.loads(_read(folder / MANIFEST_FILE, limit))
        if manifest["state_version"] != STATE_VERSION:
            raise UnknownVersion(
                f"its {MANIFEST_FILE} is of version {manifest['state_version']!r}, "
                f"this program reads version {STATE_VERSION}"
            )
        contents = {name: _read(folder / name, limit) for name in (ARRAYS_FILE, RECORD_FILE)}
        for name, content in contents.items():
            if sha256_of(content) != manifest["sha256"][name]:
                raise DamagedState(f"the bytes of {name} are not those that were written")
        record = RunRecord.from_json(contents[RECORD_FILE].decode())
        arrays = load(contents[ARRAYS_FILE])
        kinds = ("weight_", "optimizer_", "average_")  # a state of before there were averages has none
        of_kinds = ([arrays[name] for name in sorted(arrays) if name.startswith(kind)] for kind in kinds)
        state = TrainingState(manifest["epoch"], *of_kinds)
    except OSError as error:
        raise DamagedState(f"{Path(error.filename or folder).name} cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, SafetensorError, InvalidRun) as error:
        raise DamagedState(f"it holds something else than a state ({type(error).__name__})") from None
    if (record.preset, record.seed, len(record.epochs)) != (preset, record_of_run.seed, state.epoch):
        raise DamagedState("it belongs to another run or epoch")
    shapes = _weight_shapes(preset)
    if [array.shape for array in state.weights] != shapes:
        raise DamagedState("its weights are not of the preset's shape")
    if [array.shape for array in state.average] != (shapes if preset.ema_decay else []):
        raise DamagedState("its averaged weights are not of the preset's shape")
    return state, record


def _read(path: Path, limit: int) -> bytes:
    if path.is_symlink() or not path.is_file():
        raise DamagedState(f"{path.name} is missing")
    if path.stat().st_size > limit:
        raise DamagedState(f"{path.name} is larger than a state of this preset can be")
    return path.read_bytes()


def _weight_shapes(preset: Preset) -> list[tuple[int, ...]]:
    """Returns the shapes of `TrainingState.weights`: of each layer its matrix, then what it has of a number a unit."""
    numbers_a_unit = {"none": 1, "layer": 2, "batch": 4}[preset.normalization]  # bias, or scale, shift and statistics
    shapes: list[tuple[int, ...]] = []
    for layer, (inputs, outputs) in enumerate(itertools.pairwise(preset.layer_sizes), start=1):
        is_output = layer == preset.weight_layers
        shapes += [(inputs, outputs), *[(outputs,)] * (1 if is_output else numbers_a_unit)]
    return shapes
