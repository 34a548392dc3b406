"""The common style of all figures. Lines can be distinguished even without color."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import matplotlib
from matplotlib.figure import Figure

from mnist_mlp.disk.files import write_bytes_atomically

# M. Okabe and K. Ito's colorblind-safe palette, without yellow, which is hard to see on white.
BLUE, VERMILION, GREEN, PURPLE, BLACK = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000"
ORANGE, SKY = "#E69F00", "#56B4E9"
GRAY, PALE = "#595959", "#D9D9D9"
COLORS = (BLUE, VERMILION, GREEN, PURPLE, BLACK, ORANGE, SKY)
LINES = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)), (0, (3, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")
STYLE = {
    "font.family": "DejaVu Sans",  # included in matplotlib, so figures look the same everywhere
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.labelsize": 11,
    "axes.edgecolor": GRAY,
    "axes.labelcolor": "#333333",
    "xtick.color": "#333333",
    "ytick.color": "#333333",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "lines.linewidth": 1.5,
    "svg.hashsalt": "mnist_mlp",  # makes SVG files reproducible
}
WIDTH = 5.8  # width of all figures in inches; readable on a phone
TOP = 0.95  # inches reserved for the title and subtitle
DOTS_PER_INCH = 180
WIDTH_IN_TENSORBOARD = 4.6  # inches; smaller, because TensorBoard shrinks images and text must stay readable

Paint = Callable[[Figure], None]


class Picture(NamedTuple):
    """A figure to draw: its height in inches, and a function that draws everything on it."""

    height: float
    paint: Paint


class Look(NamedTuple):
    """The style of a line: color, line style, and marker."""

    color: str
    line: str | tuple
    marker: str


def look(index: int) -> Look:
    """Returns the style of the line with this index. The first 280 are all different."""
    return Look(COLORS[index % len(COLORS)], LINES[index % len(LINES)], MARKERS[index % len(MARKERS)])


def draw(path: Path, picture: Picture) -> bytes:
    """Draws a picture, writes it as a PNG and an SVG file, and returns the SVG.

    Args:
        path: path of the files, without the extension.
    """
    contents = _render(picture, WIDTH, DOTS_PER_INCH, "png", "svg")
    for extension, content in contents.items():
        write_bytes_atomically(path.with_name(f"{path.name}.{extension}"), content)
    return contents["svg"]


def png_for_tensorboard(picture: Picture) -> bytes:
    """Returns the picture as a PNG sized for TensorBoard's Images tab."""
    return _render(picture, WIDTH_IN_TENSORBOARD, 125, "png")["png"]


def _render(picture: Picture, width: float, dots_per_inch: int, *extensions: str) -> dict[str, bytes]:
    options = {
        "png": {"dpi": dots_per_inch, "pil_kwargs": {"compress_level": 3}},
        "svg": {"metadata": {"Date": None}},
    }
    contents = {}
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **STYLE, "backend": "agg"}):
        figure = Figure(figsize=(width, picture.height * width / WIDTH))
        picture.paint(figure)
        for extension in extensions:
            content = io.BytesIO()
            figure.savefig(content, format=extension, **options[extension])
            contents[extension] = content.getvalue()
    return contents


def title(figure: Figure, headline: str, subtitle: str) -> None:
    """Writes a bold headline and a subtitle below it, both within the top inch of the figure."""
    height = figure.get_figheight()
    headline = textwrap.shorten(headline, 60, placeholder=" ...")
    size = 13 if len(headline) <= 44 else 11
    figure.text(0.02, 1 - 0.12 / height, headline, fontsize=size, fontweight="bold", va="top")
    figure.text(0.02, 1 - 0.42 / height, subtitle, fontsize=10, color=GRAY, va="top", linespacing=1.3)
