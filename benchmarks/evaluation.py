"""Measures MNIST_eval.py with 80 runs of which 2 are new, for two versions of the project, in turns.

.venv/bin/python -m benchmarks.evaluation OTHER_CHECKOUT --rounds 5

OTHER_CHECKOUT is another checkout of this project (`git worktree add OTHER_CHECKOUT COMMIT`). The runs have initial
weights; nothing is trained. It takes minutes and needs a quiet machine.
"""

from mnist_mlp.errors import install_error_hook

if __name__ == "__main__":
    install_error_hook()

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from mnist_mlp.commands import PROJECT
from mnist_mlp.console.command_line import ArgumentParser
from mnist_mlp.errors import UsageError, WorkFailed
from mnist_mlp.presets.preset import Preset
from mnist_mlp.runs.record import RunStatus
from mnist_mlp.runs.run_folder import RunFolder, find_runs

from hyperparameters import PRESETS

RUNS, NEW = 80, 2
NUMBERS = range(1, 61)  # presets of many shapes, none of them very large
NEITHER_NEW = "no new runs"
SCRIPT = "MNIST_eval.py"


def record_run(folder: Path, number: int, preset: Preset, seed: int) -> RunFolder:
    """Records the preset's network with its initial weights as a finished run of one epoch."""
    from mnist_mlp.runs.info_tables import InfoLogs
    from mnist_mlp.runs.recorder import Recorder, new_run
    from mnist_mlp.training.model import build_model
    from mnist_mlp.training.results import EpochResult, Metrics, TrainingState

    recorder = Recorder(new_run(folder / "runs", number, preset, seed), InfoLogs(folder))
    weights = build_model(preset, seed).get_weights()
    metrics = Metrics(cross_entropy=2.3, l2_penalty=0.0, accuracy=0.1)
    recorder.record_epoch(
        EpochResult(1.0, preset.learning_rate, metrics, metrics, {}, {}, TrainingState(1, weights, []))
    )
    recorder.end(RunStatus.FINISHED)
    return recorder.run


def make_runs(folder: Path) -> None:
    numbers = [number for number in NUMBERS if number in PRESETS]
    for index in range(RUNS):
        number = numbers[index % len(numbers)]
        record_run(folder, number, PRESETS[number], seed=1602 + index // len(numbers))


def seconds_of_evaluation(checkout: Path, folder: Path, *options: str) -> float:
    """Evaluates all runs in the directory with the script of this checkout.

    Raises:
        WorkFailed: the script failed.
    """
    folders = ("--runs-dir", folder / "runs", "--info-dir", folder, "--data-dir", PROJECT / "MNIST_data")
    command = [sys.executable, SCRIPT, *options, *map(str, folders)]
    started = time.perf_counter()
    process = subprocess.run(command, cwd=checkout, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    if process.returncode:
        raise WorkFailed(f"{SCRIPT} of {checkout} failed: {process.stderr.strip()[-300:]}")
    return seconds


def forget(runs: Sequence[RunFolder]) -> None:
    """Deletes what an evaluation has written to these runs."""
    for run in runs:
        (run.path / "test_predictions.npz").unlink()
        for events in run.summaries.glob("*/*.evaluation"):
            events.unlink()


def measure(checkouts: dict[str, Path], folders: dict[str, Path], rounds: int) -> dict[str, list[float]]:
    """Returns the seconds of every round by version, and those of this version without new runs."""
    seconds: dict[str, list[float]] = {name: [] for name in (*checkouts, NEITHER_NEW)}
    for number in range(1, rounds + 1):
        for name, checkout in checkouts.items():
            forget(find_runs(folders[name] / "runs").runs[-NEW:])
            seconds[name].append(seconds_of_evaluation(checkout, folders[name]))
        seconds[NEITHER_NEW].append(seconds_of_evaluation(checkouts["this"], folders["this"]))
        print(f"round {number}: " + ", ".join(f"{name} {values[-1]:.2f} s" for name, values in seconds.items()))
    return seconds


def parse_arguments(given: Sequence[str]) -> tuple[Path, int]:
    parser = ArgumentParser(f"Measures {SCRIPT} with {RUNS} runs of which {NEW} are new, for two versions.")
    parser.add_argument("other", type=Path, metavar="OTHER_CHECKOUT", help="another checkout of this project")
    parser.add_whole_number("--rounds", 1, 100, "number of rounds", default=5)
    arguments = parser.parse_args(given)
    if not (arguments.other / SCRIPT).is_file():
        raise UsageError(f"{arguments.other} has no {SCRIPT}; name a checkout of this project")
    return arguments.other.resolve(), arguments.rounds


def main(given: Sequence[str]) -> None:
    other, rounds = parse_arguments(given)
    checkouts = {"other": other, "this": PROJECT}
    with tempfile.TemporaryDirectory() as temporary:
        folders = {name: Path(temporary, name) for name in checkouts}
        make_runs(folders["this"])
        shutil.copytree(folders["this"], folders["other"])
        for name, checkout in checkouts.items():
            print(f"{name}, all {RUNS} runs new: {seconds_of_evaluation(checkout, folders[name]):.2f} s")
        seconds = measure(checkouts, folders, rounds)
    for name, values in seconds.items():
        print(f"{name}: {statistics.median(values):.2f} s ({min(values):.2f} to {max(values):.2f})")
    ratios = [this / that for this, that in zip(seconds["this"], seconds["other"], strict=True)]
    print(f"ratio, this to other: {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")


if __name__ == "__main__":
    main(sys.argv[1:])
