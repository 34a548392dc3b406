"""Counts a preset's errors on 15,000 held-out training images, to choose presets without using the test images.

.venv/bin/python -m experiments.held_out 74
.venv/bin/python -m experiments.held_out 79 --other-writers
.venv/bin/python -m experiments.held_out 74 adversarial=2 "hidden_sizes=(1024, 1024, 1024)" --seed 7

There are too few validation images (5,000) to choose between good networks, and they are easier than the rest. Here,
15,000 of the 60,000 images are held out, the same ones in every run, and the network trains on the other 45,000, even
if the preset is a final fit. Prints the number of errors after every epoch. At the end, prints the augmented errors:
the mean number of errors over 12 slightly augmented copies of each held-out image, which varies less by chance.

By default, the held-out images are chosen at random, so their writers also wrote training images. The writers of the
test images did not. With --other-writers, the held-out images are from other writers, as far as the files allow (see
`split`).

Expected result: 101 errors for preset 74, 80 and 88 for preset 79 with two seeds. On 2 cores, preset 74 takes about
2 minutes and preset 79 about 4.
"""

from mnist_mlp.errors import install_error_hook

if __name__ == "__main__":
    install_error_hook()

import argparse
import ast
from typing import Any

import numpy as np

from mnist_mlp.commands import PROJECT
from mnist_mlp.console.command_line import ArgumentParser
from mnist_mlp.data.images import LabeledImages, TrainingData
from mnist_mlp.data.loading import load_training_data
from mnist_mlp.errors import UsageError
from mnist_mlp.presets.declarations import DEFORMATIONS
from mnist_mlp.presets.preset import Preset
from mnist_mlp.training.results import TrainingState

from hyperparameters import PRESETS

HELD_OUT = 15_000
BLOCK_SIZE = 5000  # images; a writer's images are within about 250 of each other, so few writers are in two blocks
COPIES = 12
STRENGTHS = {"rotation": 3.5, "scaling": 0.035, "shear": 0.05, "shift": 0.5, "elastic": 0.35}  # half of preset 79
BATCH_SIZE = 1000


def parse_arguments() -> argparse.Namespace:
    parser = ArgumentParser("Counts the errors of a preset on 15,000 held-out training images.")
    parser.add_argument("preset", type=int, help="number of a preset")
    parser.add_argument("change", nargs="*", help="change to the preset, such as dropout=0.1")
    parser.add_whole_number(
        "--seed", 0, 2**32 - 1, default=1, help="seed of initial weights, shuffles, dropout and augmentation"
    )
    parser.add_argument(
        "--other-writers", action="store_true", help="hold out images from other writers instead of random images"
    )
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    changes = dict(map(change_of, arguments.change))
    preset = PRESETS[arguments.preset].but(**{**changes, "final_fit": False})
    from mnist_mlp.training.loop import train

    print("| preset | changes | seed | epoch | training accuracy | errors (of 15,000) | accuracy |")
    print("| --- " * 7 + "|")
    data = split(load_training_data(PROJECT / "MNIST_data"), arguments.other_writers)
    for epoch, result in enumerate(train(preset, arguments.seed, data), start=1):
        errors = round((1 - result.validation.accuracy) * HELD_OUT)
        print(
            f"| {arguments.preset} | {', '.join(arguments.change)} | {arguments.seed} | {epoch} "
            f"| {result.train.accuracy:.2%} | {errors} | {result.validation.accuracy:.2%} |",
            flush=True,
        )
    mean_errors = augmented_errors(preset, result.state, data.validation)
    print(f"Augmented errors: {mean_errors:.1f} of {HELD_OUT:,} (mean over {COPIES} augmented copies of each image)")


def augmented_errors(preset: Preset, state: TrainingState, images: LabeledImages) -> float:
    """Returns the mean number of errors over slightly augmented copies. The copies are the same for every preset."""
    from mnist_mlp.data.augmentation import deformed
    from mnist_mlp.data.deskewing import as_seen_by
    from mnist_mlp.data.sampling import with_neighbors
    from mnist_mlp.libraries.quiet_tensorflow import tf
    from mnist_mlp.training.model import build_model

    model = build_model(preset, seed=0)
    model.set_weights(state.evaluated_weights)
    neighbors = tf.constant(with_neighbors(as_seen_by(preset, images).pixels))
    strengths = tf.constant([STRENGTHS[name] for name in DEFORMATIONS], tf.float32)

    @tf.function
    def predicted(batch: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
        pixels = deformed(neighbors, batch, key, strengths, preset.views)
        return tf.argmax(model(pixels / 255.0, training=False), axis=1)

    batches = np.arange(len(images), dtype=np.int32).reshape(-1, BATCH_SIZE)
    errors = 0
    for key, batch in enumerate(np.tile(batches, (COPIES, 1))):
        predictions = predicted(tf.constant(batch), tf.constant(key, tf.uint32))
        errors += np.count_nonzero(predictions.numpy() != images.labels[batch])
    return errors / COPIES


def change_of(text: str) -> tuple[str, Any]:
    """Returns ("dropout", 0.1) for "dropout=0.1", and ("optimizer", "sgd") for "optimizer=sgd".

    Raises:
        UsageError: there is no equals sign.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"{text!r} is not a change to a preset; write changes like dropout=0.1")
    try:
        return name, ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return name, value  # text does not need quotes; if a number is required, the preset rejects it


def split(data: TrainingData, other_writers: bool) -> TrainingData:
    """Splits the 60,000 images into 45,000 for training and 15,000 for validation.

    Except for about the last 1,900 images of the training file, images from two sources alternate. Those from the
    second source (the 2nd, 4th, ...) are ordered by writer: the slants of neighbors correlate (0.6). Those from the
    first source are not (correlation 0.0), so their writers cannot be separated. `other_writers` therefore holds out
    only images from the second source: those in every other block of the file.
    """
    pixels = np.concatenate([data.validation.pixels, data.train.pixels])
    labels = np.concatenate([data.validation.labels, data.train.labels])
    random, images = np.random.default_rng(5), np.arange(len(labels))
    if other_writers:
        is_held_out = (images % 2 == 1) & (images // BLOCK_SIZE % 2 == 0)
        held_out, learned = images[is_held_out], random.permutation(images[~is_held_out])
    else:
        held_out, learned = np.split(random.permutation(images), [HELD_OUT])
    validation, train = (LabeledImages(pixels[part], labels[part]) for part in (held_out, learned))
    return TrainingData(train=train, validation=validation)


if __name__ == "__main__":
    main()
