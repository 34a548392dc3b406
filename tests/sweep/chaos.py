"""Sweeps under attack: processes killed after random lines of output, states damaged, a full disk; then --resume.

python -m tests.sweep.chaos --kills 20      as `make chaos` does, some minutes
python -m tests.sweep.chaos --engine ray    the same on Ray
python -m tests.sweep.chaos --kills 2       as the tests do, but they leave out the full disk

In the end every run must have the bits of an undisturbed sweep, and every row of INFOS/ must be there once.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil

from mnist_mlp.runs.info_tables import OVERALL_COLUMNS, TRAINING_LOG_COLUMNS
from mnist_mlp.runs.run_folder import RunFolder, find_runs
from mnist_mlp.runs.text_table import read_table
from tests.helpers import PROJECT, flip_a_byte, folders, results

PRESETS = "1,8"
SECONDS_AFTER_LINE = (
    0.3  # at most, before a kill, so that it meets epochs, saves and whatever else is between two lines
)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Shows that a sweep under attack loses nothing.")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--engine", choices=("local", "ray"), default="local")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args(arguments)
    print(f"seed {options.seed}", flush=True)
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        calm = Path(folder, "calm")
        sweep = ("--presets", PRESETS, "--epochs", str(options.epochs))
        run_to_its_end(calm, *sweep)
        engine = ("--engine", options.engine)
        kills_left = options.kills
        while kills_left:  # a sweep may end before it has been killed so often
            attacked = Path(folder, f"attacked, {kills_left} kills left")
            kills_left -= attack(attacked, sweep, engine, kills_left, chance)
            assert_nothing_lost(attacked, calm)
        fill_the_disk(Path(folder, "full"), sweep)
        print("every run has the bits of the undisturbed sweep, every row is there once", flush=True)


def attack(folder: Path, sweep: tuple[str, ...], engine: tuple[str, ...], kills: int, chance: random.Random) -> int:
    """Kills trainer or worker again and again, damages states now and then, until all is trained; returns the kills."""
    done = Counter()
    while not everything_is_done(folder):
        options = ("--resume",) if unfinished(folder) else (*sweep, "--skip-done")
        process = start(folder, *options, *engine)
        attacks_left = kills - done["trainer"] - done["worker"]
        if attacks_left > 0 and reads_lines(process, chance.randint(0, 12)):
            time.sleep(chance.uniform(0, SECONDS_AFTER_LINE))
            done[kill_something(process, chance)] += 1
        process.communicate(timeout=900)
        if attacks_left > 0 and chance.random() < 0.3:
            done["states damaged"] += damage_a_state(folder, chance)
    print(f"survived: {dict(done)}", flush=True)
    return done["trainer"] + done["worker"]


def reads_lines(process: subprocess.Popen, lines: int) -> bool:
    """Reads so many lines of the process's output; returns whether it is still running then."""
    return all(process.stdout.readline() for _ in range(lines)) and process.poll() is None


def kill_something(process: subprocess.Popen, chance: random.Random) -> str:
    """Kills the trainer with all its workers, or one worker alone; returns which."""
    workers = [child for child in psutil.Process(process.pid).children(recursive=True) if is_worker(child)]
    if workers and chance.random() < 0.5:
        with contextlib.suppress(psutil.NoSuchProcess):
            chance.choice(workers).kill()
        return "worker"
    os.killpg(process.pid, signal.SIGKILL)
    return "trainer"


def is_worker(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(re.search("spawn_main|ray::_train", " ".join(process.cmdline())))
    return False


def damage_a_state(folder: Path, chance: random.Random) -> int:
    """Flips a byte in the newest of a run's two saved states; returns whether it found one."""
    for run in unfinished(folder):
        states = sorted(run.states.glob("epoch_*"))
        if len(states) == 2:
            flip_a_byte(states[1] / chance.choice(["state.safetensors", "record.json"]))
            return 1
    return 0


def fill_the_disk(folder: Path, sweep: tuple[str, ...]) -> None:
    """Trains on a small file system that is full at first; skipped if none can be mounted."""
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", folder], capture_output=True).returncode:
        print("no small file system could be mounted: the full disk is left out", flush=True)
        return
    try:
        filler = folder / "filler"
        filler.write_bytes(bytes(34 << 20))
        process = start(folder, "--presets", "1", "--epochs", "3")
        _, errors = process.communicate(timeout=900)
        assert process.returncode == 1, errors
        assert len(errors.strip().splitlines()) == 1, errors
        filler.unlink()
        run_to_its_end(folder, "--resume")
        calm = folder / "calm"
        run_to_its_end(calm, "--presets", "1", "--epochs", "3")
        assert_nothing_lost(folder, calm)
        print("survived: a full disk", flush=True)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def start(folder: Path, *options: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "MNIST_train.py", *options, *folders(folder)],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run_to_its_end(folder: Path, *options: str) -> None:
    process = start(folder, *options)
    _, errors = process.communicate(timeout=1800)
    assert process.returncode == 0, errors


def runs_of(folder: Path) -> list[RunFolder]:
    if not (folder / "runs").exists():
        return []
    return find_runs(folder / "runs").runs


def unfinished(folder: Path) -> list[RunFolder]:
    return [run for run in runs_of(folder) if not run.record.is_done]


def everything_is_done(folder: Path) -> bool:
    done = {run.record.preset_number for run in runs_of(folder) if run.record.is_done}
    return done == set(map(int, PRESETS.split(",")))


def assert_nothing_lost(folder: Path, calm: Path) -> None:
    assert results(folder) == results(calm)
    for table, columns in (("training_log.txt", TRAINING_LOG_COLUMNS), ("overral_info.txt", OVERALL_COLUMNS)):
        rows, expected = (
            Counter((row["preset"], row.get("epoch")) for row in read_table(parent / "INFOS" / table, columns))
            for parent in (folder, calm)
        )
        assert rows == expected
        assert set(rows.values()) == {1}


if __name__ == "__main__":
    main()
