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
    from mnist_mlp import engines, progress, recording, sweep, training

    seconds["imports"] = [time.perf_counter() - started]
    network, recorder, summaries = training._CompiledNetwork, recording.Recorder, recording.Summaries
    build_network = network.__init__

    def build_with_clocks(self: Any, *arguments: Any) -> None:
        build_network(self, *arguments)
        clock(self, "run_epoch", "compiled epoch")

    network.__init__ = build_with_clocks
    for owner, function, step in (
        (engines, "load_training_data", "data"),
        (training, "_compiled_network", "network and data onto the device"),
        (sweep, "Recorder", "run folder, graph and tables"),
        (network, "look_at_layers", "layer statistics"),
        (network, "set_state", "state in and out"),
        (network, "state_after", "state in and out"),
        (training, "shuffle", "shuffles"),
        (recorder, "_save_checkpoint", "checkpoint"),
        (recorder, "_save_state", "saved state"),
        (summaries, "write_histograms", "TensorBoard"),
        (summaries, "write_epoch", "TensorBoard"),
        (recording.RunFolder, "save_record", "run record"),
        (recording.InfoLogs, "append_epoch", "INFOS"),
    ):
        clock(owner, function, step)
    show = progress.SweepProgress.epoch_ended
    shown_at: list[float] = []
    calls_by_then: list[dict[str, int]] = []

    def show_and_note(*arguments: Any) -> None:
        show(*arguments)
        shown_at.append(time.time())
        calls_by_then.append({step: len(measured) for step, measured in seconds.items()})

    progress.SweepProgress.epoch_ended = show_and_note
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        options = ["--presets", "31", "--epochs", str(EPOCHS), "--workers", "1"]
        sys.argv = ["MNIST_train.py", *options, "--runs-dir", f"{folder}/runs", "--info-dir", folder]
        runpy.run_path("MNIST_train.py", run_name="__main__")

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
    print(
        json.dumps(
            {
                "start_up": {"command to first line": total, **start_up, "the rest": total - sum(start_up.values())},
                "epoch": {"an epoch": whole_epoch, **epoch, "the rest": whole_epoch - sum(epoch.values())},
            }
        )
    )


if __name__ == "__main__":
    main()
