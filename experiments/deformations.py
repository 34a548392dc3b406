"""Measures how much longer an epoch takes with data augmentation than without.

.venv/bin/python -m experiments.deformations                     presets 74 and 76
.venv/bin/python -m experiments.deformations 74 --rounds 3

Trains each preset alternately with and without augmentation, so that changes in the machine's speed affect both.
Expected ratio: about 1.3 for preset 74 and 1.15 for preset 76, measured on a busy machine with 2 cores. Takes about
5 minutes on 2 idle cores.
"""

from mnist_mlp.errors import install_error_hook

if __name__ == "__main__":
    install_error_hook()

import argparse
import statistics

from benchmarks.network import Network
from benchmarks.our_script import single_run
from mnist_mlp.console.command_line import ArgumentParser
from mnist_mlp.presets.declarations import DEFORMATIONS

from hyperparameters import PRESETS

HEADER = """\
Seconds per epoch: median (minimum to maximum) of {rounds} rounds. The ratio is computed for each round.

| preset | network | with augmentation | without | ratio |
| --- | --- | --- | --- | --- |"""


def parse_arguments() -> argparse.Namespace:
    parser = ArgumentParser("Measures how much longer an epoch takes with data augmentation than without.")
    parser.add_argument(
        "presets", nargs="*", type=int, default=[74, 76], help="presets with data augmentation (default: 74 76)"
    )
    parser.add_whole_number("--rounds", 1, 1000, default=5, help="number of rounds")
    parser.add_whole_number("--epochs", 1, 1000, default=2, help="epochs per round and network")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    chosen = {number: PRESETS[number] for number in arguments.presets}
    print(HEADER.format(rounds=arguments.rounds))
    for number, preset in chosen.items():
        cells = [spread(seconds) for seconds in measure(number, arguments.rounds, arguments.epochs)]
        network = "-".join(map(str, preset.hidden_sizes))
        print(f"| {number} | {network} | {' | '.join(cells)} |", flush=True)


def measure(number: int, rounds: int, epochs: int) -> list[list[float]]:
    """Returns three lists with one value per round: seconds per epoch with and without augmentation, and the ratio."""
    networks = Network(number), Network(number, dict.fromkeys(DEFORMATIONS, 0.0))
    contenders = [single_run(network, epochs) for network in networks]
    pairs = [[contender.take_turn().seconds for contender in contenders] for _ in range(rounds)]
    return [[pair[0] for pair in pairs], [pair[1] for pair in pairs], [pair[0] / pair[1] for pair in pairs]]


def spread(values: list[float]) -> str:
    """Returns "median (minimum to maximum)"."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    main()
