"""What the experiment of 2020 would have read off our runs: its dropout was never switched off outside training.

python -m experiments.dropout_left_on [RUNS_DIR]     test accuracy of each run's best checkpoint, dropout off and on
"""

import sys
from pathlib import Path

from mnist_mlp.data.deskewing import as_seen_by
from mnist_mlp.data.loading import load_test_data
from mnist_mlp.errors import install_error_hook
from mnist_mlp.evaluation.scoring import load_best_model
from mnist_mlp.quiet_tensorflow import keras
from mnist_mlp.runs.run_folder import find_runs

SEED = 1602
PROJECT = Path(__file__).resolve().parent.parent


def main() -> None:
    runs_dir = Path(sys.argv[1]) if len(sys.argv) > 1 else PROJECT / "runs"
    test = load_test_data(PROJECT / "MNIST_data")
    print(
        "| preset | seed | dropout | test, dropout off | test, dropout on |",
        "| --- | --- | --- | --- | --- |",
        sep="\n",
    )
    for run in find_runs(runs_dir).runs:
        if run.record.status != "finished" or not run.record.preset.dropout:
            continue
        keras.utils.set_random_seed(SEED)
        model = load_best_model(run)
        pixels = as_seen_by(run.record.preset, test).pixels.astype("float32") / 255
        off, on = (
            (model(pixels, training=training).numpy().argmax(axis=1) == test.labels).mean()
            for training in (False, True)
        )
        record = run.record
        print(f"| {record.preset_number} | {record.seed} | {record.preset.dropout:g} | {off:.2%} | {on:.2%} |")


if __name__ == "__main__":
    install_error_hook()
    main()
