"""Tests that randomly generated input leads to a correct result or a one-line error."""

from __future__ import annotations

import gzip
import json
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mnist_mlp.data.dataset import MNIST
from mnist_mlp.data.loading import load_training_data
from mnist_mlp.errors import UsageError, WorkFailed
from mnist_mlp.presets.preset import Preset
from mnist_mlp.runs.record import InvalidRun, RunRecord
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.runs.states import newest_valid_state
from tests.helpers import PROJECT, a_record, runs_in, save_initial_state

from hyperparameters import PRESETS

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
FIELDS = st.sampled_from(Preset.field_names())


@given(field=FIELDS, value=JSON)
@settings(max_examples=400, deadline=None)
def test_any_field_value_is_accepted_or_rejected(field, value):
    try:
        preset = PRESETS[31].but(**{field: value})
    except UsageError as error:
        assert field.split("_")[0] in str(error)
        assert len(str(error)) < 1000
    else:
        assert Preset.from_dict(json.loads(json.dumps(preset.to_dict()))) == preset


@given(text=st.text(max_size=30) | st.text(alphabet="0123456789-, ", max_size=30))
@settings(max_examples=400, deadline=None)
def test_any_preset_list_is_accepted_or_rejected(text):
    try:
        chosen = PRESETS.select(text)
    except UsageError as error:
        assert len(str(error)) < 1000
    else:
        assert chosen == {number: PRESETS[number] for number in chosen}
        assert len(chosen) >= 1


@given(
    path=st.lists(st.sampled_from([*vars(a_record()), "epochs", 0, 1, "validation", "accuracy"]), max_size=4),
    value=JSON,
)
@settings(max_examples=400, deadline=None)
def test_any_record_is_accepted_or_rejected(path, value):
    values = json.loads(a_record().to_json())
    *parents, last = path or ["preset"]
    position = values
    try:
        for step in parents:
            position = position[step]
        position[last] = value
    except (KeyError, IndexError, TypeError):
        return
    try:
        record = RunRecord.from_json(json.dumps(values))
    except InvalidRun as reason:
        assert len(str(reason)) < 1000
    else:
        assert RunRecord.from_json(record.to_json()).to_json() == record.to_json()


@given(text=st.text(max_size=200) | st.binary(max_size=200).map(lambda content: content.decode("latin-1")))
@settings(max_examples=200, deadline=None)
def test_any_text_is_rejected_as_record(text):
    with pytest.raises(InvalidRun):
        RunRecord.from_json(text)


@pytest.fixture(scope="module")
def run_with_states(trained, tmp_path_factory) -> RunFolder:
    folder = tmp_path_factory.mktemp("states")
    shutil.copytree(trained / "runs", folder / "runs")
    run = runs_in(folder)[0]
    save_initial_state(run)
    return run


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damage_to_state_is_detected(run_with_states, data):
    newest = max(run_with_states.states.iterdir())
    path = data.draw(st.sampled_from(sorted(newest.iterdir())))
    whole = path.read_bytes()
    position = data.draw(st.integers(0, len(whole) - 1))
    damaged = data.draw(
        st.sampled_from(
            [
                whole[:position],
                whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :],
                whole + b"\0",
                b"",
            ]
        )
    )
    path.write_bytes(damaged)
    try:
        state, _, warnings = newest_valid_state(run_with_states)
    finally:
        path.write_bytes(whole)
    assert state is None or state.epoch < int(newest.name[-6:]) or _is_equivalent(path.name, damaged, whole)
    assert state is None or len(warnings) <= 1


def _is_equivalent(name: str, damaged: bytes, whole: bytes) -> bool:
    """Returns whether a manifest changed only in formatting or in keys that are not read."""
    if name != "manifest.json":
        return False
    read = [json.loads(content) for content in (damaged, whole)]
    return all(read[0][key] == read[1][key] for key in ("state_version", "epoch", "sha256"))


@pytest.mark.slow
@given(header=st.binary(max_size=16), images=st.integers(0, 50))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_invalid_idx_file_is_detected(tmp_path_factory, header, images):
    folder = tmp_path_factory.mktemp("idx")
    for path in (PROJECT / "MNIST_data").glob("*.gz"):
        (folder / path.name).symlink_to(path)
    (folder / MNIST.train_labels_file.name).unlink()
    (folder / MNIST.train_labels_file.name).write_bytes(gzip.compress(header + bytes(images)))
    with pytest.raises(WorkFailed) as failure:
        load_training_data(folder, mirrors=())
    assert "\n" not in str(failure.value)
