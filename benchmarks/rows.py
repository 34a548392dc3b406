"""The rows of the benchmark, by the names that select them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmarks.contenders.protocol import cores
from benchmarks.library import LIBRARIES, Library, arrangements
from benchmarks.lower_bound import LowerBound
from benchmarks.network import Network
from benchmarks.our_script import Epochs, FirstEpoch, WholeCommand, single_run
from benchmarks.rounds import Row
from benchmarks.speed_tables import BASELINE, OUR_SWEEP, OURS
from benchmarks.steps import Steps
from mnist_mlp.commands import PROJECT
from mnist_mlp.presets.checks import not_allowed

EPOCHS_PER_TURN = 4
EPOCHS_PER_TURN_OF_SWEEP = 12  # there are only two contenders, so there is time for longer turns


LARGE = Network(31, {"hidden_sizes": (2000, 1500, 1000, 500)})


def compared_epochs(name: str, network: Network, epochs: int, baseline: Path | None = None) -> list[Row]:
    """Returns the row that compares our epochs with those of the libraries. A baseline does not take part."""
    contenders = [
        Epochs(OUR_SWEEP, PROJECT, network.options, cores(), epochs),
        single_run(network, epochs),
        *(Library(library, network.preset, *each, epochs) for library in LIBRARIES for each in arrangements()),
        LowerBound(network.preset),
    ]
    return [Row("epochs", name, contenders)]


def sweep_of_preset_31(baseline: Path | None) -> list[Row]:
    network, name = Network(31), f"sweep of preset 31 with {cores()} seeds, per epoch and preset"
    contenders = [
        Epochs(version, project, network.options, cores(), EPOCHS_PER_TURN_OF_SWEEP)
        for version, project in _versions(baseline)
    ]
    return [Row("commands", name, contenders)]


def first_epoch(baseline: Path | None) -> list[Row]:
    options = Network(31).options
    contenders = [FirstEpoch(version, project, options) for version, project in _versions(baseline)]
    return [Row("commands", "preset 31, from the command to the first recorded epoch", contenders)]


def whole_command(presets: str, baseline: Path | None, epochs: int | None = None) -> list[Row]:
    """Returns the row that measures the training of presets from the command to its end.

    Args:
        epochs: number of epochs of each preset, or None for all of its epochs.
    """
    options = ("--presets", presets, *(("--epochs", str(epochs)) if epochs else ()))
    name = f"preset{'s' if '-' in presets else ''} {presets}{f' with {epochs} epochs' if epochs else ''}"
    contenders = [WholeCommand(version, project, options) for version, project in _versions(baseline)]
    return [Row("commands", f"{name}, from the command to its end", contenders)]


def growth(baseline: Path | None) -> list[Row]:
    """Returns rows with sweeps of one epoch, for increasing numbers of presets and of workers. One round is enough."""
    sweeps = [(f"presets 1-{last}", ("--presets", f"1-{last}")) for last in (1, 2, 4, 8, 16, 37)]
    sweeps += [(f"presets 1-8, --workers {n}", ("--presets", "1-8", "--workers", str(n))) for n in (1, 2, 3, 4)]
    return [
        Row(
            "commands",
            f"{name}, one epoch each",
            [WholeCommand(OURS, PROJECT, (*options, "--epochs", "1"))],
            most_rounds=1,
        )
        for name, options in sweeps
    ]


def steps(baseline: Path | None) -> list[Steps]:
    return [Steps()]


ROWS: dict[str, Callable[[Path | None], Sequence[Row | Steps]]] = {
    "first-epoch": first_epoch,
    "preset-54": partial(whole_command, "54"),
    "sweep-31": sweep_of_preset_31,
    "steps": steps,
    "growth": growth,
    "epochs-31": partial(compared_epochs, "preset 31", Network(31), EPOCHS_PER_TURN),
    "epochs-10": partial(compared_epochs, "preset 10", Network(10), EPOCHS_PER_TURN),
    "epochs-large": partial(compared_epochs, "2000-1500-1000-500", LARGE, 1),
    "short-sweep": partial(whole_command, "1-37", epochs=10),
    "sweep-1-37": partial(whole_command, "1-37"),
}
TAKE_HOURS = ("short-sweep", "sweep-1-37")
COMPARE_LIBRARIES = ("epochs-31", "epochs-10", "epochs-large")


def rows_named(text: str) -> list[str]:
    """Returns the keys of ROWS in a comma-separated list.

    Raises:
        UsageError: a name is unknown.
    """
    names = [name for name in text.split(",") if name]
    for name in names or [""]:
        if name not in ROWS:
            raise not_allowed("--rows", name, f"a comma-separated list of {', '.join(ROWS)}")
    return names


def _versions(baseline: Path | None) -> list[tuple[str, Path]]:
    """Returns this version and the baseline, if there is one, as (name, directory of the project)."""
    return [(OURS, PROJECT), *([(BASELINE, baseline)] if baseline else [])]
