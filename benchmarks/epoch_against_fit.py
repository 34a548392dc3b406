"""How long an epoch of preset 31 takes here, everything recorded, against Keras's Model.fit with the same work.

python benchmarks/epoch_against_fit.py

Both train the same network on the same 55,000 images, validate on the same 5,000 and take turns, an epoch each, in one
process, so that a machine whose speed drifts is fair to both.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mnist_mlp.data import load_training_data
from mnist_mlp.info_logs import InfoLogs
from mnist_mlp.model import build_model, build_optimizer
from mnist_mlp.quiet_tensorflow import keras
from mnist_mlp.recording import Recorder, new_run
from mnist_mlp.terminal import PROJECT
from mnist_mlp.training import train

from hyperparameters import PRESETS

ROUNDS = 15
PRESET = 31


def our_epochs(preset, data, folder):
    """Trains as MNIST_train.py does; an epoch a step."""
    recorder = Recorder(new_run(folder / "runs", PRESET, preset, seed=1602), InfoLogs(folder))
    for result in train(preset, 1602, data):
        recorder.record_epoch(result)
        yield


def keras_fit_epochs(preset, data):
    """Trains the same network with Keras's own layers, regulariser, metrics and loop; an epoch a step."""
    model = build_model(preset, seed=1602)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dense):
            layer.kernel.regularizer = keras.regularizers.L2(preset.weight_decay / 2)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(build_optimizer(preset), loss, metrics=["accuracy"])
    pixels, dev_pixels = (images.pixels.astype("float32") / 255 for images in (data.train, data.dev))
    dev = (dev_pixels, data.dev.labels)
    while True:
        model.fit(pixels, data.train.labels, batch_size=preset.batch_size, validation_data=dev, verbose=0)
        yield


def main():
    preset = PRESETS[PRESET]
    data = load_training_data(PROJECT / "MNIST_data")
    with tempfile.TemporaryDirectory() as folder:
        contenders = {"ours": our_epochs(preset, data, Path(folder)), "Model.fit": keras_fit_epochs(preset, data)}
        seconds = {name: [] for name in contenders}
        for epochs in contenders.values():
            next(epochs)  # compiles
        for _ in range(ROUNDS):
            for name, epochs in contenders.items():
                started = time.perf_counter()
                next(epochs)
                seconds[name].append(time.perf_counter() - started)
    for name, measured in seconds.items():
        print(f"{name:9}  median {statistics.median(measured):.3f} s  ({min(measured):.3f} to {max(measured):.3f})")
    ratios = [ours / fit for ours, fit in zip(seconds["ours"], seconds["Model.fit"], strict=True)]
    print(f"ours / Model.fit, median of {ROUNDS} pairs: {statistics.median(ratios):.1%}")


if __name__ == "__main__":
    main()
