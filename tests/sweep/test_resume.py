"""Runs that were stopped, killed or damaged, and what --resume makes of them."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mnist_mlp.data.dataset import load_test_data
from mnist_mlp.evaluation.scoring import load_best_model
from mnist_mlp.files import sha256_of
from mnist_mlp.quiet_tensorflow import keras
from mnist_mlp.runs.info_tables import EVAL_COLUMNS, OVERALL_COLUMNS, TRAINING_LOG_COLUMNS, InfoLogs, read_table
from mnist_mlp.runs.recorder import Recorder, new_run
from mnist_mlp.runs.run_folder import RunFolder, RunRecord
from mnist_mlp.runs.states import newest_whole_state
from mnist_mlp.training.loop import train
from mnist_mlp.training.results import TrainingState
from tests.helpers import (
    EVERYTHING,
    PROJECT,
    MadeOnce,
    Script,
    flip_a_byte,
    folders,
    only_line,
    project_with,
    result_of,
    results,
    runs_in,
    wait_for,
)

CHOSEN = ("--presets", "8", "--epochs", "6")

# Runs a script that saves every epoch and dies in a save: python -c DIES_AT_SYNC 6 MNIST_train.py ... A save syncs five
# times: arrays, record, manifest, the folder of the three and, once that has its name, the folder around it.
DIES_AT_SYNC = """
import os, runpy, signal, sys
from mnist_mlp import recording
recording.SHARE_OF_TIME_FOR_STATES = float("inf")
_, left, *sys.argv = sys.argv
left, sync = int(left), os.fsync
def sync_or_die(descriptor):
    global left
    sync(descriptor)
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
os.fsync = sync_or_die
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def undisturbed(made_once: MadeOnce, script: Script) -> Path:
    def train(folder: Path) -> None:
        assert script("MNIST_train.py", *CHOSEN, "--quiet", *folders(folder)).returncode == 0

    return made_once("undisturbed", train)


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders of three trainings that were killed.

    After three epochs or so; in its second save, between weights and record; at the end of that save, untold.
    """
    folder = tmp_path_factory.mktemp("killed")
    trainers = [start(folder), start(folder, driver=(DIES_AT_SYNC, "6")), start(folder, driver=(DIES_AT_SYNC, "10"))]
    wait_for(trainers[0], "epoch 3/6")
    trainers[0].kill()
    for trainer in trainers:
        trainer.communicate(timeout=120)
        assert trainer.returncode == -signal.SIGKILL
    runs = {int((run.path / ".owner").read_text().split()[1]): run for run in runs_in(folder)}
    between, after = (runs[trainer.pid] for trainer in trainers[1:])
    (unfinished,) = between.states.glob(".epoch_*")
    assert [path.name for path in unfinished.iterdir()] == ["state.safetensors"]
    assert newest_whole_state(after)[0].epoch == len(after.record.epochs) + 1
    return folder


@pytest.fixture(scope="module")
def interrupted(made_once: MadeOnce) -> Path:
    """The folders of a training that was interrupted after three epochs or so, with two saved states."""

    def interrupt(folder: Path) -> None:
        process = start_until(folder, "epoch 3/6")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 130
        (folder / "stderr").write_text(errors)

    return made_once("interrupted", interrupt)


def start(folder: Path, *more: str, driver: tuple[str, ...] = ()) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, *(("-c", *driver) if driver else ()), "MNIST_train.py", *CHOSEN, *more, *folders(folder)],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start_until(folder: Path, text: str, *more: str) -> subprocess.Popen:
    process = start(folder, *more)
    wait_for(process, text)
    return process


def copy_of(folder: Path, target: Path) -> Path:
    shutil.copytree(folder, target, dirs_exist_ok=True)
    return target


def the_run(folder: Path) -> RunFolder:
    (run,) = runs_in(folder)
    return run


def saved_states(run: RunFolder) -> list[Path]:
    return sorted(run.states.glob("epoch_*"))


def another(run: RunFolder, number: int) -> RunFolder:
    """Returns a copy of the run beside it."""
    return RunFolder.open(copy_of(run.path, run.path.with_name(f"{run.name}_{number}")))


def files_of(run: RunFolder) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file() and path.name[0] != "."}


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
    """Checks every run of the folder against the only one of the other."""
    expected = the_run(undisturbed)
    logged = read_table(folder / "INFOS" / "training_log.txt", TRAINING_LOG_COLUMNS)
    overall = read_table(folder / "INFOS" / "overral_info.txt", OVERALL_COLUMNS)
    for curve in (("dev", "accuracy"), ("train", "update_ratio/logits"), ("train", "weights/hidden_1")):
        assert [step for step, _ in curves(expected)[curve]] == list(range(1, 7))
    for run in runs_in(folder):
        assert run.record.status == "finished"
        assert result_of(run) == result_of(expected)
        assert run.record.best_epoch == expected.record.best_epoch
        arrays = [newest_whole_state(each)[0] for each in (run, expected)]
        assert arrays[0].epoch == arrays[1].epoch == 6
        for mine, theirs in zip(*([*each.weights, *each.optimizer_state] for each in arrays), strict=True):
            assert mine.tobytes() == theirs.tobytes()
        assert sorted(row["epoch"] for row in logged if row["run"] == run.name) == [str(epoch) for epoch in range(1, 7)]
        assert [row["run"] for row in overall].count(run.name) == 1
        assert curves(run) == curves(expected)
        assert not list(run.states.glob(".*"))


def test_killed_training_goes_on_to_the_same_bits(script, killed, undisturbed, tmp_path):
    folder = copy_of(killed, tmp_path)
    assert {run.record.status for run in runs_in(folder)} == {"running"}
    process = script("MNIST_train.py", "--resume", "--workers", 1, *folders(folder))
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.count(", after epoch ") == 3
    assert "epoch 1/6" not in process.stdout
    assert_as_if_never_stopped(folder, undisturbed)
    again = script("MNIST_train.py", "--resume", *folders(folder))
    assert (again.returncode, again.stdout.split(":")[0]) == (0, "Nothing is left to train")


def test_damaged_newest_state_is_named_and_the_one_before_taken(script, interrupted, undisturbed, tmp_path):
    damages = [
        (flip_a_byte, "state.safetensors", "the bytes of state.safetensors are not those that were written"),
        (cut_in_half, "state.safetensors", "the bytes of state.safetensors are not those that were written"),
        (empty, "manifest.json", "it holds something else than a state (JSONDecodeError)"),
        (of_version_2, "manifest.json", "its manifest.json is of version 2, this program reads version 1"),
    ]
    folder = copy_of(interrupted, tmp_path)
    run = the_run(folder)
    assert len(saved_states(run)) == 2
    expected = []
    copies = [run, *(another(run, number) for number in (2, 3, 4))]
    for each, (damage, name, complaint) in zip(copies, damages, strict=True):
        newest = saved_states(each)[-1]
        damage(newest / name)
        expected.append(f"Warning: {newest} is damaged: {complaint}")
    process = script("MNIST_train.py", "--resume", "--workers", 1, *folders(folder))
    assert (process.returncode, process.stderr.splitlines()) == (0, expected)
    assert "epoch 1/6" not in process.stdout
    assert_as_if_never_stopped(folder, undisturbed)


def cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def of_version_2(manifest: Path) -> None:
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "state_version": 2}))


def never_to_be_beaten(run: RunFolder) -> None:
    """Lets all records of a run say that its best epoch got every validation image right."""
    for state in saved_states(run):
        record = RunRecord.from_json((state / "record.json").read_text())
        record.epochs[run.record.best_epoch - 1]["validation"]["accuracy"] = 1.0
        (state / "record.json").write_text(record.to_json())
        manifest = json.loads((state / "manifest.json").read_text())
        manifest["sha256"]["record.json"] = sha256_of((state / "record.json").read_bytes())
        (state / "manifest.json").write_text(json.dumps(manifest))


def test_run_without_a_whole_state_fails_and_the_others_go_on_and_keep_their_best_epoch(script, interrupted, tmp_path):
    folder = copy_of(interrupted, tmp_path)
    bad = the_run(folder)
    other = another(bad, 2)
    best = (other.record.best_epoch, other.record.best_checkpoint, other.best_checkpoint.read_bytes())
    never_to_be_beaten(other)
    for state in saved_states(bad):
        (state / "state.safetensors").write_bytes(b"")
    process = script("MNIST_train.py", "--resume", *folders(folder))
    assert process.returncode == 1
    assert process.stderr.count("is damaged: ") == 2
    bad, other = RunFolder.open(bad.path), RunFolder.open(other.path)
    assert (bad.record.status, other.record.status) == ("failed", "finished")
    assert (other.record.best_epoch, other.record.best_checkpoint, other.best_model.read_bytes()) == best
    assert len(other.record.epochs) == 6
    assert bad.record.reason.startswith("none of its saved states is whole, so it cannot go on")
    assert process.stderr.endswith(f"Error: 1 of 2 runs failed: {bad.name} ({bad.record.reason})\n")
    assert len(bad.record.epochs) >= 2
    assert len(saved_states(bad)) == 2


def test_states_of_another_version_are_left_as_they_are(script, interrupted, tmp_path):
    folder = copy_of(interrupted, tmp_path)
    run = the_run(folder)
    for state in saved_states(run):
        of_version_2(state / "manifest.json")
    before = files_of(run)
    process = script("MNIST_train.py", "--resume", *folders(folder))
    assert process.returncode == 2
    assert only_line(process) == (
        f"Error: nothing is left to resume: {run.name} is left as it is: its manifest.json is of version 2, "
        "this program reads version 1; resume it with the version that wrote it"
    )
    assert files_of(run) == before


def test_averages_and_statistics_are_part_of_the_saved_state(small_data, tmp_path):
    preset = EVERYTHING.but(epochs=4)
    never_stopped = list(train(preset, 1, small_data))
    recorder = Recorder(new_run(tmp_path / "runs", 7, preset, 1), InfoLogs(tmp_path))
    for result in never_stopped[:2]:
        recorder.record_epoch(result)
    recorder.end("interrupted")
    state, record, warnings = newest_whole_state(RunFolder.open(recorder.run.path))
    assert (state.epoch, len(record.epochs), warnings) == (2, 2, [])
    resumed = list(train(preset, 1, small_data, state))
    assert [(each.train, each.validation) for each in resumed] == [
        (each.train, each.validation) for each in never_stopped[2:]
    ]
    for mine, theirs in zip(all_arrays(resumed[-1].state), all_arrays(never_stopped[-1].state), strict=True):
        assert mine.tobytes() == theirs.tobytes()

    # What is kept is the average, which opens from the validated preset alone and is as good as was recorded.
    recorder.run.record.status = "finished"
    model = load_best_model(recorder.run)
    logits = model(small_data.validation.pixels / np.float32(255), training=False).numpy()
    accuracy = (logits.argmax(axis=1) == small_data.validation.labels).mean()
    assert accuracy == pytest.approx(record.best_validation_accuracy, abs=1 / 200)
    average = never_stopped[record.best_epoch - 1].state.average
    for mine, theirs in zip(model.get_weights(), average, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_saved_state_without_the_average_that_its_preset_keeps_is_damaged(small_data, tmp_path):
    first, second = train(EVERYTHING, 1, small_data)
    run = new_run(tmp_path / "runs", 7, EVERYTHING, 1)
    recorder = Recorder(run, InfoLogs(tmp_path))
    recorder.record_epoch(first)
    recorder.record_epoch(dataclasses.replace(second, state=dataclasses.replace(second.state, average=[])))
    recorder.end("interrupted")
    state, _, (warning,) = newest_whole_state(RunFolder.open(run.path))
    assert state.epoch == 1
    assert warning.endswith("its averaged weights are not of the preset's shape")


def all_arrays(state: TrainingState) -> list[np.ndarray]:
    return [*state.weights, *state.optimizer_state, *state.average]


def test_runs_written_before_there_were_saved_states(script, tmp_path):
    for name in ("runs", "INFOS"):
        shutil.copytree(PROJECT / "tests" / "written_before_saved_states" / name, tmp_path / name)
    finished, killed = runs_in(tmp_path)
    before = [files_of(run) for run in (finished, killed)]
    line = "PRESETS.update({{38: Preset(hidden_sizes=({0}, {0}), batch_size=500, epochs=2, learning_rate=0.01)}})"
    process = script(
        "MNIST_train.py", "--resume", *folders(tmp_path), cwd=project_with(tmp_path / "same", line.format(8))
    )
    assert process.returncode == 1
    reason = "it has no saved state (old versions wrote none), so it cannot go on; train its preset again"
    assert only_line(process).startswith(f"Error: 1 of 1 runs failed: {killed.name} ({reason}")
    record = RunFolder.open(killed.path).record
    assert (record.status, record.epochs, record.best_epoch) == ("failed", killed.record.epochs, 2)
    assert [files_of(finished), {**files_of(killed), killed.path / "record.json": None}] == [
        before[0],
        {**before[1], killed.path / "record.json": None},
    ]

    edited = project_with(tmp_path / "edited", line.format(5))  # whose network the weights would not fit
    process = script("MNIST_eval.py", *folders(tmp_path), cwd=edited)
    assert (process.returncode, process.stderr) == (0, "")
    assert f"Skipped {killed.name}: its status is failed, not finished" in process.stdout
    (row,) = read_table(tmp_path / "INFOS" / "eval_log.txt", EVAL_COLUMNS)
    test = load_test_data(PROJECT / "MNIST_data")
    activations = test.pixels / np.float32(255)
    for place, layer in enumerate(keras.models.load_model(finished.best_model).get_weights()):
        activations = activations @ layer if place % 2 == 0 else activations + layer
        activations = np.maximum(activations, 0) if place in (1, 3) else activations
    accuracy = (activations.argmax(axis=1) == test.labels).mean()
    assert float(row["test_accuracy"]) == pytest.approx(accuracy, abs=1e-4)

    process = script("for_report/make_report.py", *folders(tmp_path), "--output-dir", tmp_path / "out", cwd=edited)
    assert (process.returncode, process.stderr) == (0, "")
    with (tmp_path / "out" / "my_result.csv").open(newline="") as file:
        table = {row["run"]: row for row in csv.DictReader(file)}
    assert [table[run.name]["status"] for run in (finished, killed)] == ["finished", "failed"]
    assert float(table[finished.name]["test accuracy"]) == pytest.approx(accuracy, abs=1e-4)


def test_disk_that_is_full_for_tensorboard_s_events_fails_the_run_and_a_resume_goes_on(
    script, interrupted, undisturbed, small_disk, tmp_path
):
    folder = copy_of(interrupted, tmp_path)
    run = the_run(folder)
    small_disk("64k", run.summaries)
    (run.summaries / "filler").write_bytes(bytes(shutil.disk_usage(run.summaries).free - 4096))
    process = script("MNIST_train.py", "--resume", *folders(folder))
    assert process.returncode == 1
    assert only_line(process).startswith(f"Error: 1 of 1 runs failed: {run.name} (OSError: ")
    assert "No space left on device" in only_line(process)
    subprocess.run(["umount", run.summaries], check=True)
    assert script("MNIST_train.py", "--resume", "--quiet", *folders(folder)).returncode == 0
    assert_as_if_never_stopped(folder, undisturbed)


def test_resume_on_a_ray_of_its_own(script, interrupted, undisturbed, tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed")
    folder = copy_of(interrupted, tmp_path)
    another(the_run(folder), 2)
    process = script("MNIST_train.py", "--resume", "--engine", "ray", "--workers", 1, *folders(folder))
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.count(", after epoch ") == 2
    assert "epoch 1/6" not in process.stdout
    assert_as_if_never_stopped(folder, undisturbed)


def test_edited_preset_is_refused_with_the_difference(script, interrupted, tmp_path):
    line = "PRESETS.update({8: PRESETS[8].but(learning_rate=0.02)})"
    folder = copy_of(interrupted, tmp_path / "folder")
    before = files_of(the_run(folder))
    process = script("MNIST_train.py", "--resume", *folders(folder), cwd=project_with(tmp_path / "project", line))
    assert process.returncode == 2
    assert "preset 8 has been edited since (learning_rate was 0.01, is 0.02)" in only_line(process)
    assert files_of(the_run(folder)) == before


def test_second_trainer_of_a_run_refuses_and_names_the_first(script, tmp_path):
    process = start_until(tmp_path, "epoch  2/60", "--epochs", "60")
    second = script("MNIST_train.py", "--resume", *folders(tmp_path))
    assert second.returncode == 2
    assert f"is being trained by process {process.pid} on " in only_line(second)
    process.kill()
    process.communicate()


def test_sigterm_saves_what_there_is_and_exits_143(script, undisturbed, tmp_path):
    process = start_until(tmp_path, "epoch 2/6", "--workers", "2", "--repeats", "2")
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143, errors
    assert errors.startswith("Interrupted; what was trained until then is in ")
    assert {run.record.status for run in runs_in(tmp_path)} == {"interrupted"}
    assert script("MNIST_train.py", "--resume", "--workers", 1, "--quiet", *folders(tmp_path)).returncode == 0
    assert results(tmp_path)[8, 1602] == results(undisturbed)[8, 1602]


def test_ctrl_c_says_how_to_go_on(script, interrupted, undisturbed, tmp_path):
    folder = copy_of(interrupted, tmp_path)
    told = (folder / "stderr").read_text().partition("To go on: ")[2]
    assert told.endswith(
        f"MNIST_train.py --runs-dir {interrupted / 'runs'} --info-dir {interrupted / 'INFOS'} --resume\n"
    )
    assert saved_states(the_run(folder))[-1].name == f"epoch_{len(the_run(folder).record.epochs):06}"
    assert script("MNIST_train.py", "--resume", "--quiet", *folders(folder)).returncode == 0
    assert_as_if_never_stopped(folder, undisturbed)


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
