"""Chaos test: kills processes at random times, damages saved states, fills the disk, and resumes the sweep each time.

python -m tests.sweep.chaos --kills 20      same as `make chaos`; takes a few minutes
python -m tests.sweep.chaos --engine ray    same, on Ray
python -m tests.sweep.chaos --kills 2       short, similar to test_chaos.py, which skips the full disk

In the end, all runs must be bit-identical to those of an uninterrupted sweep, and the tables in INFOS/ must not have
missing or duplicate rows.
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
MAX_KILL_DELAY = 0.3  # seconds after a line of output, so that kills can hit any point of an epoch or a save


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Checks that a sweep loses nothing if its processes are killed.")
    parser.add_argument("--kills", type=int, default=20, metavar="N", help="number of kills (default: 20)")
    parser.add_argument("--epochs", type=int, default=40, metavar="N", help="number of epochs per run (default: 40)")
    parser.add_argument("--engine", choices=("local", "ray"), default="local", help="engine to test (default: local)")
    parser.add_argument(
        "--seed", type=int, default=int(time.time()), metavar="N", help="random seed (default: the current time)"
    )
    options = parser.parse_args(arguments)
    print(f"seed {options.seed}", flush=True)
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        reference = Path(folder, "reference")
        sweep = ("--presets", PRESETS, "--epochs", str(options.epochs), "--threads", "1")
        run_to_end(reference, *sweep)
        engine = ("--engine", options.engine)
        kills_left = options.kills
        while kills_left:  # a sweep may end before all kills are used up
            killed = Path(folder, f"killed, {kills_left} kills left")
            kills_left -= sweep_with_kills(killed, sweep, engine, kills_left, rng)
            assert_nothing_lost(killed, reference)
        train_on_full_disk(Path(folder, "full"))
        print("all runs match the uninterrupted sweep, and no table row is missing or duplicated", flush=True)


def sweep_with_kills(
    folder: Path, sweep: tuple[str, ...], engine: tuple[str, ...], kills: int, rng: random.Random
) -> int:
    """Trains the sweep to completion while killing processes and damaging states; returns the number of kills."""
    done = Counter()
    while not is_finished(folder):
        options = ("--resume",) if unfinished(folder) else (*sweep, "--skip-done")
        process = start(folder, *options, *engine)
        kills_left = kills - done["trainer"] - done["worker"]
        if kills_left > 0 and read_lines(process, rng.randint(0, 12)):
            time.sleep(rng.uniform(0, MAX_KILL_DELAY))
            done[kill_trainer_or_worker(process, rng)] += 1
        process.communicate(timeout=900)
        if kills_left > 0 and rng.random() < 0.3:
            done["states damaged"] += damage_a_state(folder, rng)
    print(f"survived: {dict(done)}", flush=True)
    return done["trainer"] + done["worker"]


def read_lines(process: subprocess.Popen, lines: int) -> bool:
    """Reads this many lines of output; returns whether the process is still running."""
    return all(process.stdout.readline() for _ in range(lines)) and process.poll() is None


def kill_trainer_or_worker(process: subprocess.Popen, rng: random.Random) -> str:
    """Kills the trainer and all its workers, or a single worker; returns "trainer" or "worker"."""
    workers = [child for child in psutil.Process(process.pid).children(recursive=True) if is_worker(child)]
    if workers and rng.random() < 0.5:
        with contextlib.suppress(psutil.NoSuchProcess):
            rng.choice(workers).kill()
        return "worker"
    os.killpg(process.pid, signal.SIGKILL)
    return "trainer"


def is_worker(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(re.search("spawn_main|ray::_train", " ".join(process.cmdline())))
    return False


def damage_a_state(folder: Path, rng: random.Random) -> int:
    """Flips a byte in the newer of an unfinished run's two saved states; returns 1, or 0 if no run has two states."""
    for run in unfinished(folder):
        states = sorted(run.states.glob("epoch_*"))
        if len(states) == 2:
            flip_a_byte(states[1] / rng.choice(["state.safetensors", "record.json"]))
            return 1
    return 0


def train_on_full_disk(folder: Path) -> None:
    """Trains on a small, full file system, then frees space and resumes. Skips this if it cannot mount one."""
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", folder], capture_output=True).returncode:
        print("skipped the full-disk test: cannot mount a small file system", flush=True)
        return
    try:
        filler = folder / "filler"
        filler.write_bytes(bytes(34 << 20))
        process = start(folder, "--presets", "1", "--epochs", "3")
        _, errors = process.communicate(timeout=900)
        assert process.returncode == 1, errors
        assert len(errors.strip().splitlines()) == 1, errors
        filler.unlink()
        run_to_end(folder, "--resume")
        reference = folder / "reference"
        run_to_end(reference, "--presets", "1", "--epochs", "3")
        assert_nothing_lost(folder, reference)
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


def run_to_end(folder: Path, *options: str) -> None:
    process = start(folder, *options)
    _, errors = process.communicate(timeout=1800)
    assert process.returncode == 0, errors


def runs_of(folder: Path) -> list[RunFolder]:
    if not (folder / "runs").exists():
        return []
    return find_runs(folder / "runs").runs


def unfinished(folder: Path) -> list[RunFolder]:
    return [run for run in runs_of(folder) if not run.record.is_done]


def is_finished(folder: Path) -> bool:
    done = {run.record.preset_number for run in runs_of(folder) if run.record.is_done}
    return done == set(map(int, PRESETS.split(",")))


def assert_nothing_lost(folder: Path, reference: Path) -> None:
    assert results(folder) == results(reference)
    for table, columns in (("training_log.txt", TRAINING_LOG_COLUMNS), ("overral_info.txt", OVERALL_COLUMNS)):
        rows, expected = (
            Counter((row["preset"], row.get("epoch")) for row in read_table(parent / "INFOS" / table, columns))
            for parent in (folder, reference)
        )
        assert rows == expected
        assert set(rows.values()) == {1}


if __name__ == "__main__":
    main()
