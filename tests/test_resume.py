"""Runs that were stopped, killed or damaged, and what --resume makes of them."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mnist_mlp.info_logs import OVERALL_COLUMNS, TRAINING_LOG_COLUMNS, read_table
from mnist_mlp.run_folder import RunFolder
from mnist_mlp.saved_state import newest_whole_state
from tests.conftest import PROJECT, Script, flip_a_byte, folders, only_line, runs_in
from tests.test_sweep import results, wait_for

CHOSEN = ("--presets", "8", "--epochs", "6")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, script: Script) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert script("MNIST_train.py", *CHOSEN, "--quiet", *folders(folder)).returncode == 0
    return folder


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders of a training that was killed after three epochs or so."""
    folder = tmp_path_factory.mktemp("killed")
    start_until(folder, "epoch 3/6").kill()
    return folder


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders of a training that was interrupted after two epochs or so, with two saved states."""
    folder = tmp_path_factory.mktemp("interrupted")
    process = start_until(folder, "epoch 2/6")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    return folder


def start_until(folder: Path, text: str, *more: str) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "MNIST_train.py", *CHOSEN, *more, *folders(folder)],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(process, text)
    return process


def copy_of(folder: Path, target: Path) -> Path:
    shutil.copytree(folder, target, dirs_exist_ok=True)
    return target


def the_run(folder: Path) -> RunFolder:
    (run,) = runs_in(folder)
    return run


def saved_states(folder: Path) -> list[Path]:
    return sorted(the_run(folder).states.glob("epoch_*"))


def curves(run: RunFolder) -> dict[tuple[str, str], list[tuple[int, bytes]]]:
    """Returns for each writer and tag the (step, value's bytes) pairs that TensorBoard finds, in the order found."""
    found = {}
    for name in ("train", "dev"):
        events = EventAccumulator(str(run.summaries / name), size_guidance={"scalars": 0, "tensors": 0})
        events.Reload()
        for tag in events.Tags()["tensors"]:
            if not tag.startswith("_hparams_"):
                found[name, tag] = [
                    (event.step, event.tensor_proto.SerializeToString()) for event in events.Tensors(tag)
                ]
    return found


def assert_as_if_never_stopped(folder: Path, undisturbed: Path) -> None:
    run, expected = the_run(folder), the_run(undisturbed)
    assert run.record.status == "finished"
    assert results(folder) == results(undisturbed)
    assert run.record.best_epoch == expected.record.best_epoch
    arrays = [newest_whole_state(each)[0] for each in (run, expected)]
    assert arrays[0].epoch == arrays[1].epoch == 6
    for mine, theirs in zip(*([*each.weights, *each.optimizer_state] for each in arrays), strict=True):
        assert mine.tobytes() == theirs.tobytes()
    rows = read_table(folder / "INFOS" / "training_log.txt", TRAINING_LOG_COLUMNS)
    assert [row["epoch"] for row in rows] == [str(epoch) for epoch in range(1, 7)]
    assert len(read_table(folder / "INFOS" / "overral_info.txt", OVERALL_COLUMNS)) == 1
    assert curves(run) == curves(expected)
    for curve in (("dev", "accuracy"), ("train", "update_ratio/logits"), ("train", "weights/hidden_1")):
        assert [step for step, _ in curves(run)[curve]] == list(range(1, 7))


def test_killed_training_goes_on_to_the_same_bits(script, killed, undisturbed, tmp_path):
    folder = copy_of(killed, tmp_path)
    assert the_run(folder).record.status == "running"
    process = script("MNIST_train.py", "--resume", *folders(folder))
    assert (process.returncode, process.stderr) == (0, "")
    assert "after epoch " in process.stdout
    assert "epoch 1/6" not in process.stdout
    assert_as_if_never_stopped(folder, undisturbed)
    again = script("MNIST_train.py", "--resume", *folders(folder))
    assert (again.returncode, again.stdout.split(":")[0]) == (0, "Nothing is left to train")


def test_damaged_newest_state_is_named_and_the_one_before_taken(script, interrupted, undisturbed, tmp_path):
    damages = {
        "flipped": lambda state: flip_a_byte(state / "state.safetensors"),
        "cut": lambda state: (state / "state.safetensors").write_bytes(b"short"),
        "record": lambda state: flip_a_byte(state / "record.json"),
        "manifest": lambda state: (state / "manifest.json").write_text("{}"),
        "empty": lambda state: (state / "manifest.json").write_bytes(b""),
        "version": lambda state: (state / "manifest.json").write_text('{"state_version": 2}'),
    }
    for name, damage in damages.items():
        folder = copy_of(interrupted, tmp_path / name)
        states = saved_states(folder)
        assert len(states) == 2
        damage(states[-1])
        state, record, warnings = newest_whole_state(the_run(folder))
        assert (state.epoch, len(record.epochs)) == (int(states[0].name[-6:]),) * 2
        assert len(warnings) == 1
        assert warnings[0].startswith(f"{states[-1]} is damaged: ")
    process = script("MNIST_train.py", "--resume", *folders(tmp_path / "flipped"))
    assert process.returncode == 0
    assert "is damaged: the bytes of state.safetensors are not those that were written" in only_line(process)
    assert_as_if_never_stopped(tmp_path / "flipped", undisturbed)


def test_run_without_a_whole_state_fails_and_the_others_go_on(script, interrupted, tmp_path):
    folder = copy_of(interrupted, tmp_path)
    bad = the_run(folder)
    other = copy_of(bad.path, bad.path.with_name(f"{bad.name}_2"))
    for state in saved_states_of(bad):
        (state / "state.safetensors").write_bytes(b"")
    process = script("MNIST_train.py", "--resume", *folders(folder))
    assert process.returncode == 1
    assert process.stderr.count("is damaged: ") == 2
    assert f"1 of 2 runs failed: {bad.name} (none of its saved states is whole, " in process.stderr
    bad, other = RunFolder.open(bad.path), RunFolder.open(other)
    assert (bad.record.status, other.record.status) == ("failed", "finished")
    assert bad.record.reason == "none of its saved states is whole, so it cannot go on"
    assert len(bad.record.epochs) >= 2
    assert len(saved_states_of(bad)) == 2


def saved_states_of(run: RunFolder) -> list[Path]:
    return sorted(run.states.glob("epoch_*"))


def test_edited_preset_is_refused_with_the_difference(script, killed, tmp_path):
    project = tmp_path / "project"
    ignored = shutil.ignore_patterns(".*", "runs", "INFOS", "tests", "__pycache__")
    shutil.copytree(PROJECT, project, ignore=ignored)
    registry = project / "hyperparameters.py"
    lines = registry.read_text().splitlines()
    (place,) = (number for number, line in enumerate(lines) if line.startswith("PRESETS[8] ="))
    lines[place] += "\nPRESETS.update({8: PRESETS[8].but(learning_rate=0.02)})"
    registry.write_text("\n".join(lines))
    folder = copy_of(killed, tmp_path / "folder")
    before = (the_run(folder).path / "record.json").read_bytes()
    process = script("MNIST_train.py", "--resume", *folders(folder), cwd=project)
    assert process.returncode == 2
    assert "preset 8 has been edited since (learning_rate was 0.01, is 0.02)" in only_line(process)
    assert (the_run(folder).path / "record.json").read_bytes() == before


def test_second_trainer_of_a_run_refuses_and_names_the_first(script, tmp_path):
    process = start_until(tmp_path, "epoch 2/6")
    second = script("MNIST_train.py", "--resume", *folders(tmp_path))
    assert second.returncode == 2
    assert f"is being trained by process {process.pid} on " in only_line(second)
    process.kill()
    process.communicate()


def test_sigterm_saves_what_there_is_and_exits_143(script, undisturbed, tmp_path):
    process = start_until(tmp_path, "epoch 2/6", "--workers", "2", "--repeats", "2")
    process.terminate()
    started = time.monotonic()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143, errors
    assert time.monotonic() - started < 30
    assert errors.startswith("Interrupted; what was trained until then is in ")
    assert {run.record.status for run in runs_in(tmp_path)} == {"interrupted"}
    assert script("MNIST_train.py", "--resume", "--quiet", *folders(tmp_path)).returncode == 0
    assert results(tmp_path)[8, 1602] == results(undisturbed)[8, 1602]


def test_ctrl_c_says_how_to_go_on(script, undisturbed, tmp_path):
    process = start_until(tmp_path, "epoch 2/6")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.endswith(" --resume\n")
    assert saved_states(tmp_path)[-1].name == f"epoch_{len(the_run(tmp_path).record.epochs):06}"
    assert script("MNIST_train.py", "--resume", "--quiet", *folders(tmp_path)).returncode == 0
    assert_as_if_never_stopped(tmp_path, undisturbed)


def test_skip_done_trains_only_what_is_missing(script, undisturbed, tmp_path):
    folder = copy_of(undisturbed, tmp_path)
    process = script("MNIST_train.py", *CHOSEN, "--repeats", 2, "--skip-done", "--quiet", *folders(folder))
    assert (process.returncode, process.stderr) == (0, "")
    assert sorted(run.record.seed for run in runs_in(folder)) == [1602, 1603]
    process = script("MNIST_train.py", *CHOSEN, "--skip-done", *folders(folder))
    assert process.stdout.startswith("Nothing is left to train: ")


def test_resume_takes_no_option_that_would_change_a_run(script, tmp_path):
    process = script("MNIST_train.py", "--resume", "--epochs", 3, *folders(tmp_path))
    assert process.returncode == 2
    assert only_line(process).startswith("Error: --resume goes on with runs as they were begun")
