"""How every figure looks: one style, told apart without color too."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from mnist_mlp.files import write_bytes_atomically

# M. Okabe and K. Ito's colors for the color-blind, less the yellow that nobody sees on white.
BLUE, VERMILION, GREEN, PURPLE, BLACK = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000"
ORANGE, SKY = "#E69F00", "#56B4E9"
GRAY, PALE = "#595959", "#D9D9D9"
COLORS = (BLUE, VERMILION, GREEN, PURPLE, BLACK, ORANGE, SKY)
LINES = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)), (0, (3, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")
STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that figures look the same everywhere
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
    "svg.hashsalt": "mnist_mlp",  # the same runs give the same file
}
WIDTH = 5.8  # inches, of every figure: what a phone shows is still readable
TOP = 0.95  # inches that title and subtitle take
DOTS_PER_INCH = 180
WIDTH_IN_TENSORBOARD = 4.6  # inches: it shows pictures small, so that words must be larger in them
MANTISSAS = (
    (1,),
    (1, 3),
    (1, 2, 5),
    (1, 1.5, 2, 3, 5, 7),
    (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9),
    np.arange(1, 10, 0.1),
)  # ever more
FEWEST_TICKS = 4  # of a logarithmic axis
TICKS_OF_ACCURACY = (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.985, 0.99, 0.995, 0.999)


Paint = Callable[[Figure], None]


class Picture(NamedTuple):
    """What can be drawn: a height in inches, and what puts everything on the figure."""

    height: float
    paint: Paint


class Look(NamedTuple):
    """How one of several lines looks."""

    color: str
    line: str | tuple
    marker: str


def look(index: int) -> Look:
    """Returns the look of the index-th line; the numbers of colors, lines and markers make 280 different ones."""
    return Look(COLORS[index % len(COLORS)], LINES[index % len(LINES)], MARKERS[index % len(MARKERS)])


def draw(path: Path, height: float, paint: Paint) -> bytes:
    """Draws a figure, writes it as PNG and SVG beside each other, and returns the SVG.

    Args:
        path: without an ending.
        height: in inches.
        paint: puts everything on the figure.
    """
    contents = _drawn(Picture(height, paint), WIDTH, DOTS_PER_INCH, "png", "svg")
    for ending, content in contents.items():
        write_bytes_atomically(path.with_name(f"{path.name}.{ending}"), content)
    return contents["svg"]


def png_for_tensorboard(picture: Picture) -> bytes:
    """Returns the picture as a PNG of a size for TensorBoard's page of images."""
    return _drawn(picture, WIDTH_IN_TENSORBOARD, 125, "png")["png"]


def _drawn(picture: Picture, width: float, dots_per_inch: int, *endings: str) -> dict[str, bytes]:
    options = {
        "png": {"dpi": dots_per_inch, "pil_kwargs": {"compress_level": 3}},
        "svg": {"metadata": {"Date": None}},
    }
    contents = {}
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **STYLE, "backend": "agg"}):
        figure = Figure(figsize=(width, picture.height * width / WIDTH))
        picture.paint(figure)
        for ending in endings:
            content = io.BytesIO()
            figure.savefig(content, format=ending, **options[ending])
            contents[ending] = content.getvalue()
    return contents


def title(figure: Figure, finding: str, what: str) -> None:
    """Writes what was found in bold, and below what is shown; both in the top inch of the figure."""
    height = figure.get_figheight()
    finding = textwrap.shorten(finding, 60, placeholder=" ...")
    size = 13 if len(finding) <= 44 else 11
    figure.text(0.02, 1 - 0.12 / height, finding, fontsize=size, fontweight="bold", va="top")
    figure.text(0.02, 1 - 0.42 / height, what, fontsize=10, color=GRAY, va="top", linespacing=1.3)


