"""Figure: the layers of the best preset's network, as bars.

The width of a bar is proportional to the square root of the number of units.
"""

from __future__ import annotations

from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.patches import FancyBboxPatch

from mnist_mlp.data.dataset import MNIST
from mnist_mlp.drawing.style import BLUE, GRAY, PALE, SMALL, VERMILION, WIDTH, Picture
from mnist_mlp.presets.preset import Preset
from mnist_mlp.report.content import ReportContent
from mnist_mlp.report.figures.registry import Section, figure

STEP = 0.78  # inches between layers
MIDDLE = WIDTH / 2 - 0.9  # center of the bars, in inches


@figure("model_graph", section=Section.BEST, is_in_text=True)
def model_graph(content: ReportContent) -> Picture | None:
    """Returns the figure, or None if there is no best preset."""
    best = content.conclusions.best
    return model_picture(best.preset, best.label) if best else None


def model_picture(preset: Preset, label: str) -> Picture:
    """Returns the figure of a preset's network."""
    sizes = MNIST.layer_sizes(preset)
    parameters = sum(inputs * outputs + outputs for inputs, outputs in pairwise(sizes))
    kind = "cumulative L2" if preset.cumulative_weight_decay else "L2"
    decay = f"{kind} weight decay {preset.weight_decay:g}" if preset.weight_decay else "no weight decay"
    dropout = f"dropout {preset.dropout:g} after each hidden layer" if preset.dropout else "no dropout"
    initialization = f"Initialization: {preset.weight_init} (weights), {preset.bias_init} (biases)"
    subtitle = f"{parameters:,} parameters. {initialization}.\n{dropout[0].upper()}{dropout[1:]}, {decay}."

    height = 0.6 + STEP * (len(sizes) - 1)

    def paint(figure: SubFigure) -> None:
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(0, WIDTH)
        axes.set_ylim(0, height)
        for index, units in enumerate(sizes):
            y = height - 0.3 - index * STEP
            _bar(axes, preset, sizes, index, y)
            if index:
                _arrow(axes, f"{sizes[index - 1]:,} by {units:,} weights", y)

    return Picture(f"Network of preset {label}: {preset.weight_layers} weight layers", subtitle, height, paint)


def _bar(axes: Axes, preset: Preset, sizes: tuple[int, ...], index: int, y: float) -> None:
    width = 2.3 * (sizes[index] / max(sizes)) ** 0.5
    side = MNIST.image_side
    if index == 0:
        name, color = f"pixels ({side} by {side})", PALE
    elif index == len(sizes) - 1:
        name, color = "logits (digits)", VERMILION
    else:
        name, color = f"{preset.activation} units", BLUE
    shape = f"round,pad=0,rounding_size={min(width, 0.32) / 4}"
    corner = (MIDDLE - width / 2, y - 0.16)
    axes.add_patch(FancyBboxPatch(corner, width, 0.32, boxstyle=shape, facecolor=color, edgecolor="none"))
    axes.text(WIDTH / 2 + 0.5, y, f"{sizes[index]:,} {name}", va="center", fontsize=SMALL)


def _arrow(axes: Axes, weights: str, y: float) -> None:
    style = {"arrowstyle": "-|>", "color": GRAY}
    axes.annotate("", (MIDDLE, y + 0.18), (MIDDLE, y + STEP - 0.18), arrowprops=style)
    axes.text(MIDDLE + 0.15, y + STEP / 2, weights, va="center", fontsize=SMALL, color=GRAY)
