"""What the experiment of 2020 would have read off our runs: its dropout was never switched off outside training.

python -m experiments.dropout_left_on [RUNS_DIR]     test accuracy of each run's best checkpoint, dropout off and on
"""

from mnist_mlp.errors import install_error_hook

if __name__ == "__main__":
    install_error_hook()

import argparse
from collections.abc import Iterator
from pathlib import Path

from mnist_mlp.commands import PROJECT
from mnist_mlp.console.command_line import ArgumentParser
from mnist_mlp.data.deskewing import as_seen_by
from mnist_mlp.data.images import LabeledImages
from mnist_mlp.data.loading import load_test_data
from mnist_mlp.evaluation.scoring import load_best_model
from mnist_mlp.quiet_tensorflow import keras
from mnist_mlp.runs.record import RunStatus
from mnist_mlp.runs.run_folder import RunFolder, find_runs

SEED = 1602


def parse_arguments() -> argparse.Namespace:
    parser = ArgumentParser("Prints each run's test accuracy with dropout off and with dropout left on.")
    parser.add_argument("runs_dir", nargs="?", type=Path, default=PROJECT / "runs", help="the folder of the runs")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    test = load_test_data(PROJECT / "MNIST_data")
    print(
        "| preset | seed | dropout | test, dropout off | test, dropout on |",
        "| --- | --- | --- | --- | --- |",
        sep="\n",
    )
    for run in runs_with_dropout(arguments.runs_dir):
        record = run.record
        off, on = accuracies(run, test)
        print(f"| {record.preset_number} | {record.seed} | {record.preset.dropout:g} | {off:.2%} | {on:.2%} |")


def runs_with_dropout(runs_dir: Path) -> Iterator[RunFolder]:
    """Yields the finished runs of presets with dropout."""
    for run in find_runs(runs_dir).runs:
        if run.record.status is RunStatus.FINISHED and run.record.preset.dropout:
            yield run


def accuracies(run: RunFolder, test: LabeledImages) -> tuple[float, float]:
    """Returns the accuracy of the run's best checkpoint, with dropout off and with dropout on."""
    keras.utils.set_random_seed(SEED)
    model = load_best_model(run)
    pixels = as_seen_by(run.record.preset, test).pixels.astype("float32") / 255
    off, on = (
        float((model(pixels, training=is_on).numpy().argmax(axis=1) == test.labels).mean()) for is_on in (False, True)
    )
    return off, on


if __name__ == "__main__":
    main()
