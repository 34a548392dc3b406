"""Tests saved states: the newest valid one is found, damaged ones are skipped, resuming is bit-identical."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil

import numpy as np
import pytest

from mnist_mlp.evaluation.scoring import load_best_model
from mnist_mlp.presets.preset import Preset
from mnist_mlp.runs.record import RunRecord, RunStatus
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.runs.states import UnknownVersion, delete_states, newest_valid_state, remove_unfinished_saves, save_state
from mnist_mlp.training.loop import train
from mnist_mlp.training.model import build_model, build_optimizer
from mnist_mlp.training.results import TrainingState
from tests.helpers import EVERYTHING, TINY, epoch, flip_a_byte, record_training


def make_state(number: int, preset: Preset = TINY) -> TrainingState:
    """Returns a state in which all arrays are different."""
    weights = [
        np.full_like(weight, number + index / 100) for index, weight in enumerate(build_model(preset, 1).get_weights())
    ]
    optimizer_state = [np.float32(-number), *(weight + 1000 for weight in weights)]
    return TrainingState(
        number, weights, optimizer_state, [weight + 2000 for weight in weights] if preset.ema_decay else []
    )


def run_with_states(folder, epochs: int, preset: Preset = TINY) -> RunFolder:
    run = RunFolder.create(folder, 1790000000, RunRecord(7, preset, 19))
    for number in range(1, epochs + 1):
        run.record.epochs.append(epoch(number, number / 10))
        save_state(run, make_state(number, preset))
    return run


def all_arrays(state: TrainingState) -> list[np.ndarray]:
    return [*state.weights, *state.optimizer_state, *state.average]


def assert_same(mine: TrainingState, other: TrainingState) -> None:
    assert mine.epoch == other.epoch
    for name in ("weights", "optimizer_state", "average"):
        for array, expected in zip(getattr(mine, name), getattr(other, name), strict=True):
            np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("normalization", ["none", "layer", "batch"])
@pytest.mark.parametrize("hidden_sizes", [(), (5, 6, 7)])
def test_round_trip_keeps_state_and_record(tmp_path, normalization, hidden_sizes):
    preset = Preset(hidden_sizes=hidden_sizes, normalization=normalization, ema_decay=0.5)
    run = run_with_states(tmp_path, 1, preset)
    expected = dataclasses.replace(run.record, epochs=list(run.record.epochs))
    run.record.epochs.append(epoch(2, 0.2))  # recorded, but its state was not saved
    state, record, warnings = newest_valid_state(run)
    assert_same(state, make_state(1, preset))
    assert (record, warnings) == (expected, [])


def test_two_newest_states_are_kept(tmp_path):
    run = run_with_states(tmp_path, 11)  # sorted by number: 9, 10, 11
    assert sorted(path.name for path in run.states.iterdir()) == ["epoch_000010", "epoch_000011"]
    state, record, _ = newest_valid_state(run)
    assert (state.epoch, len(record.epochs)) == (11, 11)


def test_states_are_deleted_but_not_files_of_others(tmp_path):
    run = run_with_states(tmp_path / "runs", 3)
    linked = tmp_path / "elsewhere"
    shutil.copytree(run.states / "epoch_000003", linked)
    (run.states / "epoch_000001").symlink_to(linked)
    mine = [run.states / "notes.txt", run.states / "epoch_000002" / "notes.txt", run.states / "epoch_000009"]
    for path in mine:
        path.write_text("mine")
    delete_states(run)
    left = {path.relative_to(run.states).as_posix() for path in run.states.rglob("*")}
    assert left == {"notes.txt", "epoch_000001", "epoch_000002", "epoch_000002/notes.txt", "epoch_000009"}
    assert len(list(linked.iterdir())) == 3


def test_saving_keeps_files_of_others_in_old_states(tmp_path):
    run = run_with_states(tmp_path, 2)
    notes = run.states / "epoch_000001" / "notes.txt"
    notes.write_text("mine")
    run.record.epochs.append(epoch(3, 0.3))
    save_state(run, make_state(3))
    assert [path.name for path in notes.parent.iterdir()] == ["notes.txt"]
    assert newest_valid_state(run).state.epoch == 3


def test_states_directory_disappears(tmp_path):
    run = run_with_states(tmp_path, 3)
    delete_states(run)
    assert not run.states.exists()
    delete_states(run)
    assert newest_valid_state(run) == (None, run.record, [])


@pytest.mark.parametrize("name", ["state.safetensors", "record.json"])
def test_damaged_newest_state_is_skipped_with_a_warning(tmp_path, name):
    run = run_with_states(tmp_path, 3)
    newest = run.states / "epoch_000003"
    flip_a_byte(newest / name)
    state, record, warnings = newest_valid_state(run)
    assert_same(state, make_state(2))
    assert len(record.epochs) == 2
    assert warnings == [f"{newest} is damaged: {name} does not match its checksum"]


def test_record_is_kept_if_no_state_is_valid(tmp_path):
    run = run_with_states(tmp_path, 2)
    for path in run.states.iterdir():
        (path / "state.safetensors").unlink()
    state, record, warnings = newest_valid_state(run)
    assert (state, record) == (None, run.record)
    assert [warning.partition(" is damaged: ")[2] for warning in warnings] == ["state.safetensors is missing"] * 2


def edit_manifest(folder, **changes) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_unknown_version_is_an_error_only_if_no_state_is_valid(tmp_path):
    run = run_with_states(tmp_path, 2)
    second, first = run.states / "epoch_000002", run.states / "epoch_000001"
    edit_manifest(second, state_version=2)
    assert newest_valid_state(run).state.epoch == 1
    edit_manifest(first, state_version=2)
    with pytest.raises(UnknownVersion, match=r"its manifest\.json has version 2, but this program reads version 1"):
        newest_valid_state(run)


def test_state_of_another_run_or_epoch_is_rejected(tmp_path):
    run, other = (run_with_states(tmp_path / name, 2) for name in ("run", "other"))
    edit_manifest(run.states / "epoch_000002", epoch=1)
    other.record.seed = 20
    assert newest_valid_state(run).state.epoch == 1
    assert "it belongs to another run or epoch" in newest_valid_state(run).warnings[0]
    assert len(newest_valid_state(other).warnings) == 2


def test_weights_of_the_wrong_shape_are_rejected(tmp_path):
    run = run_with_states(tmp_path, 1)
    state = make_state(2)
    run.record.epochs.append(epoch(2, 0.2))
    save_state(run, dataclasses.replace(state, weights=[state.weights[0].T, *state.weights[1:]]))
    found = newest_valid_state(run)
    assert found.state.epoch == 1
    assert found.warnings[0].endswith("the shapes of its weights do not match the preset")


def test_oversized_state_is_rejected_without_reading_it(tmp_path):
    run = run_with_states(tmp_path, 1)
    with (run.states / "epoch_000001" / "state.safetensors").open("ab") as file:
        file.truncate(1 << 30)  # sparse
    (warning,) = newest_valid_state(run).warnings
    assert warning.endswith("state.safetensors is too large for a state of this preset")


def test_size_limit_allows_the_largest_optimizer_state(tmp_path):
    preset = TINY.but(optimizer="adam", optimizer_arguments={"amsgrad": True}, ema_decay=0.5)
    optimizer = build_optimizer(preset)
    model = build_model(preset, 1)
    optimizer.build(model.trainable_variables)
    weights = model.get_weights()
    run = RunFolder.create(tmp_path, 1790000000, RunRecord(7, preset, 19, epochs=[epoch(1, 0.1)]))
    save_state(run, TrainingState(1, weights, [variable.numpy() for variable in optimizer.variables], weights))
    assert newest_valid_state(run).state.epoch == 1


def test_only_unfinished_saves_are_removed(tmp_path):
    run = run_with_states(tmp_path, 1)
    (run.states / ".epoch_000002.abc").mkdir()
    (run.states / ".epoch_000002.abc" / "state.safetensors").write_bytes(b"1")
    remove_unfinished_saves(run)
    assert [path.name for path in run.states.iterdir()] == ["epoch_000001"]


def test_state_without_the_average_of_its_preset_is_rejected(tmp_path):
    run = run_with_states(tmp_path, 1, TINY.but(ema_decay=0.5))
    run.record.epochs.append(epoch(2, 0.2))
    save_state(run, make_state(2, TINY))
    found = newest_valid_state(run)
    assert found.state.epoch == 1
    assert found.warnings[0].endswith("the shapes of its averaged weights do not match the preset")


def test_resuming_with_averages_and_batch_normalization_is_bit_identical(small_data, tmp_path):
    preset = EVERYTHING.but(epochs=4)
    uninterrupted = list(train(preset, 1, small_data))
    run = record_training(tmp_path, uninterrupted[:2], preset, RunStatus.INTERRUPTED)
    state, record, warnings = newest_valid_state(run)
    assert (state.epoch, len(record.epochs), warnings) == (2, 2, [])
    resumed = list(train(preset, 1, small_data, state))
    assert [(result.train, result.validation) for result in resumed] == [
        (result.train, result.validation) for result in uninterrupted[2:]
    ]
    for mine, theirs in zip(all_arrays(resumed[-1].state), all_arrays(uninterrupted[-1].state), strict=True):
        assert mine.tobytes() == theirs.tobytes()

    # The best checkpoint contains the average and has the recorded validation accuracy.
    run.record.status = RunStatus.FINISHED
    model = load_best_model(run)
    logits = model(small_data.validation.pixels / np.float32(255), training=False).numpy()
    accuracy = (logits.argmax(axis=1) == small_data.validation.labels).mean()
    assert accuracy == pytest.approx(record.best_validation_accuracy, abs=1 / 200)
    average = uninterrupted[record.best_epoch - 1].state.average
    for mine, theirs in zip(model.get_weights(), average, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_states_are_readable_for_everyone_whom_the_umask_allows(tmp_path):
    before = os.umask(0o022)
    try:
        run = run_with_states(tmp_path, 1)
    finally:
        os.umask(before)
    for path in (run.states, *run.states.rglob("*")):
        assert path.stat().st_mode & 0o044 == 0o044, path
