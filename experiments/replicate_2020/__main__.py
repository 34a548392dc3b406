"""Trains presets 1 to 37 as the 2020 experiment really ran, and compares their accuracies with the published ones.

.venv/bin/python -m experiments.replicate_2020
.venv/bin/python -m experiments.replicate_2020 --presets 16-18,31 --seeds 2

The 2020 code added the L2 penalty once per layer, and never switched dropout off: validation, the choice of the best
epoch, and the test all used one random draw of dropout masks. Each preset with weight decay is trained with this
penalty and with the intended one. Every run is evaluated with dropout on and off.

Trains on all cores, seed by seed. Every finished run is a row in runs.csv, and a run directory in runs/ for a report.
To continue after an interruption, repeat the command: only unfinished runs start again, from their first epoch. At the
end, and at an interruption, table.md and table.csv are written from all rows. Takes about eight hours on 2 cores for
five seeds.
"""

import os

from mnist_mlp.errors import install_error_hook

if __name__ == "__main__":
    install_error_hook()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # for the evaluation here; the workers already use all cores

import argparse
import contextlib
from collections.abc import Container, Sequence
from pathlib import Path

from experiments.replicate_2020.comparison import Comparison, read_published
from experiments.replicate_2020.evaluation import Evaluation
from experiments.replicate_2020.progress import Progress
from experiments.replicate_2020.runs_file import FinishedRun, RunsFile
from experiments.replicate_2020.tables import MARKDOWN_FILE, write_tables
from experiments.replicate_2020.training import Evaluator, Images, jobs_of, key_of
from mnist_mlp.commands import PROJECT
from mnist_mlp.console.command_line import ArgumentParser
from mnist_mlp.data.loading import load_test_data, load_training_data
from mnist_mlp.disk.files import require_writable_folder
from mnist_mlp.errors import UsageError, WorkFailed
from mnist_mlp.presets.preset import Preset
from mnist_mlp.sweep.engines import choose_engine
from mnist_mlp.sweep.jobs import Job
from mnist_mlp.sweep.signals import Interruption, StoppedBySignal
from mnist_mlp.sweep.sweep import run_sweep

from hyperparameters import PRESETS

FIRST_SEED = 1602
RUNS_FILE = "runs.csv"
DATA_DIR = PROJECT / "MNIST_data"


def parse_arguments() -> argparse.Namespace:
    parser = ArgumentParser("Trains presets 1 to 37 as in 2020, and compares them with the published accuracies.")
    parser.add_argument(
        "--presets", nargs="+", default=["1-37"], metavar="LIST", help="preset numbers and ranges (default: 1-37)"
    )
    parser.add_whole_number("--seeds", 1, 1000, default=5, help=f"number of seeds, counting up from {FIRST_SEED}")
    parser.add_whole_number("--epochs", 1, 100_000, help="number of epochs, to try things (default: as in 2020)")
    parser.add_folder("--output-dir", "experiments/replicate_2020", help="directory for runs.csv and the tables")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    published = read_published()
    presets = {number: with_epochs(PRESETS[number], arguments.epochs) for number in published}
    chosen = {number: presets[number] for number in numbers_of(" ".join(arguments.presets), published)}
    require_writable_folder(arguments.output_dir, "--output-dir")
    file = RunsFile(arguments.output_dir / RUNS_FILE)
    jobs = jobs_of(chosen, range(FIRST_SEED, FIRST_SEED + arguments.seeds))
    finished = {run.key for run in file.runs}
    missing = [job for job in jobs if key_of(job) not in finished]
    print(f"{len(missing)} of {len(jobs)} runs to train", flush=True)
    try:
        if missing:
            train_missing(missing, file, arguments.output_dir)
    finally:
        runs = {run.key: run for run in file.runs if run.epochs == presets[run.preset].epochs}
        if runs:
            write_tables(Comparison([*runs.values()], presets, published), arguments.output_dir)
    print(f"The comparison is in {arguments.output_dir / MARKDOWN_FILE}")


def with_epochs(preset: Preset, epochs: int | None) -> Preset:
    return preset.but(epochs=epochs) if epochs else preset


def numbers_of(text: str, published: Container[int]) -> list[int]:
    """Returns the preset numbers in the text.

    Raises:
        UsageError: nothing was published for one of them, or the text cannot be parsed.
    """
    numbers = list(PRESETS.select(text))
    for number in numbers:
        if number not in published:
            raise UsageError(f"preset {number} was not part of the 2020 experiment; its presets are 1 to 37")
    return numbers


def train_missing(jobs: Sequence[Job], file: RunsFile, output_dir: Path) -> None:
    """Trains the jobs, adds a row to the file for each of them, and keeps the runs in the output directory.

    Raises:
        StoppedBySignal: the user pressed Ctrl-C.
        WorkFailed: some runs failed.
    """
    progress = Progress(jobs)
    failures: list[str] = []

    def finished(job: Job, run: FinishedRun) -> None:
        file.append(run)
        progress.finished(job, run)

    def failed(job: Job, reason: str) -> None:
        failures.append(f"preset {job.preset_number}, seed {job.seed} ({reason})")
        progress.failed(job, reason)

    runs_dir, info_dir = (output_dir / name for name in ("runs", "INFOS"))
    for folder in (runs_dir, info_dir):
        require_writable_folder(folder, "--output-dir")
    with contextlib.closing(Interruption(print)) as interruption:
        validation, test = load_training_data(DATA_DIR).validation, load_test_data(DATA_DIR)
        evaluator = Evaluator(Images(Evaluation(validation), Evaluation(test)), finished, failed)
        engine = choose_engine("local", jobs, None, None, DATA_DIR, print)
        try:
            run_sweep(jobs, engine, runs_dir, info_dir, evaluator, interruption)
        except KeyboardInterrupt:
            message = "Interrupted. To continue, repeat the command: finished runs are not trained again."
            raise StoppedBySignal(message, interruption.signal_number) from None
    if failures:
        raise WorkFailed(f"{len(failures)} of {len(jobs)} runs failed: {', '.join(failures)}")


if __name__ == "__main__":
    main()
