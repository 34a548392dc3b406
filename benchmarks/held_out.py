"""How many of 15,000 held-out training images a preset gets wrong: finer than the 5,000 of validation, no easier.

The 15,000 are drawn at random, once, from all 60,000; the network learns from the others alone, also where the preset
is a final fit. No test image is read, so presets may be chosen by it.

python -m benchmarks.held_out 74
python -m benchmarks.held_out 74 "dict(adversarial=2)" --seed 7
"""

import argparse

import numpy as np

from mnist_mlp.data import LabelledImages, TrainingData, load_training_data
from mnist_mlp.terminal import PROJECT
from mnist_mlp.training import train

from hyperparameters import PRESETS

HELD_OUT = 15_000


def main() -> None:
    parser = argparse.ArgumentParser(description="Counts errors on 15,000 held-out training images.")
    parser.add_argument("preset", type=int)
    parser.add_argument("change", nargs="?", default="dict()", help='of the preset, such as "dict(dropout=0.1)"')
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    preset = PRESETS[arguments.preset].but(**{**eval(arguments.change), "final_fit": False})
    print("| preset | changed | seed | epoch | train | errors of 15,000 | correct |", "| --- " * 7 + "|", sep="\n")
    data = split(load_training_data(PROJECT / "MNIST_data"))
    for epoch, result in enumerate(train(preset, arguments.seed, data), start=1):
        errors = round((1 - result.dev.accuracy) * HELD_OUT)
        print(
            f"| {arguments.preset} | {arguments.change} | {arguments.seed} | {epoch} | {result.train.accuracy:.2%} "
            f"| {errors} | {result.dev.accuracy:.2%} |",
            flush=True,
        )


def split(data: TrainingData) -> TrainingData:
    """Returns the 60,000 images of training and validation parted anew: 45,000 and 15,000."""
    pixels, labels = (
        np.concatenate([getattr(part, name) for part in (data.dev, data.train)]) for name in ("pixels", "labels")
    )
    order = np.random.default_rng(5).permutation(len(labels))
    dev, learnt = (LabelledImages(pixels[part], labels[part]) for part in (order[:HELD_OUT], order[HELD_OUT:]))
    return TrainingData(train=learnt, dev=dev)


if __name__ == "__main__":
    main()
