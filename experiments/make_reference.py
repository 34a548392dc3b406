"""Rebuilds for_report/reference/ from its archives of run records and test predictions.

.venv/bin/python -m experiments.make_reference

Takes about a minute. Nothing is trained.
"""

from mnist_mlp.errors import install_error_hook

if __name__ == "__main__":
    install_error_hook()

import shutil
import tarfile
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import mean, median

from mnist_mlp.commands import PROJECT, command
from mnist_mlp.console.command_line import ArgumentParser
from mnist_mlp.evaluation.seed_spread import GUESSING, SpreadOverSeeds
from mnist_mlp.report.building import CSV_FILES, PAGE_FILE, WORKBOOK_FILE, build_report
from mnist_mlp.report.csv_files import write_csv
from mnist_mlp.report.evidence import ReportedRun
from mnist_mlp.report.experiments import gave_identical_networks
from mnist_mlp.report.intervals import Interval, interval_over_seeds
from mnist_mlp.report.next_steps import Trainer
from mnist_mlp.report.reading import read_evidence
from mnist_mlp.report.report_tables import runs_table
from mnist_mlp.report.statistics import Difference, Mean, simultaneous_differences
from mnist_mlp.report.tables import Column, DataTable, Kind

from hyperparameters import PRESETS

REFERENCE = PROJECT / "for_report" / "reference"
RUNS_FILE = "runs.csv"
CHANGES_FILE = "changes.csv"
STAGES_FILE = "stages.csv"
STUDIES_FILE = "studies.csv"
ARCHIVES = {"presets of 2020": "records_2020.tar.xz", "presets 38 to 98": "records_past_98.tar.xz"}
REPORTED = "presets of 2020"  # the page covers only these; the CSV files cover all presets

# (earlier preset, later preset): docs/past-98.md shows the combined gain from all changes between them.
STAGES = ((38, 48), (48, 65), (48, 69), (48, 70), (70, 74), (74, 76), (76, 78), (78, 83), (83, 86), (78, 86), (76, 86))
STAGES += ((86, 97), (97, 98), (74, 90), (90, 96), (78, 89))


@dataclass(frozen=True)
class _Change:
    """A preset with its scored runs, one per seed, and its difference from its parent."""

    number: int
    runs: list[ReportedRun]
    difference: Difference | None
    interval: Interval | None
    parallel_share: float  # mean share of a run's time in which at least one other run was training

    @property
    def seconds(self) -> list[float]:
        return [run.record.training_seconds for run in self.runs]

    @property
    def validation(self) -> float | None:
        """Mean over seeds. A final fit has none, because it trains on the validation images."""
        if PRESETS[self.number].final_fit:
            return None
        return mean(run.validation_accuracy for run in self.runs)


@dataclass(frozen=True)
class _Stage:
    """Two presets with several changes between them."""

    earlier: int
    later: int
    before: float
    after: float
    difference: Difference | None


DIFFERENCE = [
    Column("difference", Kind.POINTS, lambda row: row.difference.amount if row.difference else None),
    Column("difference 95% low", Kind.POINTS, lambda row: row.difference.low if row.difference else None),
    Column("difference 95% high", Kind.POINTS, lambda row: row.difference.high if row.difference else None),
    Column("p (adjusted)", Kind.NUMBER, lambda row: row.difference.p if row.difference else None),
]

CHANGES = [
    Column("preset", Kind.COUNT, lambda change: change.number),
    Column("change", Kind.TEXT, lambda change: PRESETS.change_of(PRESETS[change.number])),
    Column("seeds", Kind.COUNT, lambda change: len(change.runs)),
    Column("validation accuracy", Kind.PERCENT, lambda change: change.validation),
    Column("test accuracy", Kind.PERCENT, lambda change: mean(run.test_accuracy for run in change.runs)),
    Column("test 95% low", Kind.PERCENT, lambda change: change.interval.low if change.interval else None),
    Column("test 95% high", Kind.PERCENT, lambda change: change.interval.high if change.interval else None),
    *DIFFERENCE,
    Column("epochs", Kind.COUNT, lambda change: PRESETS[change.number].epochs),
    Column("training time", Kind.SECONDS, lambda change: median(change.seconds)),
    Column("shortest time", Kind.SECONDS, lambda change: min(change.seconds)),
    Column("longest time", Kind.SECONDS, lambda change: max(change.seconds)),
    Column("share in parallel", Kind.NUMBER, lambda change: change.parallel_share),
]

STAGE_COLUMNS = [
    Column("from", Kind.COUNT, lambda stage: stage.earlier),
    Column("to", Kind.COUNT, lambda stage: stage.later),
    Column("accuracy before", Kind.PERCENT, lambda stage: stage.before),
    Column("accuracy after", Kind.PERCENT, lambda stage: stage.after),
    *DIFFERENCE,
]


def main() -> None:
    ArgumentParser("Rebuilds for_report/reference/ from the archives in that directory.").parse_args()
    with tempfile.TemporaryDirectory() as folder:
        unpacked = Path(folder)
        for part, archive in ARCHIVES.items():
            unpack(REFERENCE / archive, unpacked / part, unpacked / "all")
        make_page(unpacked / REPORTED, unpacked / "report")
        runs = read_evidence(unpacked / "all", REFERENCE, PROJECT / "MNIST_data").runs
    write_csv(runs_table(runs), REFERENCE / RUNS_FILE)
    changed, staged = changes(runs)
    write_csv(DataTable.of("Changes", CHANGES, changed), REFERENCE / CHANGES_FILE)
    write_csv(DataTable.of("Stages", STAGE_COLUMNS, staged), REFERENCE / STAGES_FILE)
    print(f"{len(runs)} runs of {len({run.record.preset_number for run in runs})} presets are in {REFERENCE}")