def accuracy_scale(axes: Axes, low: float, high: float, vertical: bool = True) -> None:
    """Gives an axis a scale on which halving the errors takes the same way everywhere, labeled with accuracies.

    98 and 98.5% stand as far apart as they matter, and a network at chance is still on the picture.
    """
    axis = axes.yaxis if vertical else axes.xaxis
    most = 0.9999
    (axes.set_yscale if vertical else axes.set_xscale)(
        "function",
        functions=(lambda share: -np.log10(1 - np.minimum(share, most)), lambda place: 1 - 10.0 ** -np.asarray(place)),
    )
    (axes.set_ylim if vertical else axes.set_xlim)(low, min(high, most))
    ticks = [tick for tick in TICKS_OF_ACCURACY if low <= tick <= high]
    if len(ticks) < 4:  # a short range
        ticks = [tick for tick in MaxNLocator(5).tick_values(low, high) if low <= tick <= high]
    places = -np.log10(1 - np.array([low, min(high, most)]))
    kept: list[float] = []
    for tick in reversed(ticks):  # the fine ones at the top first
        place = -np.log10(1 - tick)
        if all(abs(place + np.log10(1 - other)) > (0.075 if vertical else 0.11) * np.ptp(places) for other in kept):
            kept.append(tick)
    axis.set_major_locator(FixedLocator(kept))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda share, _: f"{share * 100:.4g}%"))


def log_scale(axes: Axes) -> None:
    """Gives the vertical axis a logarithmic scale with a few round numbers, whether it spans a tenth or twenty decades.

    Call it when everything is drawn.
    """
    axes.set_yscale("log")
    if not axes.get_ylim()[0] > 0:  # there is nothing on them that such a scale can show
        axes.set_ylim(0.1, 1)
    low, high = axes.get_ylim()
    first, last = np.clip(np.log10([low, high]), -300, 300)  # what a float64 can be
    decades = np.arange(np.floor(first), np.ceil(last) + 1)
    for mantissas in MANTISSAS:
        ticks = [tick for decade in decades for tick in np.array(mantissas) * 10.0**decade if low <= tick <= high]
        if len(ticks) >= FEWEST_TICKS:
            break
    if len(ticks) > 2 * FEWEST_TICKS:  # many decades
        ticks = ticks[:: -(-len(ticks) // (2 * FEWEST_TICKS))]
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(_round_number))


def _round_number(value: float, _: int) -> str:
    """Returns a tick's number; one of many zeros as a power of ten."""
    if 1e-4 <= value < 1e5:
        return f"{value:.5g}"
    exponent = int(np.floor(np.log10(value) + 1e-9))
    mantissa = value / 10.0**exponent
    power = f"10^{{{exponent}}}"
    return f"${power}$" if round(mantissa, 6) == 1 else f"${mantissa:.3g}\\cdot{power}$"


def limits_of_accuracy(values: Sequence[float], room: float = 1.15) -> tuple[float, float]:
    """Returns limits for `accuracy_scale` with room on either side: a factor of the errors."""
    errors = 1 - np.clip(np.asarray(values, float), 0, 0.9998)
    return max(0.0, 1 - float(errors.max()) * room), 1 - float(errors.min()) / room


def label_ends(axes: Axes, labels: Sequence[tuple[float, str, str]], points: float = 10) -> None:
    """Writes each label beside the right edge at its line's end, pushed apart where they would overlap.

    Args:
        labels: (value at the end, text, color) each.
        points: the height of a label.
    """
    figure = axes.figure
    to_pixels = axes.transData.transform
    spacing = points * 1.35 * figure.dpi / 72
    right = axes.get_xlim()[1]
    low, high = (axes.transAxes.transform((1, edge))[1] for edge in (0, 1))
    wanted = sorted(
        (float(np.clip(to_pixels((right, value))[1], low, high)), text, color) for value, text, color in labels
    )
    places = [place for place, _, _ in wanted]
    for _ in range(200):  # neighbors share what they overlap by, until none do
        moved = False
        for index in range(1, len(places)):
            overlap = spacing - (places[index] - places[index - 1])
            if overlap > 0.01 * spacing:
                places[index - 1] -= overlap / 2
                places[index] += overlap / 2
                moved = True
        if not moved:
            break
    for (at, text, color), place in zip(wanted, places, strict=True):
        line, label = (at - low) / (high - low), (place - low) / (high - low)
        outside = {"transform": axes.transAxes, "clip_on": False, "color": color}
        axes.plot([1, 1.035], [line, label], linewidth=0.7, **outside)
        axes.text(1.045, label, text, fontsize=points, va="center", **outside)
