"""What one turn measures, and the measurements of many turns."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Turn:
    """What was measured in one turn.

    Attributes:
        seconds: per epoch and preset, or of the whole command.
        threads: number of threads of each process.
        megabytes: memory of all processes at the end; None if it was not measured, as for the accuracy.
    """

    seconds: float
    threads: int | None = None
    megabytes: float | None = None
    validation_accuracy: float | None = None


@dataclass
class Measurement:
    """All turns of one contender in one row of the benchmark.

    Attributes:
        table: the table that shows it: "epochs", "commands" or "steps".
        row: what is trained, such as "preset 31".
        how: name of the contender.
        processes: number of processes that train at the same time.
        threads: number of threads of each process; None if it does not matter.
        seconds: one number per round.
        megabytes: the largest of all turns.
        validation_accuracy: of the last turn.
        failure: why the last turn failed; "" if it did not.
    """

    table: str
    row: str
    how: str
    processes: int = 1
    threads: int | None = None
    seconds: list[float] = field(default_factory=list)
    megabytes: float | None = None
    validation_accuracy: float | None = None
    failure: str = ""

    def add(self, turn: Turn) -> None:
        self.seconds.append(turn.seconds)
        self.threads = turn.threads
        if turn.megabytes is not None:
            self.megabytes = max(turn.megabytes, self.megabytes or 0.0)
        self.validation_accuracy = turn.validation_accuracy
