"""What deformed images cost: an epoch of a preset against the same preset without deformations, in turns.

python -m experiments.deformations            presets 74 and 76
python -m experiments.deformations 74 --rounds 3
"""

import argparse
import statistics

from benchmarks.speed import Contender
from mnist_mlp.errors import install_error_hook
from mnist_mlp.presets.declarations import DEFORMATIONS

from hyperparameters import PRESETS


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures what deformed images cost.")
    parser.add_argument("presets", nargs="*", type=int, default=[74, 76])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=2, help="a turn")
    arguments = parser.parse_args()
    print(
        f"Seconds an epoch, median (least to most) of {arguments.rounds} rounds; ratios are of one round's.",
        "",
        "| preset | network | deformed | the same, undeformed | ratio |",
        "| --- | --- | --- | --- | --- |",
        sep="\n",
    )
    for number in arguments.presets:
        deformed = PRESETS[number]
        pair = [deformed, deformed.but(**dict.fromkeys(DEFORMATIONS, 0.0))]
        contenders = [Contender("our single run", preset) for preset in pair]
        rounds = [[contender.take_turn(arguments.epochs) for contender in contenders] for _ in range(arguments.rounds)]
        for contender in contenders:
            contender.end()
        columns = [*zip(*rounds, strict=True), [a / b for a, b in rounds]]
        cells = [f"{statistics.median(column):.2f} ({min(column):.2f} to {max(column):.2f})" for column in columns]
        network = "-".join(map(str, deformed.hidden_sizes))
        print(f"| {number} | {network} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    install_error_hook()
    main()
