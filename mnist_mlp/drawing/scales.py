"""Scales of axes: accuracies by the factor of their errors, and logarithms with round numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

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


def accuracy_scale(axes: Axes, low: float, high: float, vertical: bool = True) -> None:
    """Gives an axis a scale on which halving the errors takes the same way everywhere, labeled with accuracies.

    98 and 98.5% stand as far apart as they matter, and a network at chance is still on the picture.
    """
    axis = axes.yaxis if vertical else axes.xaxis
    most = 0.9999
    (axes.set_yscale if vertical else axes.set_xscale)(
        "function",
        functions=(
            lambda share: -np.log10(1 - np.minimum(share, most)),
            lambda position: 1 - 10.0 ** -np.asarray(position),
        ),
    )
    (axes.set_ylim if vertical else axes.set_xlim)(low, min(high, most))
    ticks = [tick for tick in TICKS_OF_ACCURACY if low <= tick <= high]
    if len(ticks) < 4:  # a short range
        ticks = [tick for tick in MaxNLocator(5).tick_values(low, high) if low <= tick <= high]
    ends = -np.log10(1 - np.array([low, min(high, most)]))
    kept: list[float] = []
    for tick in reversed(ticks):  # the fine ones at the top first
        position = -np.log10(1 - tick)
        if all(abs(position + np.log10(1 - other)) > (0.075 if vertical else 0.11) * np.ptp(ends) for other in kept):
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
