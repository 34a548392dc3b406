"""Draws deformed_digits.png: digits as trainings see them, deskewed and deformed by the same code.

python -m experiments.draw_deformed_digits
python -m experiments.draw_deformed_digits --preset 76
"""

from mnist_mlp.errors import install_error_hook

if __name__ == "__main__":
    install_error_hook()

import argparse
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from mnist_mlp.console.command_line import ArgumentParser
from mnist_mlp.data.dataset import MNIST
from mnist_mlp.data.images import LabeledImages
from mnist_mlp.data.loading import load_training_data
from mnist_mlp.errors import UsageError, WorkFailed
from mnist_mlp.files import require_writable_folder
from mnist_mlp.presets.declarations import DEFORMATIONS
from mnist_mlp.presets.preset import Preset, format_field

from hyperparameters import PRESETS

UNITS = {"rotation": "\N{DEGREE SIGN}", "shift": " px", "elastic": " px"}
COPIES_OF_ALL = 3


@dataclass(frozen=True)
class Row:
    """A row of the picture: the ten digits, treated in one way.

    Attributes:
        label: stands beside it.
        is_deskewed: before the deformation.
        strengths: of the deformations, in the order of DEFORMATIONS.
    """

    label: str
    is_deskewed: bool
    strengths: tuple[float, ...]


def parse_arguments() -> argparse.Namespace:
    parser = ArgumentParser(
        "Draws the ten digits deskewed, and how a preset deforms them, each kind alone and all of them together."
    )
    parser.add_argument("--preset", type=int, default=80, help="a preset that deforms (default: 80)")
    parser.add_folder("--data-dir", "MNIST_data", "holds MNIST's four files")
    parser.add_folder("--output-dir", "for_report", "the picture is written in it")
    return parser.parse_args()


def rows_of(preset: Preset) -> list[Row]:
    """Returns the undeformed rows, then each kind of deformation alone, then all of them together."""
    none = dict.fromkeys(DEFORMATIONS, 0.0)
    strengths = dict(zip(DEFORMATIONS, preset.deformations, strict=True))
    rows = [Row("as it is", False, tuple(none.values())), Row("deskewed", True, tuple(none.values()))]
    for name, strength in strengths.items():
        if strength:
            label = f"{name} {format_field(strength)}{UNITS.get(name, '')}"
            rows.append(Row(label, preset.deskew, tuple({**none, name: strength}.values())))
    return [*rows, *[Row("all together", preset.deskew, tuple(strengths.values()))] * COPIES_OF_ALL]


def one_of_each_digit(images: LabeledImages) -> LabeledImages:
    """Returns the first image of every digit."""
    first = [int(np.flatnonzero(images.labels == digit)[0]) for digit in range(MNIST.classes)]
    return LabeledImages(images.pixels[first], images.labels[first])


def deformed_rows(digits: LabeledImages, rows: list[Row]) -> list[np.ndarray]:
    """Returns the pixels [digits, pixels] of each row."""
    from mnist_mlp.data.augmentation import deformed
    from mnist_mlp.data.deskewing import deskewed
    from mnist_mlp.data.sampling import with_neighbors
    from mnist_mlp.quiet_tensorflow import tf

    as_they_are, upright = (tf.constant(with_neighbors(images.pixels)) for images in (digits, deskewed(digits)))
    return [
        deformed(
            upright if row.is_deskewed else as_they_are,
            tf.range(len(digits)),
            tf.constant(number, tf.uint32),
            tf.constant(row.strengths, tf.float32),
        ).numpy()
        for number, row in enumerate(rows)
    ]


def draw(rows: list[Row], pixels: list[np.ndarray]) -> Figure:
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
        raise UsageError(f"--preset {arguments.preset} deforms nothing; one that does is 80")
    require_writable_folder(arguments.output_dir, "--output-dir")
    rows = rows_of(preset)
    digits = one_of_each_digit(load_training_data(arguments.data_dir).train)
    picture = arguments.output_dir / "deformed_digits.png"
    try:
        draw(rows, deformed_rows(digits, rows)).savefig(picture, dpi=120)
    except OSError as error:
        raise WorkFailed(f"{picture} cannot be written ({error.strerror or error})") from None


if __name__ == "__main__":
    main()
