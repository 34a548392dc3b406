"""The common style of all figures. Lines can be distinguished even without color."""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import matplotlib
from matplotlib.figure import Figure, SubFigure

from mnist_mlp.disk.files import write_bytes_atomically

# M. Okabe and K. Ito's colorblind-safe palette, without yellow, which is hard to see on white.
BLUE, VERMILION, GREEN, PURPLE, BLACK = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000"
ORANGE, SKY = "#E69F00", "#56B4E9"
INK, GRAY, PALE = "#333333", "#595959", "#D9D9D9"
COLORS = (BLUE, VERMILION, GREEN, PURPLE, BLACK, ORANGE, SKY)
LINES = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)), (0, (3, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")
STYLE = {
    "font.family": "DejaVu Sans",  # included in matplotlib, so figures look the same everywhere
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "axes.edgecolor": GRAY,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "lines.linewidth": 1.5,
    "svg.hashsalt": "mnist_mlp",  # makes SVG files reproducible
    "svg.fonttype": "none",  # text stays text, which makes files much smaller than outlines of letters
}
WIDTH = 4.4  # width of all figures in inches, so that `SMALL` text is 11 pixels high on a phone that is 390 pixels wide
SMALL = 9.7  # points; the size of the smallest text
LETTERS_IN_HEADLINE, LETTERS_IN_SUBTITLE = 40, 58  # in one line
DOTS_PER_INCH, DOTS_PER_INCH_IN_TENSORBOARD = 220, 125
FONTS = b"DejaVu Sans, Verdana, sans-serif"  # Verdana has letters of the same width

Paint = Callable[[SubFigure], None]


class Picture(NamedTuple):
    """A figure to draw.

    Attributes:
        headline: the main result, in a few words.
        subtitle: what the figure shows. Long lines are wrapped.
        height: height below the headline and subtitle, in inches.
        paint: draws everything below them.
    """

    headline: str
    subtitle: str
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


class Drawn(NamedTuple):
    """A drawn figure as SVG, and its alt text: what people read who cannot see it."""

    svg: str
    alt: str


def draw(path: Path, picture: Picture) -> Drawn:
    """Draws a picture, and writes it as a PNG and an SVG file.

    Args:
        path: path of the files, without the extension.
    """
    contents = _render(picture, DOTS_PER_INCH, "png", "svg")
    for extension, content in contents.items():
        write_bytes_atomically(path.with_name(f"{path.name}.{extension}"), content)
    subtitle = " ".join(picture.subtitle.split())
    return Drawn(contents["svg"].decode(), f"{picture.headline}. {subtitle}")


def png_for_tensorboard(picture: Picture) -> bytes:
    """Returns the picture as a PNG sized for TensorBoard's Images tab."""
    return _render(picture, DOTS_PER_INCH_IN_TENSORBOARD, "png")["png"]


def _render(picture: Picture, dots_per_inch: int, *extensions: str) -> dict[str, bytes]:
    options = {
        "png": {"dpi": dots_per_inch, "pil_kwargs": {"compress_level": 3}},
        "svg": {"metadata": {"Date": None}},
    }
    contents = {}
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **STYLE, "backend": "agg"}):
        figure = draw_figure(picture)
        for extension in extensions:
            content = io.BytesIO()
            figure.savefig(content, format=extension, **options[extension])
            contents[extension] = content.getvalue()
    if "svg" in contents:
        contents["svg"] = _compact(contents["svg"])
    return contents


def _compact(svg: bytes) -> bytes:
    """Returns an SVG with fonts that exist everywhere, and without what no viewer shows."""
    svg = svg.replace(b"'DejaVu Sans'", FONTS)
    svg = re.sub(rb'<g id="[\w.]+_\d+"', b"<g", svg)  # nothing refers to these groups
    svg = re.sub(rb' transform="rotate\(-0 [^"]*"', b"", svg)
    return re.sub(rb' (d|x|y)="[^"]*"', lambda match: re.sub(rb"\d+\.\d+", _to_a_tenth, match[0]), svg)


def _to_a_tenth(number: re.Match[bytes]) -> bytes:
    """Returns a coordinate rounded to a tenth of a point, which is too small to see."""
    return f"{float(number[0]):.1f}".removesuffix(".0").encode()


def draw_figure(picture: Picture) -> Figure:
    """Returns the drawn figure: the headline and subtitle on top, and the painted part below."""
    headline = textwrap.wrap(picture.headline, LETTERS_IN_HEADLINE)
    subtitle = [part for line in picture.subtitle.splitlines() for part in textwrap.wrap(line, LETTERS_IN_SUBTITLE)]
    subtitle_top = 0.14 + 0.2 * len(headline)  # inches
    head = subtitle_top + 0.17 * len(subtitle) + 0.1
    figure = Figure(figsize=(WIDTH, head + picture.height))
    above, below = figure.subfigures(2, 1, height_ratios=(head, picture.height), hspace=0)
    text = {"x": 0.02, "va": "top", "linespacing": 1.25}
    above.text(y=1 - 0.1 / head, s="\n".join(headline), fontsize=12, fontweight="bold", **text)
    above.text(y=1 - subtitle_top / head, s="\n".join(subtitle), fontsize=SMALL, color=GRAY, **text)
    picture.paint(below)
    return figure
