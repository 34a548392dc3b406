"""Measures how much longer an epoch takes with deformed images than without, in alternating turns.

python -m experiments.deformations            presets 74 and 76
python -m experiments.deformations 74 --rounds 3
"""

from mnist_mlp.errors import install_error_hook

if __name__ == "__main__":
    install_error_hook()

import argparse
import statistics

from benchmarks.speed import Contender
from mnist_mlp.console.command_line import ArgumentParser
from mnist_mlp.presets.declarations import DEFORMATIONS
from mnist_mlp.presets.preset import Preset

from hyperparameters import PRESETS

HEADER = """\
Seconds per epoch, median (minimum to maximum) of {rounds} rounds; each ratio is of two times of one round.

| preset | network | deformed | the same, undeformed | ratio |
| --- | --- | --- | --- | --- |"""


def parse_arguments() -> argparse.Namespace:
    parser = ArgumentParser("Measures how much longer an epoch takes with deformed images.")
    parser.add_argument("presets", nargs="*", type=int, default=[74, 76], help="presets that deform (default: 74 76)")
    parser.add_whole_number("--rounds", 1, 1000, default=5, help="turns of every network")
    parser.add_whole_number("--epochs", 1, 1000, default=2, help="epochs per turn")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    chosen = {number: PRESETS[number] for number in arguments.presets}
    print(HEADER.format(rounds=arguments.rounds))
    for number, preset in chosen.items():
        cells = [spread(seconds) for seconds in measure(preset, arguments.rounds, arguments.epochs)]
        network = "-".join(map(str, preset.hidden_sizes))
        print(f"| {number} | {network} | {' | '.join(cells)} |", flush=True)


def measure(deformed: Preset, rounds: int, epochs: int) -> list[list[float]]:
    """Returns seconds per epoch with and without deformations, and their ratio, each of every round."""
    undeformed = deformed.but(**dict.fromkeys(DEFORMATIONS, 0.0))
    contenders = [Contender("our single run", preset) for preset in (deformed, undeformed)]
    try:
        pairs = [[contender.take_turn(epochs) for contender in contenders] for _ in range(rounds)]
    finally:
        for contender in contenders:
            contender.end()
    return [[pair[0] for pair in pairs], [pair[1] for pair in pairs], [pair[0] / pair[1] for pair in pairs]]


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    main()
