"""What several test modules use: small presets, records made by hand, and the scripts' files and output."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mnist_mlp.presets.preset import Preset
from mnist_mlp.runs.run_folder import InvalidRun, RunFolder, RunRecord, scan

PROJECT = Path(__file__).resolve().parent.parent


Script = Callable[..., subprocess.CompletedProcess]


MadeOnce = Callable[[str, Callable[[Path], None]], Path]


DEFORMED = {"rotation": 7, "scaling": 0.1, "shear": 0.1, "shift": 1, "elastic": 0.7}


SMALL = Preset(hidden_sizes=(30, 20), batch_size=200, epochs=2, learning_rate=0.01, weight_init="he", bias_init="zeros")


EVERYTHING = SMALL.but(
    optimizer="sgd",  # Adam makes whole steps of the rounding that is the gradient of a pixel always white
    learning_rate=0.1,
    normalization="batch",
    standardize=True,
    input_dropout=0.1,
    dropout=0.2,
    label_smoothing=0.1,
    weight_decay=0.01,
    decoupled_weight_decay=0.5,
    learning_rate_schedule="cosine",
    warmup=0.3,
    ema_decay=0.3,  # in force from the fourth step on
    adversarial=1.5,
    l1_decay=0.05,
    **DEFORMED,
)


def project_with(folder: Path, line: str) -> Path:
    """Returns a copy of the project that has this line at the end of its presets."""
    ignored = shutil.ignore_patterns(".*", "runs", "INFOS", "tests", "benchmarks", "__pycache__")
    project = Path(shutil.copytree(PROJECT, folder, ignore=ignored))
    registry = (PROJECT / "hyperparameters.py").read_text()
    assert registry.count("\nselect =") == 1
    (project / "hyperparameters.py").write_text(registry.replace("\nselect =", f"\n{line}\nselect ="))
    return project


def folders(folder: Path) -> list[str]:
    """Returns the options that make a script work in this folder."""
    return ["--runs-dir", str(folder / "runs"), "--info-dir", str(folder / "INFOS")]


def only_line(process: subprocess.CompletedProcess) -> str:
    """Returns the one line of an error, having checked that it is one line and no traceback."""
    lines = process.stderr.strip().splitlines()
    assert len(lines) == 1, process.stderr
    return lines[0]


def runs_in(folder: Path) -> list[RunFolder]:
    return [RunFolder.open(path) for path in sorted((folder / "runs").iterdir())]


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def results(folder) -> dict[tuple[int, int], tuple]:
    """Returns for each preset and seed what its run came to."""
    runs = (run for _, run in scan(folder / "runs") if not isinstance(run, InvalidRun))
    return {(run.record.preset_number, run.record.seed): result_of(run) for run in runs}


def result_of(run: RunFolder) -> tuple:
    """Returns what a run came to: every figure of every epoch, and the best weights."""
    figures = [(epoch["train"], epoch["validation"]) for epoch in run.record.epochs]
    return figures, zipfile.ZipFile(run.best_model).read("model.weights.h5")


def wait_for(process: subprocess.Popen, *texts: str, before: str | None = None) -> None:
    missing = set(texts)
    for line in process.stdout:
        assert not (before and before in line), missing
        missing -= {text for text in missing if text in line}
        if not missing:
            return
    raise AssertionError(f"it ended before {missing}: {process.stderr.read()}")


def mix(bits: np.ndarray) -> np.ndarray:
    """The hash of `randomness.py` by numpy."""
    bits = np.uint32(bits)
    bits = (bits ^ (bits >> np.uint32(16))) * np.uint32(0x7FEB352D)
    bits = (bits ^ (bits >> np.uint32(15))) * np.uint32(0x846CA68B)
    return bits ^ (bits >> np.uint32(16))


def bits_of(results) -> list[tuple]:
    return [
        (result.train, result.validation, *(weight.tobytes() for weight in result.state.weights)) for result in results
    ]


def epoch(number: int, accuracy: float, loss: float = 0.5) -> dict:
    figures = {"loss": loss, "cross_entropy": loss, "l2_penalty": 0.0, "accuracy": accuracy}
    return {"epoch": number, "seconds": 1.5, "learning_rate": 0.001, "train": figures, "validation": figures}


def a_record(**changes) -> RunRecord:
    fields = {"preset_number": 7, "preset": Preset(dropout=0.2), "seed": 1602, "status": "finished"}
    best = {"best_epoch": 2, "best_checkpoint": "checkpoints/epoch_000002.keras"}
    return RunRecord(**{**fields, **best, "epochs": [epoch(1, 0.9), epoch(2, 0.95), epoch(3, 0.94)], **changes})
