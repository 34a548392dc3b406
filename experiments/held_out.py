"""How many of 15,000 held-out training images a preset gets wrong: finer than the 5,000 of validation, no easier.

The 15,000 are drawn at random, once, from all 60,000; the network learns from the others alone, also where the preset
is a final fit. No test image is read, so presets may be chosen by it. In the end it counts once more with every image
slightly deformed in twelve ways: chance moves that mean less than the errors of the images as they are.

Drawn at random, they have the writers of the images that are learned, and the test images have not. With
--other-writers they are of writers who wrote nothing of what is learned, as far as the files tell writers apart.

python -m experiments.held_out 74
python -m experiments.held_out 79 --other-writers
python -m experiments.held_out 74 adversarial=2 "hidden_sizes=(1024, 1024, 1024)" --seed 7
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
WRITERS_TOGETHER = 5000  # images; a writer's lie within about 250, so few are in two such parts of the file
WAYS_DEFORMED = 12
SLIGHTLY = {"rotation": 3.5, "scaling": 0.035, "shear": 0.05, "shift": 0.5, "elastic": 0.35}  # half of preset 79
AT_ONCE = 1000


def parse_arguments() -> argparse.Namespace:
    parser = ArgumentParser("Counts a preset's errors on 15,000 held-out training images.")
    parser.add_argument("preset", type=int, help="number of a preset")
    parser.add_argument("change", nargs="*", help="of the preset, such as dropout=0.1")
    parser.add_whole_number("--seed", 0, 2**32 - 1, default=1, help="decides initial weights, shuffles, dropout")
    parser.add_argument("--other-writers", action="store_true", help="hold out other writers, not images at random")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    changes = dict(map(change_of, arguments.change))
    preset = PRESETS[arguments.preset].but(**{**changes, "final_fit": False})
    from mnist_mlp.training.loop import train

    print("| preset | changed | seed | epoch | train | errors of 15,000 | correct |", "| --- " * 7 + "|", sep="\n")
    data = split(load_training_data(PROJECT / "MNIST_data"), arguments.other_writers)
    for epoch, result in enumerate(train(preset, arguments.seed, data), start=1):
        errors = round((1 - result.validation.accuracy) * HELD_OUT)
        print(
            f"| {arguments.preset} | {', '.join(arguments.change)} | {arguments.seed} | {epoch} "
            f"| {result.train.accuracy:.2%} | {errors} | {result.validation.accuracy:.2%} |",
            flush=True,
        )
    mean_errors = errors_of_deformed(preset, result.state, data.validation)
    print(f"Slightly deformed in {WAYS_DEFORMED} ways: {mean_errors:.1f} errors of {HELD_OUT:,}, the mean.")


def errors_of_deformed(preset: Preset, state: TrainingState, images: LabeledImages) -> float:
    """Returns how many of the images are mistaken, slightly deformed in the same ways for every preset: the mean."""
    from mnist_mlp.data.augmentation import deformed
    from mnist_mlp.data.deskewing import as_seen_by
    from mnist_mlp.data.sampling import with_neighbors
    from mnist_mlp.quiet_tensorflow import tf
    from mnist_mlp.training.model import build_model

    model = build_model(preset, seed=0)
    model.set_weights(state.evaluated_weights)
    neighbors = tf.constant(with_neighbors(as_seen_by(preset, images).pixels))
    strengths = tf.constant([SLIGHTLY[name] for name in DEFORMATIONS], tf.float32)

    @tf.function
    def predicted(batch: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
        pixels = deformed(neighbors, batch, key, strengths, preset.views)
        return tf.argmax(model(pixels / 255.0, training=False), axis=1)

    batches = np.arange(len(images), dtype=np.int32).reshape(-1, AT_ONCE)
    errors = 0
    for key, batch in enumerate(np.tile(batches, (WAYS_DEFORMED, 1))):
        answers = predicted(tf.constant(batch), tf.constant(key, tf.uint32))
        errors += np.count_nonzero(answers.numpy() != images.labels[batch])
    return errors / WAYS_DEFORMED


def change_of(text: str) -> tuple[str, Any]:
    """Returns ("dropout", 0.1) for "dropout=0.1", and ("optimizer", "sgd") for "optimizer=sgd".

    Raises:
        UsageError: there is no equals sign.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"{text!r} is not a change of a preset; write it as in dropout=0.1")
    try:
        return name, ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return name, value  # a word needs no quotation marks; where a number is wanted, the preset says so


def split(data: TrainingData, other_writers: bool) -> TrainingData:
    """Returns the 60,000 images of training and validation parted anew: 45,000 and 15,000.

    In all but the last 1,900 or so of the training file images of two sources take turns. Those of the second, the 2nd,
    4th and so on, come writer by writer: neighbors among them slant alike (correlation 0.6). Those of the first come
    in no order (0.0), so that their writers cannot be parted. Other writers are therefore the second source's, in every
    other part of the file.
    """
    pixels = np.concatenate([data.validation.pixels, data.train.pixels])
    labels = np.concatenate([data.validation.labels, data.train.labels])
    random, images = np.random.default_rng(5), np.arange(len(labels))
    if other_writers:
        is_held_out = (images % 2 == 1) & (images // WRITERS_TOGETHER % 2 == 0)
        held_out, learned = images[is_held_out], random.permutation(images[~is_held_out])
    else:
        held_out, learned = np.split(random.permutation(images), [HELD_OUT])
    validation, train = (LabeledImages(pixels[part], labels[part]) for part in (held_out, learned))
    return TrainingData(train=train, validation=validation)


if __name__ == "__main__":
    main()
