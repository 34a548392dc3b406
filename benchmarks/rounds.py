"""Lets contenders take turns and saves every turn, so that an interrupted benchmark can be continued."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.contender import Contender, TurnFailed
from benchmarks.results import Results

Log = Callable[[str], None]


@dataclass(frozen=True)
class Row:
    """Contenders that do the same work.

    Attributes:
        table: the table that shows the row.
        name: what the table shows.
        most_rounds: limit on the number of rounds; None for as many as requested.
    """

    table: str
    name: str
    contenders: Sequence[Contender]
    most_rounds: int | None = None

    def measure(self, results: Results, rounds: int, log: Log) -> None:
        """Measures the rounds that are missing in the results. A contender that fails takes no more turns.

        Every other round is in reverse order, so that no contender always has the same predecessor.
        """
        rounds = min(rounds, self.most_rounds or rounds)
        for number in range(rounds):
            for contender in self.contenders[:: -1 if number % 2 else 1]:
                measured = results.find(self.table, self.name, contender.name, contender.processes)
                if measured.failure or len(measured.seconds) > number:
                    continue
                try:
                    measured.add(contender.take_turn())
                    outcome = f"{measured.seconds[-1]:.2f} s"
                except TurnFailed as error:
                    measured.failure = str(error)
                    outcome = f"failed: {error}"
                results.save()
                log(f"{self.name}, round {number + 1} of {rounds}: {_label(contender)}: {outcome}")


def _label(contender: Contender) -> str:
    return f"{contender.name}{f' in {contender.processes} processes' if contender.processes > 1 else ''}"
