"""Measures where MNIST_train.py spends time: up to the end of the first epoch, and within an epoch. Prints JSON.

.venv/bin/python -m benchmarks.where_time_goes COMMAND_TIME EPOCHS

COMMAND_TIME is the value of `time.time()` when the command was started. Preset 31 is trained in this process, with
a timer around every step.
"""

from __future__ import annotations

import contextlib
import io
import json
import runpy
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from typing import Any

COMMAND_TIME, EPOCHS = float(sys.argv[1]), int(sys.argv[2])
seconds: dict[str, list[float]] = defaultdict(list)


def add_timer(owner: Any, function: str, step: str) -> None:
    """Wraps a function with a timer. Timed functions must not call each other."""
    timed = getattr(owner, function)

    def with_timer(*arguments: Any, **named: Any) -> Any:
        started = time.perf_counter()
        try:
            return timed(*arguments, **named)
        finally:
            seconds[step].append(time.perf_counter() - started)

    setattr(owner, function, with_timer)


def main() -> None:
    seconds["Python startup"] = [time.time() - COMMAND_TIME]
    started = time.perf_counter()
    import mnist_mlp.console.progress
    import mnist_mlp.sweep.sweep
    import mnist_mlp.training.loop  # noqa: F401

    seconds["imports"] = [time.perf_counter() - started]
    add_timers()
    shown_at, calls_by_then = record_shown_epochs()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        options = ["--presets", "31", "--epochs", str(EPOCHS), "--workers", "1"]
        sys.argv = ["MNIST_train.py", *options, "--runs-dir", f"{folder}/runs", "--info-dir", folder]
        runpy.run_path("MNIST_train.py", run_name="__main__")
    print(json.dumps(summary(shown_at, calls_by_then)))


def add_timers() -> None:
    """Adds a timer to every step of a training run."""
    from mnist_mlp.data import loading
    from mnist_mlp.runs import recorder
    from mnist_mlp.sweep import sweep
    from mnist_mlp.training import compiled_epoch, layer_statistics, loop, network

    for owner, function, step in (
        (loading, "load_training_data", "load data, in a thread"),
        (compiled_epoch.CompiledEpoch, "__init__", "network and data to device"),
        (compiled_epoch.CompiledEpoch, "run", "compiled epoch"),
        (layer_statistics.LayerMonitor, "measure", "layer statistics"),
        (sweep, "Recorder", "create run directory, graph and tables"),
        (network.Network, "set_state", "copy network state"),
        (network.Network, "state_after", "copy network state"),
        (loop, "shuffle", "shuffling"),
        (recorder, "save_checkpoint", "checkpoint"),
        (recorder, "save_state", "save state"),
        (recorder.Summaries, "write_histograms", "TensorBoard events"),
        (recorder.Summaries, "write_epoch", "TensorBoard events"),
        (recorder.RunFolder, "save_record", "run record"),
        (recorder.InfoLogs, "append_epoch", "INFOS tables"),
    ):
        add_timer(owner, function, step)


def record_shown_epochs() -> tuple[list[float], list[dict[str, int]]]:
    """Returns two lists that grow as epochs are shown: the time, and the number of calls of each step so far."""
    from mnist_mlp.console.progress import SweepProgress

    show = SweepProgress.epoch_ended
    shown_at: list[float] = []
    calls_by_then: list[dict[str, int]] = []

    def show_and_record(*arguments: Any) -> None:
        show(*arguments)
        shown_at.append(time.time())
        calls_by_then.append({step: len(measured) for step, measured in seconds.items()})

    SweepProgress.epoch_ended = show_and_record
    return shown_at, calls_by_then


def summary(shown_at: list[float], calls_by_then: list[dict[str, int]]) -> dict[str, dict[str, float]]:
    """Returns the seconds per step until the end of the first epoch, and within a later epoch."""
    first, last = calls_by_then[0], calls_by_then[-1]
    start_up = {step: sum(seconds[step][:calls]) for step, calls in first.items()}
    for step in ("compiled epoch", "layer statistics"):
        steady = statistics.median(seconds[step][1:])
        start_up[f"compilation: {step}"] = start_up[step] - steady
        start_up[step] = steady
    total = shown_at[0] - COMMAND_TIME
    later = {step: sum(seconds[step][first.get(step, 0) : calls]) / (EPOCHS - 1) for step, calls in last.items()}
    epoch = {step: spent for step, spent in later.items() if spent}
    whole_epoch = (shown_at[-1] - shown_at[0]) / (EPOCHS - 1)
    return {
        "start_up": {"command to first epoch": total, **start_up, "other": total - sum(start_up.values())},
        "epoch": {"epoch": whole_epoch, **epoch, "other": whole_epoch - sum(epoch.values())},
    }


if __name__ == "__main__":
    main()
