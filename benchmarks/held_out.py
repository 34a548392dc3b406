"""How many of 15,000 held-out training images a preset gets wrong: finer than the 5,000 of validation, no easier.

The 15,000 are drawn at random, once, from all 60,000; the network learns from the others alone, also where the preset
is a final fit. No test image is read, so presets may be chosen by it.

python -m benchmarks.held_out 74
python -m benchmarks.held_out 74 adversarial=2 "hidden_sizes=(1024, 1024, 1024)" --seed 7
"""

import ast
from typing import Any

import numpy as np

from mnist_mlp.data import LabelledImages, TrainingData, load_training_data
from mnist_mlp.errors import UsageError
from mnist_mlp.terminal import PROJECT, ArgumentParser

from hyperparameters import PRESETS

HELD_OUT = 15_000


def main() -> None:
    parser = ArgumentParser("Counts a preset's errors on 15,000 held-out training images.")
    parser.add_argument("preset", type=int)
    parser.add_argument("change", nargs="*", help="of the preset, such as dropout=0.1")
    parser.add_argument("--seed", type=int, default=1, help="0 to 2**32 - 1 (1)")
    arguments = parser.parse_args()
    if not 0 <= arguments.seed < 2**32:
        raise UsageError(f"--seed {arguments.seed} is not from 0 to 2**32 - 1")
    changes = dict(map(change_of, arguments.change))
    preset = PRESETS[arguments.preset].but(**{**changes, "final_fit": False})
    from mnist_mlp.training import train

    print("| preset | changed | seed | epoch | train | errors of 15,000 | correct |", "| --- " * 7 + "|", sep="\n")
    data = split(load_training_data(PROJECT / "MNIST_data"))
    for epoch, result in enumerate(train(preset, arguments.seed, data), start=1):
        errors = round((1 - result.dev.accuracy) * HELD_OUT)
        print(
            f"| {arguments.preset} | {', '.join(arguments.change)} | {arguments.seed} | {epoch} "
            f"| {result.train.accuracy:.2%} | {errors} | {result.dev.accuracy:.2%} |",
            flush=True,
        )


def change_of(text: str) -> tuple[str, Any]:
    """Returns ("dropout", 0.1) for "dropout=0.1", and ("optimizer", "sgd") for "optimizer=sgd".

    Raises:
        UsageError: there is no equals sign.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"{text!r} is no change of a preset; one is dropout=0.1")
    try:
        return name, ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return name, value  # a word needs no quotation marks; where a number is wanted, the preset says so


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
