"""What TensorBoard shows of a run: scalars of train and dev, the graph, and its line on the HParams page."""

from __future__ import annotations

import contextlib
from pathlib import Path

from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugins.hparams import api as hparams_api

from mnist_mlp.preset import Preset, format_field
from mnist_mlp.quiet_tensorflow import keras, tf

SCALARS = ("loss", "cross_entropy", "l2_penalty", "accuracy")
BEST_ACCURACY = "best_accuracy"
GRAPH, HPARAMS = "graph", "_hparams_/session_start_info"


class Summaries:
    """Writes `train` and `dev` event files; a step is an epoch. What they hold already is not written again."""

    def __init__(self, folder: Path, run_name: str, preset_number: int, preset: Preset, seed: int) -> None:
        self._there = {name: _points_in(folder / name) for name in ("train", "dev")}
        self._writers = {name: tf.summary.create_file_writer(str(folder / name)) for name in self._there}
        if (HPARAMS, 0) not in self._there["dev"]:
            with self._writers["dev"].as_default(step=0):
                hparams_api.hparams(_hyperparameters(preset_number, preset, seed), trial_id=run_name)

    def write_graph(self, model: keras.Model) -> None:
        """Writes the graph from pixels to logits."""
        if (GRAPH, 0) in self._there["train"]:
            return
        forward = tf.function(lambda pixels: model(pixels, training=False))
        with self._writers["train"].as_default(step=0):
            tf.summary.graph(
                forward.get_concrete_function(tf.TensorSpec(model.input_shape, tf.float32, "pixels")).graph
            )

    def write_epoch(self, epoch: dict, best_accuracy: float) -> None:
        """Writes an epoch of a run's record, and the best validation accuracy until then."""
        for name, writer in self._writers.items():
            points = {scalar: epoch[name][scalar] for scalar in SCALARS}
            points["learning_rate"] = epoch["learning_rate"]
            if name == "dev":
                points[BEST_ACCURACY] = best_accuracy
            with writer.as_default(step=epoch["epoch"]):
                for tag, value in points.items():
                    if (tag, epoch["epoch"]) not in self._there[name]:
                        tf.summary.scalar(tag, value)
            writer.flush()

    def close(self) -> None:
        """Flushes and closes the event files."""
        for writer in self._writers.values():
            writer.close()


def _points_in(folder: Path) -> set[tuple[str, int]]:
    """Returns (tag, step) of everything that the folder's event files hold; what is damaged is passed over."""
    points = set()
    for path in sorted(folder.glob("events.out.tfevents.*")):
        with contextlib.suppress(Exception):  # of many kinds, as the bytes are
            for event in EventFileLoader(str(path)).Load():
                points.update((value.tag, event.step) for value in event.summary.value)
                if event.graph_def:
                    points.add((GRAPH, event.step))
    return points


def _hyperparameters(preset_number: int, preset: Preset, seed: int) -> dict[str, float | str]:
    """Returns what the HParams page lists: numbers as numbers, layer sizes as text with their number beside them."""
    values = {name: getattr(preset, name) for name in preset.field_names()}
    numbers = {name: value for name, value in values.items() if isinstance(value, int | float)}
    texts = {name: format_field(value) for name, value in values.items() if name not in numbers}
    return {"preset": preset_number, "seed": seed, **texts, "weight_layers": preset.weight_layers, **numbers}
