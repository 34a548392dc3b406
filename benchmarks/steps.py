"""Measures the steps until the end of the first epoch and the steps within an epoch, with `where_time_goes`."""

from __future__ import annotations

import json
import subprocess
import sys
import time

from benchmarks.contender import TurnFailed
from benchmarks.results import Results
from benchmarks.rounds import Log
from mnist_mlp.commands import PROJECT

EPOCHS = 30
FIRST = ("steps", "start_up", "command to first epoch")


class Steps:
    """The row with the steps of this version. A round measures all of them in one training."""

    def measure(self, results: Results, rounds: int, log: Log) -> None:
        """Measures the rounds that are missing in the results, until one fails."""
        total = results.find(*FIRST)
        for number in range(len(total.seconds), rounds):
            try:
                measured = _seconds_of_steps()
            except TurnFailed as error:
                total.failure = str(error)
                results.save()
                log(f"steps: failed: {error}")
                return
            for part, steps in measured.items():
                for step, seconds in steps.items():
                    results.find("steps", part, step).seconds.append(seconds)
            results.save()
            log(f"steps, round {number + 1} of {rounds}: {total.seconds[-1]:.2f} s to the end of the first epoch")


def _seconds_of_steps() -> dict[str, dict[str, float]]:
    """Returns the seconds of each step by part of the training.

    Raises:
        TurnFailed: the training failed.
    """
    command = [sys.executable, "-m", "benchmarks.where_time_goes", str(time.time()), str(EPOCHS)]
    process = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    if process.returncode:
        raise TurnFailed((process.stderr.strip().splitlines() or ["no message"])[-1][:200])
    return json.loads(process.stdout)
