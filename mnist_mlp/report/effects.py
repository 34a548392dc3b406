"""How much each hyperparameter matters: its largest effect in any study, among networks that train at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mnist_mlp.report.comparisons import Comparison
from mnist_mlp.report.findings import Finding
from mnist_mlp.report.studies import Study
from mnist_mlp.report.verdicts import Verdict
from mnist_mlp.report.wording import capitalized


@dataclass(frozen=True)
class Effect:
    """A change of one hyperparameter, and what it does to the test accuracy."""

    study: Study
    comparison: Comparison

    @property
    def change(self) -> str:
        """The old and the new value: "0 -> 0.8"."""
        old, new = self.study.short_value(self.comparison.reference), self.study.short_value(self.comparison.arm)
        return f"{old} \N{RIGHTWARDS ARROW} {new}"

    @property
    def amount(self) -> float:
        """The difference in test accuracy, -1 to 1."""
        return self.comparison.amount

    @property
    def is_significant(self) -> bool:
        """Whether the difference is significant."""
        return self.comparison.verdict is Verdict.SIGNIFICANT


@dataclass(frozen=True)
class Importance:
    """The effects of one hyperparameter.

    Attributes:
        title: the hyperparameter, as shown in the report.
        effects: all tested comparisons, the largest significant one first if there is one, else the largest.
        failures: the comparisons in which one of the presets has not learned.
    """

    title: str
    effects: list[Effect]
    failures: list[Effect]

    @property
    def largest(self) -> Effect | None:
        """The largest effect; None if all comparisons involve a failed network."""
        return self.effects[0] if self.effects else None

    @property
    def is_significant(self) -> bool:
        """Whether any effect is significant."""
        return any(effect.is_significant for effect in self.effects)


def importances(findings: Sequence[Finding]) -> list[Importance]:
    """Returns the hyperparameters that were compared: significant ones first, by the size of their largest effect."""
    effects: dict[str, list[Effect]] = {}
    for finding in findings:
        for comparison in (*finding.compared, *finding.failed):
            effects.setdefault(finding.study.title, []).append(Effect(finding.study, comparison))
    found = [
        Importance(
            capitalized(title),
            _largest_first(effect for effect in all_effects if effect.comparison.difference),
            [effect for effect in all_effects if not effect.comparison.difference],
        )
        for title, all_effects in effects.items()
    ]
    return sorted(found, key=lambda one: (not one.is_significant, -abs(one.largest.amount) if one.largest else 0.0))


def _largest_first(effects: Iterable[Effect]) -> list[Effect]:
    return sorted(effects, key=lambda effect: (not effect.is_significant, -abs(effect.amount)))
