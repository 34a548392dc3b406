"""Checks that checkpoints load in old and new versions of Keras, and that their logits are the same there.

.venv/bin/python -m experiments.old_keras [VERSION ...]       default: 3.8 (the oldest) and 3 (the newest 3.x)

Installs each version with JAX into a temporary virtual environment (0.5 GB, needs the network) and deletes it again.
There, loads networks with every activation, initializer, and kind of layer, and compares their logits with ours.
Expected result: all networks load, and no logit differs by more than rounding (1e-4 relative). Takes up to five
minutes a version.
"""

from mnist_mlp.errors import install_error_hook

if __name__ == "__main__":
    install_error_hook()

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mnist_mlp.console.command_line import ArgumentParser
from mnist_mlp.errors import WorkFailed
from mnist_mlp.presets.keras_names import ACTIVATIONS, BIAS_INITS, WEIGHT_INITS
from mnist_mlp.presets.preset import Preset
from mnist_mlp.runs.keras_file import OLDEST_KERAS, for_older_keras
from mnist_mlp.training.model import build_model

NEEDS_KERAS_3_10 = ("sparse_sigmoid",)
TOLERANCE = 1e-4

# Runs in the other version, without this project. Prints its version, the number of networks, the largest difference.
COMPARISON = """
import keras, numpy as np, pathlib
largest, paths = 0.0, sorted(pathlib.Path().glob("*.keras"))
for path in paths:
    try:
        model = keras.models.load_model(path)
    except Exception as error:
        reason = " ".join(str(error).split())[-200:]
        raise SystemExit(f"{path.stem} does not load in Keras {keras.__version__}: {reason}")
    pixels, ours = (np.load(path.with_suffix(f".{name}.npy")) for name in ("pixels", "logits"))
    theirs = model.predict(pixels, verbose=0)
    largest = max(largest, float(np.max(np.abs(theirs - ours) / (1 + np.abs(ours)))))
print(keras.__version__, len(paths), largest)
"""


def parse_arguments() -> argparse.Namespace:
    parser = ArgumentParser("Loads checkpoints in other versions of Keras and compares their logits.")
    parser.add_argument(
        "versions",
        nargs="*",
        default=[OLDEST_KERAS, "3"],
        metavar="VERSION",
        help=f"versions of Keras, such as 3.12 (default: {OLDEST_KERAS} and 3, the newest 3.x)",
    )
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory() as folder:
        save_networks(Path(folder))
        for version in arguments.versions:
            with tempfile.TemporaryDirectory() as environment:
                python = install(version, Path(environment))
                output = run([python, "-c", COMPARISON], Path(folder), f"Keras {version}")
            installed, networks, largest = output.split()[-3:]
            print(
                f"Keras {installed}: {networks} networks load; logits differ by {float(largest):.0e} at most (relative)"
            )
            if float(largest) > TOLERANCE:
                raise WorkFailed(f"logits differ in Keras {installed}")


def presets() -> Iterator[tuple[str, Preset]]:
    """Yields presets, with names, that together have every activation, initializer, and kind of layer."""
    every_layer = dict(standardize=True, input_dropout=0.1, dropout=0.2)
    for activation in ACTIVATIONS:
        if activation not in NEEDS_KERAS_3_10:
            yield f"activation_{activation}", Preset(hidden_sizes=(8, 6), activation=activation)
    for initializer in WEIGHT_INITS:
        yield f"weights_{initializer}", Preset(hidden_sizes=(8, 6), weight_init=initializer)
    for initializer in BIAS_INITS:
        for normalization in ("none", "batch", "layer"):
            changes = dict(bias_init=initializer, normalization=normalization, **every_layer)
            yield f"{normalization}_{initializer}", Preset(hidden_sizes=(8, 6), **changes)
    yield "two_views", Preset(hidden_sizes=(8, 6), upright_beside=True)


def save_networks(folder: Path) -> None:
    """Saves a network of each preset like a checkpoint, with random images and their logits."""
    random = np.random.default_rng(0)
    for name, preset in presets():
        model = build_model(preset, seed=3)
        path = folder / f"{name}.keras"
        model.save(path)
        path.write_bytes(for_older_keras(path.read_bytes()))
        pixels = random.random((20, model.input_shape[1]), np.float32)
        np.save(path.with_suffix(".pixels.npy"), pixels)
        np.save(path.with_suffix(".logits.npy"), model(pixels, training=False).numpy())


def install(version: str, environment: Path) -> Path:
    """Installs a version of Keras into a new virtual environment. Returns the path of its Python."""
    what = f"cannot install Keras {version}"
    run([sys.executable, "-m", "venv", environment], environment, what)
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    run([python, "-m", "pip", "install", "--quiet", f"keras=={version}.*", "jax"], environment, what)
    return python


def run(command: list[str | Path], folder: Path, what: str) -> str:
    """Runs a command in the directory and returns its output.

    Raises:
        WorkFailed: the command failed. The message contains the last line of its output.
    """
    environment = {**os.environ, "KERAS_BACKEND": "jax", "KERAS_HOME": str(folder / "settings")}
    process = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if process.returncode:
        lines = f"{process.stdout}\n{process.stderr}".strip().splitlines() or ["no message"]
        raise WorkFailed(f"{what}: {lines[-1]}")
    return process.stdout


if __name__ == "__main__":
    main()
