"""Axis scales: accuracy on a logarithmic scale of the error rate, and logarithmic scales with round ticks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

# Candidate ticks per decade, from few to many.
MANTISSAS = (
    (1,),
    (1, 3),
    (1, 2, 5),
    (1, 1.5, 2, 3, 5, 7),
    (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9),
    np.arange(1, 10, 0.1),
)
MIN_TICKS = 4  # on a logarithmic axis
ACCURACY_TICKS = (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.985, 0.99, 0.995, 0.999)


def accuracy_scale(axes: Axes, low: float, high: float, vertical: bool = True) -> None:
    """Sets an axis to a logarithmic scale of the error rate, labeled with accuracies.

    Halving the error rate is the same distance everywhere. So 98% and 98.5% are clearly separated, and a network at
    chance level is still visible.
    """
    axis = axes.yaxis if vertical else axes.xaxis
    highest = 0.9999  # 100% would be at infinity
    (axes.set_yscale if vertical else axes.set_xscale)(
        "function",
        functions=(
            lambda share: -np.log10(1 - np.minimum(share, highest)),
            lambda position: 1 - 10.0 ** -np.asarray(position),
        ),
    )
    (axes.set_ylim if vertical else axes.set_xlim)(low, min(high, highest))
    ticks = [tick for tick in ACCURACY_TICKS if low <= tick <= high]
    if len(ticks) < 4:  # a narrow range
        ticks = [tick for tick in MaxNLocator(5).tick_values(low, high) if low <= tick <= high]
    ends = -np.log10(1 - np.array([low, min(high, highest)]))
    kept: list[float] = []
    for tick in reversed(ticks):  # from the top, where ticks are dense
        position = -np.log10(1 - tick)
        if all(abs(position + np.log10(1 - other)) > (0.075 if vertical else 0.11) * np.ptp(ends) for other in kept):
            kept.append(tick)
    axis.set_major_locator(FixedLocator(kept))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda share, _: f"{share * 100:.4g}%"))


def log_scale(axes: Axes) -> None:
    """Sets the vertical axis to a logarithmic scale with a few round ticks, for any range.

    Call this after everything is drawn.
    """
    axes.set_yscale("log")
    if not axes.get_ylim()[0] > 0:  # nothing on the axes has a positive value
        axes.set_ylim(0.1, 1)
    low, high = axes.get_ylim()
    first, last = np.clip(np.log10([low, high]), -300, 300)  # stays within the range of float64
    decades = np.arange(np.floor(first), np.ceil(last) + 1)
    for mantissas in MANTISSAS:
        ticks = [tick for decade in decades for tick in np.array(mantissas) * 10.0**decade if low <= tick <= high]
        if len(ticks) >= MIN_TICKS:
            break
    if len(ticks) > 2 * MIN_TICKS:  # many decades
        ticks = ticks[:: -(-len(ticks) // (2 * MIN_TICKS))]
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(_round_number))


def _round_number(value: float, _: int) -> str:
    """Formats a tick label. Very small and very large values are written with powers of ten."""
    if 1e-4 <= value < 1e5:
        return f"{value:.5g}"
    exponent = int(np.floor(np.log10(value) + 1e-9))
    mantissa = value / 10.0**exponent
    power = f"10^{{{exponent}}}"
    return f"${power}$" if round(mantissa, 6) == 1 else f"${mantissa:.3g}\\cdot{power}$"


def limits_of_accuracy(values: Sequence[float], room: float = 1.15) -> tuple[float, float]:
    """Returns limits for `accuracy_scale`. On both sides, the margin is a factor of `room` in the error rate.

    NaN, which damaged records contain, is ignored. At least one value must be a number.
    """
    values = np.asarray(values, float)
    errors = 1 - np.clip(values[~np.isnan(values)], 0, 0.9998)
    return max(0.0, 1 - float(errors.max()) * room), 1 - float(errors.min()) / room
