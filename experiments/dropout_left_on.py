"""Measures how much test accuracy is lost if dropout stays on, as it did in the 2020 experiment.

.venv/bin/python -m experiments.dropout_left_on [RUNS_DIR]       default: runs/

For every finished run of a preset with dropout, prints the test accuracy of its best checkpoint with dropout off and
on. Train such presets first, for example with `MNIST_train.py --presets 20,21,31,36`. Expected result for seed 1602:
98.28% and 97.63% for preset 31, 98.48% and 97.59% for preset 36, 97.33% and 95.32% for preset 20, 93.49% and 84.44% for
preset 21. Takes about 10 seconds, plus 1 second per run.
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
from mnist_mlp.libraries.quiet_tensorflow import keras
from mnist_mlp.runs.record import RunStatus
from mnist_mlp.runs.run_folder import RunFolder, find_runs

SEED = 1602


def parse_arguments() -> argparse.Namespace:
    parser = ArgumentParser("Prints the test accuracy of each run with dropout off and on.")
    parser.add_argument(
        "runs_dir", nargs="?", type=Path, default=PROJECT / "runs", help="directory with the runs (default: runs)"
    )
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
    """Returns the test accuracy of the run's best checkpoint with dropout off and on."""
    keras.utils.set_random_seed(SEED)
    model = load_best_model(run)
    pixels = as_seen_by(run.record.preset, test).pixels.astype("float32") / 255
    off, on = (
        float((model(pixels, training=is_on).numpy().argmax(axis=1) == test.labels).mean()) for is_on in (False, True)
    )
    return off, on


if __name__ == "__main__":
    main()
