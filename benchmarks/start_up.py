"""What happens between the start of a training and its first epoch: seconds of each step, as JSON."""

import json
import sys
import time
from pathlib import Path

started = time.perf_counter()
import mnist_mlp.progress  # noqa: E402
import mnist_mlp.sweep  # noqa: E402, F401
from mnist_mlp.data import load_training_data  # noqa: E402
from mnist_mlp.model import build_model  # noqa: E402
from mnist_mlp.training import train  # noqa: E402

from hyperparameters import PRESETS  # noqa: E402

imports = time.perf_counter()
data = load_training_data(Path(sys.argv[1]))
loaded = time.perf_counter()
build_model(PRESETS[31], 1602)
built = time.perf_counter()
epochs = train(PRESETS[31], 1602, data)
next(epochs)
first = time.perf_counter()
next(epochs)
second = time.perf_counter()

print(
    json.dumps(
        {
            "imports": imports - started,
            "data": loaded - imports,
            "network": built - loaded,
            "compilation": (first - built) - (second - first),
            "first epoch": second - first,
        }
    )
)
