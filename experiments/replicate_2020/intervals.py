"""Prediction intervals: where would the accuracy of one more run of a preset be?

Accuracies are compared on the logit scale, where their spread over seeds depends less on the accuracy. Five seeds are
too few to estimate the spread of each preset, so it is pooled over similar presets (see `groups_of`). With s the pooled
standard deviation, f its degrees of freedom, and n seeds of a preset, the interval is
mean +- t(97.5%, f) * s * sqrt(1 + 1/n).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt
from statistics import mean

LEVEL = 0.95
EDGES = (0.2, 0.8, 0.95, 0.98)  # presets between two of these mean accuracies are similar
ENOUGH_FREEDOM = 10
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Sample:
    """The accuracies of a preset's runs, one for each seed.

    Attributes:
        has_dropout: whether the preset has dropout.
        accuracies: 0 to 1.
    """

    preset: int
    has_dropout: bool
    accuracies: tuple[float, ...]

    @property
    def logits(self) -> list[float]:
        """The accuracies on the logit scale."""
        return [_logit(accuracy) for accuracy in self.accuracies]

    @property
    def squares(self) -> float:
        """Sum of the squared deviations of the logits from their mean."""
        middle = mean(self.logits)
        return sum((value - middle) ** 2 for value in self.logits)

    def is_always(self, accuracy: float) -> bool:
        """Whether every run has this accuracy."""
        return all(abs(found - accuracy) < TOLERANCE for found in self.accuracies)


@dataclass(frozen=True)
class Group:
    """Similar presets, whose spread over seeds is pooled."""

    samples: tuple[Sample, ...]

    @property
    def freedom(self) -> int:
        """Degrees of freedom of the pooled standard deviation."""
        return sum(len(sample.accuracies) - 1 for sample in self.samples)

    @property
    def deviation(self) -> float:
        """Pooled standard deviation of the logits; 0 without degrees of freedom."""
        return sqrt(sum(sample.squares for sample in self.samples) / self.freedom) if self.freedom else 0.0

    @property
    def middle(self) -> float:
        """Mean of the presets' mean logits."""
        return mean(mean(sample.logits) for sample in self.samples)


@dataclass(frozen=True)
class Interval:
    """A prediction interval for one accuracy, 0 to 1."""

    low: float
    high: float

    @property
    def width(self) -> float:
        return self.high - self.low

    def contains(self, accuracy: float) -> bool:
        """Whether the accuracy is inside, or at a limit."""
        return self.low - TOLERANCE <= accuracy <= self.high + TOLERANCE


def groups_of(samples: Iterable[Sample], majority: float) -> list[Group]:
    """Returns groups of similar presets.

    Similar are presets that all have dropout, or all have none, and whose mean accuracies are between the same two
    EDGES. A group with fewer than ENOUGH_FREEDOM degrees of freedom is joined with the one of the closest accuracy, as
    long as there is another one. Only our own runs decide this. Presets whose runs all predict the most frequent class
    for every image have no spread, and are in no group.

    Args:
        majority: share of the most frequent class.
    """
    bands: dict[tuple[bool, int], list[Sample]] = defaultdict(list)
    for sample in samples:
        if not sample.is_always(majority):
            band = sum(mean(sample.accuracies) >= edge for edge in EDGES)
            bands[sample.has_dropout, band].append(sample)
    groups = []
    for has_dropout in (False, True):
        similar = [Group(tuple(bands[key])) for key in sorted(bands) if key[0] is has_dropout]
        groups += _joined(similar)
    return groups


def _joined(groups: list[Group]) -> list[Group]:
    groups = list(groups)
    while len(groups) > 1:
        small = min(groups, key=lambda group: group.freedom)
        if small.freedom >= ENOUGH_FREEDOM:
            break
        groups.remove(small)
        closest = min(groups, key=lambda group: abs(group.middle - small.middle))
        groups[groups.index(closest)] = Group(closest.samples + small.samples)
    return groups


def prediction_intervals(samples: Sequence[Sample], majority: float) -> dict[int, Interval]:
    """Returns the interval of each preset. A preset whose group has no degrees of freedom has none.

    A network that predicts the most frequent class for every image has exactly one accuracy. If all runs of a preset
    do that, the interval is this value.
    """
    intervals = {sample.preset: Interval(majority, majority) for sample in samples if sample.is_always(majority)}
    for group in groups_of(samples, majority):
        if group.freedom:
            intervals |= {sample.preset: _interval(sample, group) for sample in group.samples}
    return intervals


def own_interval(sample: Sample) -> Interval | None:
    """Returns the interval with the spread of this preset alone, which is not pooled. None if it has a single seed."""
    group = Group((sample,))
    return _interval(sample, group) if group.freedom else None


def _interval(sample: Sample, group: Group) -> Interval:
    from scipy.stats import t  # imported here because the import takes a second

    middle, seeds = mean(sample.logits), len(sample.accuracies)
    half = float(t.ppf((1 + LEVEL) / 2, group.freedom)) * group.deviation * sqrt(1 + 1 / seeds)
    return Interval(_accuracy(middle - half), _accuracy(middle + half))


def _logit(accuracy: float) -> float:
    accuracy = min(max(accuracy, 1e-5), 1 - 1e-5)  # a fraction of an image, so that 0 and 1 have a logit
    return log(accuracy / (1 - accuracy))


def _accuracy(logit: float) -> float:
    return 1 / (1 + exp(-logit))
