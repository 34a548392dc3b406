"""Draws docs/images/augmentation.png: the ten digits, deskewed and with each kind of data augmentation.

.venv/bin/python -m experiments.draw_augmentation                preset 80
.venv/bin/python -m experiments.draw_augmentation --preset 76

The images come from the same code that augments training images. Expected result: one row of unchanged digits, one row
of deskewed digits, one row per kind of augmentation in the preset, and three rows with all kinds combined. Takes about
10 seconds.
"""

from mnist_mlp.errors import install_error_hook

if __name__ == "__main__":
    install_error_hook()

import argparse
from dataclasses import dataclass

import mnist_mlp.libraries.quiet_matplotlib  # noqa: F401 - before matplotlib

# isort: split
import numpy as np
from matplotlib.figure import Figure

from mnist_mlp.console.command_line import ArgumentParser
from mnist_mlp.data.dataset import MNIST
from mnist_mlp.data.images import LabeledImages
from mnist_mlp.data.loading import load_training_data
from mnist_mlp.disk.files import require_writable_folder
from mnist_mlp.errors import UsageError, WorkFailed
from mnist_mlp.presets.declarations import DEFORMATIONS
from mnist_mlp.presets.preset import Preset, format_field

from hyperparameters import PRESETS

UNITS = {"rotation": "\N{DEGREE SIGN}", "shift": " px", "elastic": " px"}
COMBINED_ROWS = 3


@dataclass(frozen=True)
class Row:
    """One row of the picture: the ten digits, processed in one way.

    Attributes:
        label: text to the left of the digits.
        is_deskewed: whether the digits are deskewed before augmentation.
        strengths: strengths of the augmentation, in the order of DEFORMATIONS.
    """

    label: str
    is_deskewed: bool
    strengths: tuple[float, ...]


def parse_arguments() -> argparse.Namespace:
    parser = ArgumentParser("Draws the ten digits, deskewed and with the data augmentation of a preset.")
    parser.add_argument("--preset", type=int, default=80, help="a preset with data augmentation (default: 80)")
    parser.add_folder("--data-dir", "MNIST_data", "directory with the four MNIST files")
    parser.add_folder("--output-dir", "docs/images", "directory for augmentation.png")
    return parser.parse_args()


def rows_of(preset: Preset) -> list[Row]:
    """Returns the rows: unchanged, deskewed, each kind of augmentation alone, and all kinds combined."""
    none = dict.fromkeys(DEFORMATIONS, 0.0)
    strengths = dict(zip(DEFORMATIONS, preset.deformations, strict=True))
    rows = [Row("unchanged", False, tuple(none.values())), Row("deskewed", True, tuple(none.values()))]
    for name, strength in strengths.items():
        if strength:
            label = f"{name} {format_field(strength)}{UNITS.get(name, '')}"
            rows.append(Row(label, preset.deskew, tuple({**none, name: strength}.values())))
    return [*rows, *[Row("all together", preset.deskew, tuple(strengths.values()))] * COMBINED_ROWS]


def one_of_each_digit(images: LabeledImages) -> LabeledImages:
    """Returns the first image of each digit."""
    first = [int(np.flatnonzero(images.labels == digit)[0]) for digit in range(MNIST.classes)]
    return LabeledImages(images.pixels[first], images.labels[first])


def augmented_rows(digits: LabeledImages, rows: list[Row]) -> list[np.ndarray]:
    """Returns the pixels of each row: float32 [digits, pixels], 0.0 to 255.0."""
    from mnist_mlp.data.augmentation import deformed
    from mnist_mlp.data.deskewing import deskewed
    from mnist_mlp.data.sampling import with_neighbors
    from mnist_mlp.libraries.quiet_tensorflow import tf

    original, upright = (tf.constant(with_neighbors(images.pixels)) for images in (digits, deskewed(digits)))
    return [
        deformed(
            upright if row.is_deskewed else original,
            tf.range(len(digits)),
            tf.constant(number, tf.uint32),
            tf.constant(row.strengths, tf.float32),
        ).numpy()
        for number, row in enumerate(rows)
    ]


def draw(rows: list[Row], pixels: list[np.ndarray]) -> Figure:
    """Returns the figure of these rows."""
    figure = Figure(figsize=(6.4, 0.52 * len(rows)))
    side = MNIST.image_side
    for number, (row, digits) in enumerate(zip(rows, pixels, strict=True)):
        axes = figure.add_axes((0.2, 1 - (number + 1) / len(rows), 0.8, 1 / len(rows)))
        axes.imshow(np.hstack(digits.reshape(-1, side, side)), cmap="Greys", vmin=0, vmax=255, aspect="auto")
        axes.set_axis_off()
        figure.text(0.01, 1 - (number + 0.5) / len(rows), row.label, va="center", fontsize=10)
    return figure


def main() -> None:
    arguments = parse_arguments()
    preset = PRESETS[arguments.preset]
    if not any(preset.deformations):
        raise UsageError(f"--preset {arguments.preset} has no data augmentation; choose another preset, such as 80")
    require_writable_folder(arguments.output_dir, "--output-dir")
    rows = rows_of(preset)
    digits = one_of_each_digit(load_training_data(arguments.data_dir).train)
    picture = arguments.output_dir / "augmentation.png"
    try:
        draw(rows, augmented_rows(digits, rows)).savefig(picture, dpi=120)
    except OSError as error:
        raise WorkFailed(f"{picture} cannot be written ({error.strerror or error})") from None


if __name__ == "__main__":
    main()