def unpack(archive: Path, *folders: Path) -> None:
    """Unpacks an archive into each of the directories."""
    for folder in folders:
        with tarfile.open(archive) as file:
            file.extractall(folder, filter="data")


def make_page(runs_dir: Path, output_dir: Path) -> None:
    """Builds the report of the runs and copies its page, workbook, studies and figures into the reference directory."""
    output_dir.mkdir()
    build_report(runs_dir, REFERENCE, PROJECT / "MNIST_data", output_dir, Trainer(command("MNIST_train.py")))
    for old in REFERENCE.glob("*.png"):
        old.unlink()
    for new in (output_dir / PAGE_FILE, output_dir / WORKBOOK_FILE, *output_dir.glob("*.png")):
        shutil.copy(new, REFERENCE)
    shutil.copy(output_dir / CSV_FILES["Studies"], REFERENCE / STUDIES_FILE)


def changes(runs: Sequence[ReportedRun]) -> tuple[list[_Change], list[_Stage]]:
    """Returns the presets that have scored runs, in numerical order, and the stages. All are tested together."""
    by_preset = scored_by_preset(runs)
    parents = {number: PRESETS.number_of(parent) for number in by_preset if (parent := PRESETS[number].parent)}
    found = differences(by_preset, [*parents.items(), *((later, earlier) for earlier, later in STAGES)])
    spread = spread_of(by_preset)
    means = {number: mean(accuracies_of(same)) for number, same in by_preset.items()}
    changed = [
        _Change(
            number,
            by_preset[number],
            found.get((number, parents.get(number))),
            None if has_failed(by_preset[number]) else interval_over_seeds(accuracies_of(by_preset[number]), spread),
            mean(parallel_share(run, runs) for run in by_preset[number]),
        )
        for number in sorted(by_preset)
    ]
    staged = [
        _Stage(earlier, later, means[earlier], means[later], found.get((later, earlier))) for earlier, later in STAGES
    ]
    return changed, staged


def differences(
    by_preset: Mapping[int, Sequence[ReportedRun]], pairs: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], Difference]:
    """Returns the differences between the presets of each pair, tested together.

    Pairs with identical networks, or with a network that has not learned, are left out.
    """
    spread = spread_of(by_preset)
    accuracies = {number: accuracies_of(runs) for number, runs in by_preset.items()}
    means = {number: Mean.of(values, spread) for number, values in accuracies.items()}
    tested = [
        (one, other)
        for one, other in dict.fromkeys(pairs)
        if other in by_preset
        and not gave_identical_networks(by_preset[one], by_preset[other])
        and not (has_failed(by_preset[one]) or has_failed(by_preset[other]))
    ]
    found = simultaneous_differences([(means[one], means[other]) for one, other in tested])
    return dict(zip(tested, found, strict=True))


def has_failed(runs: Sequence[ReportedRun]) -> bool:
    """Whether the network is hardly better than guessing, with at least one seed."""
    return any(run.validation_accuracy < GUESSING for run in runs)


def accuracies_of(runs: Sequence[ReportedRun]) -> list[float]:
    return [run.test_accuracy for run in runs]


def spread_of(by_preset: Mapping[int, Sequence[ReportedRun]]) -> SpreadOverSeeds:
    """Returns the spread over seeds, pooled over the presets. Presets with identical networks count once."""
    different: list[Sequence[ReportedRun]] = []
    for runs in sorted(by_preset.values(), key=len, reverse=True):
        if not any(gave_identical_networks(runs, others) for others in different):
            different.append(runs)
    return SpreadOverSeeds.of(map(accuracies_of, different))


def scored_by_preset(runs: Sequence[ReportedRun]) -> dict[int, list[ReportedRun]]:
    """Returns the scored runs of each preset: the newest run of each seed, in the order of the seeds."""
    by_seed: dict[int, dict[int, ReportedRun]] = defaultdict(dict)
    for run in runs:
        if run.test_accuracy is not None:
            by_seed[run.record.preset_number][run.record.seed] = run
    return {number: [seeds[seed] for seed in sorted(seeds)] for number, seeds in by_seed.items()}


def parallel_share(run: ReportedRun, runs: Sequence[ReportedRun]) -> float:
    """Returns the share of the run's time in which at least one other run was training, according to their records."""
    started, finished = period(run)
    if finished == started:
        return 0.0
    covered, reached = 0.0, started
    for other_started, other_finished in sorted(period(other) for other in runs if other is not run):
        low, high = max(other_started, reached), min(other_finished, finished)
        if high > low:
            covered, reached = covered + high - low, high
    return covered / (finished - started)


def period(run: ReportedRun) -> tuple[float, float]:
    """Returns the times at which the run started and finished, in seconds."""
    return tuple(datetime.fromisoformat(text).timestamp() for text in (run.record.started, run.record.finished))


if __name__ == "__main__":
    main()
