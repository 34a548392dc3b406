"""Where the time of MNIST_train.py goes, from the command to its first line and then in an epoch: seconds, as JSON.

python -m benchmarks.where_time_goes COMMAND_TIME EPOCHS

COMMAND_TIME is what `time.time()` was when the command was typed. It trains preset 31 in this process, as the script
does, with a clock at every step.
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


def clock(owner: Any, function: str, step: str) -> None:
    """Puts a clock at a function; one that a clocked function calls must not be clocked too."""
    clocked = getattr(owner, function)

    def with_clock(*arguments: Any, **named: Any) -> Any:
        started = time.perf_counter()
        try:
            return clocked(*arguments, **named)
        finally:
            seconds[step].append(time.perf_counter() - started)

    setattr(owner, function, with_clock)


def main() -> None:
    seconds["Python itself"] = [time.time() - COMMAND_TIME]
    started = time.perf_counter()
    import mnist_mlp.console.progress
    import mnist_mlp.sweep.sweep
    import mnist_mlp.training.loop  # noqa: F401

    seconds["imports"] = [time.perf_counter() - started]
    set_clocks()
    shown_at, calls_by_then = note_shown_epochs()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        options = ["--presets", "31", "--epochs", str(EPOCHS), "--workers", "1"]
        sys.argv = ["MNIST_train.py", *options, "--runs-dir", f"{folder}/runs", "--info-dir", folder]
        runpy.run_path("MNIST_train.py", run_name="__main__")
    print(json.dumps(summary(shown_at, calls_by_then)))


def set_clocks() -> None:
    """Puts a clock at every step of a training."""
    from mnist_mlp.runs import recorder
    from mnist_mlp.sweep import local_engine, sweep
    from mnist_mlp.training import compiled_epoch, layer_statistics, loop, network

    for owner, function, step in (
        (local_engine, "load_training_data", "data"),
        (compiled_epoch.CompiledEpoch, "__init__", "network and data onto the device"),
        (compiled_epoch.CompiledEpoch, "run", "compiled epoch"),
        (layer_statistics.LayerMonitor, "measure", "layer statistics"),
        (sweep, "Recorder", "run folder, graph and tables"),
        (network.Network, "set_state", "state in and out"),
        (network.Network, "state_after", "state in and out"),
        (loop, "shuffle", "shuffles"),
        (recorder, "save_checkpoint", "checkpoint"),
        (recorder, "save_state", "saved state"),
        (recorder.Summaries, "write_histograms", "TensorBoard"),
        (recorder.Summaries, "write_epoch", "TensorBoard"),
        (recorder.RunFolder, "save_record", "run record"),
        (recorder.InfoLogs, "append_epoch", "INFOS"),
    ):
        clock(owner, function, step)


def note_shown_epochs() -> tuple[list[float], list[dict[str, int]]]:
    """Returns lists that fill as epochs are shown: the time, and the number of calls of each step until then."""
    from mnist_mlp.console.progress import SweepProgress

    show = SweepProgress.epoch_ended
    shown_at: list[float] = []
    calls_by_then: list[dict[str, int]] = []

    def show_and_note(*arguments: Any) -> None:
        show(*arguments)
        shown_at.append(time.time())
        calls_by_then.append({step: len(measured) for step, measured in seconds.items()})

    SweepProgress.epoch_ended = show_and_note
    return shown_at, calls_by_then


def summary(shown_at: list[float], calls_by_then: list[dict[str, int]]) -> dict[str, dict[str, float]]:
    """Returns the seconds of the start until the first line, and of an epoch after it, by step."""
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
        "start_up": {"command to first line": total, **start_up, "the rest": total - sum(start_up.values())},
        "epoch": {"an epoch": whole_epoch, **epoch, "the rest": whole_epoch - sum(epoch.values())},
    }


if __name__ == "__main__":
    main()
