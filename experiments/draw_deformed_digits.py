"""Draws deformed_digits.png: what trainings see, by the very code that deskews and deforms their images.

python -m experiments.draw_deformed_digits
python -m experiments.draw_deformed_digits --preset 76
"""

import numpy as np
from matplotlib.figure import Figure

from mnist_mlp.console.command_line import ArgumentParser
from mnist_mlp.data.dataset import MNIST
from mnist_mlp.data.images import LabeledImages
from mnist_mlp.data.loading import load_training_data
from mnist_mlp.errors import UsageError, WorkFailed, install_error_hook
from mnist_mlp.files import require_writable_folder
from mnist_mlp.presets.declarations import DEFORMATIONS
from mnist_mlp.presets.preset import format_field

from hyperparameters import PRESETS

UNITS = {"rotation": "\N{DEGREE SIGN}", "shift": " px", "elastic": " px"}
COPIES_OF_ALL = 3


def parse_arguments():
    parser = ArgumentParser(
        "Draws the ten digits deskewed, and how a preset deforms them, each kind alone and all of them together."
    )
    parser.add_argument("--preset", type=int, default=80, help="a preset that deforms (80)")
    parser.add_folder("--data-dir", "MNIST_data", "holds MNIST's four files")
    parser.add_folder("--output-dir", "for_report", "the picture is written in it")
    return parser.parse_args()


def rows_of(preset):
    """Returns (label, whether deskewed, strengths) of each row: none, each kind alone, then all together."""
    as_it_is = [0.0] * len(DEFORMATIONS)
    rows = [("as it is", False, as_it_is), ("deskewed", True, as_it_is)]
    for index, name in enumerate(DEFORMATIONS):
        if strength := preset.deformations[index]:
            alone = [0.0] * len(DEFORMATIONS)
            alone[index] = strength
            rows.append((f"{name} {format_field(strength)}{UNITS.get(name, '')}", preset.deskew, alone))
    return [*rows, *[("all together", preset.deskew, list(preset.deformations))] * COPIES_OF_ALL]


def main():
    arguments = parse_arguments()
    require_writable_folder(arguments.output_dir, "--output-dir")
    preset = PRESETS[arguments.preset]
    if not any(preset.deformations):
        raise UsageError(f"--preset {arguments.preset} deforms nothing; one that does is 80")
    from mnist_mlp.data.augmentation import deformed
    from mnist_mlp.data.deskewing import deskewed
    from mnist_mlp.data.sampling import with_neighbors
    from mnist_mlp.quiet_tensorflow import tf

    images = load_training_data(arguments.data_dir).train
    digits = [int(np.flatnonzero(images.labels == digit)[0]) for digit in range(10)]
    ten = LabeledImages(images.pixels[digits], images.labels[digits])
    neighbors = [tf.constant(with_neighbors(images.pixels)) for images in (ten, deskewed(ten))]
    rows = rows_of(preset)
    figure = Figure(figsize=(6.4, 0.52 * len(rows)))
    for row, (label, is_deskewed, strengths) in enumerate(rows):
        key, numbers = tf.constant(row, tf.uint32), tf.constant(strengths, tf.float32)
        pixels = deformed(neighbors[is_deskewed], tf.range(10), key, numbers).numpy()
        axes = figure.add_axes((0.2, 1 - (row + 1) / len(rows), 0.8, 1 / len(rows)))
        axes.imshow(
            np.hstack(pixels.reshape(10, MNIST.image_side, MNIST.image_side)),
            cmap="Greys",
            vmin=0,
            vmax=255,
            aspect="auto",
        )
        axes.set_axis_off()
        figure.text(0.01, 1 - (row + 0.5) / len(rows), label, va="center", fontsize=10)
    picture = arguments.output_dir / "deformed_digits.png"
    try:
        figure.savefig(picture, dpi=120)
    except OSError as error:
        raise WorkFailed(f"{picture} cannot be written ({error.strerror or error})") from None


if __name__ == "__main__":
    install_error_hook()
    main()
