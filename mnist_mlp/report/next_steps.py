"""What to try next: the runs that would add most to the report, each with the command to type."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import hypot

from mnist_mlp.commands import quoted
from mnist_mlp.data.dataset import MNIST
from mnist_mlp.data.requirements import require_fit
from mnist_mlp.errors import UsageError
from mnist_mlp.evaluation.seed_spread import log_odds
from mnist_mlp.presets.changes import OPTION
from mnist_mlp.presets.declarations import HYPERPARAMETERS
from mnist_mlp.presets.hyperparameter import Kind
from mnist_mlp.presets.preset import Preset, format_field
from mnist_mlp.report.comparisons import Comparison
from mnist_mlp.report.experiments import Experiment
from mnist_mlp.report.findings import Finding
from mnist_mlp.report.studies import Study, title_of
from mnist_mlp.report.wording import count, points

MOST_STEPS = 5
LATE = 0.9  # share of a run
FEW_SEEDS = 2  # at most this many additional seeds of each preset are suggested
CLEAR = 2.0  # standard errors
NEAR_BEST = 0.005  # values beyond the edge of a study are suggested only if the value at the edge is this good


@dataclass(frozen=True)
class Step:
    """A suggestion: the reason, and the command to type."""

    reason: str
    command: str


@dataclass(frozen=True)
class Trainer:
    """Writes commands that train presets.

    Attributes:
        command: the command without options for presets.
        registered: the presets by number. Runs with another number of epochs were trained with --epochs.
    """

    command: str
    registered: Mapping[int, Preset] = field(default_factory=dict)

    def can_train(self, arms: Sequence[Experiment]) -> bool:
        """Whether a single command trains these presets: they have no changes to repeat, and need one --epochs."""
        has_changes = any(arm.numbers[0].changes for arm in arms)
        return not has_changes and (not self.is_shortened(arms) or len({arm.preset.epochs for arm in arms}) == 1)

    def trains(self, arms: Sequence[Experiment], options: str) -> str:
        """Returns the command that trains these presets, for as many epochs as in their runs."""
        numbers = " ".join(str(arm.numbers[0].number) for arm in arms)
        override = f"--epochs {arms[0].preset.epochs} " if self.is_shortened(arms) else ""
        return f"{self.command} --presets {numbers} {override}{options}"

    def is_shortened(self, arms: Sequence[Experiment]) -> bool:
        """Whether any of these presets was trained for another number of epochs than is registered."""
        registered = ((arm, self.registered.get(arm.numbers[0].number)) for arm in arms)
        return any(preset and preset.epochs != arm.preset.epochs for arm, preset in registered)


def next_steps(findings: Sequence[Finding], experiments: Sequence[Experiment], trainer: Trainer) -> list[Step]:
    """Returns the most informative runs to add: values beyond an edge, then comparisons that are almost decided."""
    best = max((experiment.mean_validation for experiment in experiments), default=0.0)
    beyond = [step for finding in findings if (step := _beyond_edge(finding.study, best, experiments, trainer))]
    undecided = [pair for finding in findings for pair in _almost_decided(finding, trainer)]
    undecided.sort(key=lambda pair: _order(pair[1], best))
    steps = [*beyond, *(_more_seeds(*pair, trainer) for pair in undecided)]
    return list(dict.fromkeys(steps))[:MOST_STEPS]


def _order(comparison: Comparison, best: float) -> tuple[bool, int, float]:
    """Returns the sort key of an undecided comparison: those of good networks first, then those that need few seeds."""
    better = max(comparison.arm.mean_validation, comparison.reference.mean_validation)
    return better < best - NEAR_BEST, comparison.seeds_needed, -abs(comparison.amount)


def _almost_decided(finding: Finding, trainer: Trainer) -> Iterable[tuple[Study, Comparison]]:
    for comparison in finding.compared:
        arms = comparison.arm, comparison.reference
        most = max(len(arm.scored) for arm in arms)
        is_near = comparison.seeds_needed and comparison.seeds_needed <= most + FEW_SEEDS
        if is_near and trainer.can_train(arms):
            yield finding.study, comparison


def _more_seeds(study: Study, comparison: Comparison, trainer: Trainer) -> Step:
    arms = sorted((comparison.reference, comparison.arm), key=lambda arm: arm.numbers)
    change = f"{study.short_value(comparison.reference)} \N{RIGHTWARDS ARROW} {study.short_value(comparison.arm)}"
    needed = comparison.seeds_needed
    return Step(
        f"{study.title} {change}: {points(comparison.amount)} points so far, inconclusive. About "
        f"{count(needed, 'seed')} of each preset in total will probably decide it",
        trainer.trains(arms, f"--repeats {needed} --skip-done"),
    )


def _beyond_edge(study: Study, best: float, experiments: Sequence[Experiment], trainer: Trainer) -> Step | None:
    """Suggests a value beyond the edge of a study if accuracy still rises toward that edge."""
    if HYPERPARAMETERS[study.field].kind not in (Kind.COUNT, Kind.NUMBER) or len(study.arms) < 2:
        return None
    for edge, neighbor in ((study.arms[0], study.arms[1]), (study.arms[-1], study.arms[-2])):
        if neighbor.has_failed or not _is_clearly_better(edge, neighbor) or edge.mean_validation < best - NEAR_BEST:
            continue
        if study.field == "epochs" and (edge is study.arms[0] or not _still_improves(edge)):
            continue
        preset = _continued(study.field, neighbor.preset, edge.preset)
        if preset is None or any(experiment.preset == preset for experiment in experiments):
            continue
        if not trainer.can_train([edge]) or (study.field == "epochs" and trainer.is_shortened([edge])):
            continue
        text = format_field(getattr(preset, study.field))
        return Step(
            f"{title_of(study.field)} {text} with preset {edge.label}: not tried yet, and the validation accuracy "
            f"rises in this direction ({study.value(neighbor)}: {neighbor.mean_validation:.2%}, {study.value(edge)}: "
            f"{edge.mean_validation:.2%})",
            trainer.trains([edge], f"{OPTION} {quoted(f'{study.field}={text}')}"),
        )
    return None


def _is_clearly_better(one: Experiment, other: Experiment) -> bool:
    """Returns whether the validation accuracy is higher by more than chance would often give."""
    values = [[run.validation_accuracy for run in experiment.seeds] for experiment in (one, other)]
    errors = [one.spread.of_preset(same).deviation / len(same) ** 0.5 for same in values]
    return log_odds(one.mean_validation) - log_odds(other.mean_validation) > CLEAR * hypot(*errors)


def _still_improves(experiment: Experiment) -> bool:
    """Returns whether the best epochs are among the last tenth, so that more epochs may help."""
    return all(run.record.best_epoch > LATE * len(run.record.epochs) for run in experiment.seeds)


def _continued(field: str, neighbor: Preset, edge: Preset) -> Preset | None:
    """Returns the preset at the edge with the value that comes next, or None if no allowed value comes next."""
    before, last = getattr(neighbor, field), getattr(edge, field)
    candidates = [last + (last - before)]  # the same distance again
    if field == "epochs":
        candidates = [2 * last]  # a larger step would take very long
    elif before > 0 and last > 0 and max(before, last) >= 2 * min(before, last):
        candidates = [last * last / before]  # the same ratio again
        if last < before:
            candidates.insert(0, 0 * last)
    for value in candidates:
        with contextlib.suppress(UsageError):
            preset = edge.but(**{field: round(value) if isinstance(last, int) else float(f"{value:.3g}")})
            require_fit(preset, MNIST)
            return preset
    return None
