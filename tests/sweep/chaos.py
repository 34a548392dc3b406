"""Sweeps under attack: processes killed at random moments, states damaged, a disk that is full; then --resume.

python -m tests.sweep.chaos --kills 20      as `make chaos` does, some minutes
python -m tests.sweep.chaos --engine ray    the same on Ray
python -m tests.sweep.chaos --kills 2       as the tests do, but for the full disk

In the end every run must have the bits of an undisturbed sweep, and every row of INFOS/ must be there once.
"""

from __future__ import annotations

import argparse
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

from mnist_mlp.runs.info_tables import OVERALL_COLUMNS, TRAINING_LOG_COLUMNS, read_table
from mnist_mlp.runs.run_folder import InvalidRun, RunFolder, scan
from tests.helpers import PROJECT, flip_a_byte, folders, results

PRESETS = "1,8"


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
        while kills_left:  # a sweep may be done before it was killed so often
            attacked = Path(folder, f"attacked, {kills_left} kills left")
            kills_left -= attack(attacked, sweep, engine, kills_left, chance)
            assert_nothing_lost(attacked, calm)
        fill_the_disk(Path(folder, "full"), sweep)
        print("every run has the bits of the undisturbed sweep, every row is there once", flush=True)


def attack(folder: Path, sweep: tuple[str, ...], engine: tuple[str, ...], kills: int, chance: random.Random) -> int:
    """Kills trainer or worker again and again, damages states now and then, until all is trained; returns the kills."""
    done = Counter()
    while not everything_is_done(folder):
        what = ("--resume",) if unfinished(folder) else (*sweep, "--skip-done")
        process = start(folder, *what, *engine)
        attacks_left = kills - done["trainer"] - done["worker"]
        try:
            process.wait(timeout=chance.uniform(4, 16) if attacks_left > 0 else 900)
        except subprocess.TimeoutExpired:
            done[kill_something(process, chance)] += 1
            process.wait(timeout=900)
        if attacks_left > 0 and chance.random() < 0.3:
            done["states damaged"] += damage_a_state(folder, chance)
    print(f"survived: {dict(done)}", flush=True)
    return done["trainer"] + done["worker"]


def kill_something(process: subprocess.Popen, chance: random.Random) -> str:
    """Kills the trainer with all its workers, or one worker alone; returns which."""
    children = psutil.Process(process.pid).children(recursive=True)
    workers = [each for each in children if re.search("spawn_main|ray::_train", " ".join(each.cmdline()))]
    if workers and chance.random() < 0.5:
        chance.choice(workers).kill()
        return "worker"
    os.killpg(process.pid, signal.SIGKILL)
    return "trainer"


def damage_a_state(folder: Path, chance: random.Random) -> int:
    """Flips a byte in the newest of a run's two saved states; returns whether it found one."""
    for run in unfinished(folder):
        states = sorted(run.states.glob("epoch_*"))
        if len(states) == 2:
            flip_a_byte(states[1] / chance.choice(["state.safetensors", "record.json"]))
            return 1
    return 0


def fill_the_disk(folder: Path, sweep: tuple[str, ...]) -> None:
    """Trains on a small file system that is full at first; skipped where none can be mounted."""
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
        stdout=subprocess.DEVNULL,
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
    return [run for _, run in scan(folder / "runs") if not isinstance(run, InvalidRun)]


def unfinished(folder: Path) -> list[RunFolder]:
    return [run for run in runs_of(folder) if not run.record.is_done]


def everything_is_done(folder: Path) -> bool:
    done = {run.record.preset_number for run in runs_of(folder) if run.record.is_done}
    return done == set(map(int, PRESETS.split(",")))


def assert_nothing_lost(folder: Path, calm: Path) -> None:
    assert results(folder) == results(calm)
    for table, columns in (("training_log.txt", TRAINING_LOG_COLUMNS), ("overral_info.txt", OVERALL_COLUMNS)):
        rows, expected = (
            Counter((row["preset"], row.get("epoch")) for row in read_table(each / "INFOS" / table, columns))
            for each in (folder, calm)
        )
        assert rows == expected
        assert set(rows.values()) == {1}


if __name__ == "__main__":
    main()
