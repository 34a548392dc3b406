"""What TensorBoard shows of a run: scalars of train and dev, the graph, and its line on the HParams page."""

from __future__ import annotations

from pathlib import Path

from tensorboard.plugins.hparams import api as hparams_api

from mnist_mlp.preset import Preset, format_field
from mnist_mlp.quiet_tensorflow import keras, tf

SCALARS = ("loss", "cross_entropy", "l2_penalty", "accuracy")
BEST_ACCURACY = "best_accuracy"


class Summaries:
    """Writes `train` and `dev` event files; a step is an epoch."""

    def __init__(self, folder: Path, run_name: str, preset_number: int, preset: Preset, seed: int) -> None:
        self._writers = {name: tf.summary.create_file_writer(str(folder / name)) for name in ("train", "dev")}
        with self._writers["dev"].as_default(step=0):
            hparams_api.hparams(_hyperparameters(preset_number, preset, seed), trial_id=run_name)

    def write_graph(self, model: keras.Model) -> None:
        """Writes the graph from pixels to logits."""
        forward = tf.function(lambda pixels: model(pixels, training=False))
        with self._writers["train"].as_default(step=0):
            tf.summary.graph(
                forward.get_concrete_function(tf.TensorSpec(model.input_shape, tf.float32, "pixels")).graph
            )

    def write_epoch(self, epoch: dict, best_accuracy: float) -> None:
        """Writes an epoch of a run's record, and the best validation accuracy until then."""
        for name, writer in self._writers.items():
            with writer.as_default(step=epoch["epoch"]):
                for scalar in SCALARS:
                    tf.summary.scalar(scalar, epoch[name][scalar])
                tf.summary.scalar("learning_rate", epoch["learning_rate"])
                if name == "dev":
                    tf.summary.scalar(BEST_ACCURACY, best_accuracy)
            writer.flush()

    def close(self) -> None:
        """Flushes and closes the event files."""
        for writer in self._writers.values():
            writer.close()


def _hyperparameters(preset_number: int, preset: Preset, seed: int) -> dict[str, float | str]:
    """Returns what the HParams page lists: numbers as numbers, layer sizes as text with their number beside them."""
    values = {name: getattr(preset, name) for name in preset.field_names()}
    numbers = {name: value for name, value in values.items() if isinstance(value, int | float)}
    texts = {name: format_field(value) for name, value in values.items() if name not in numbers}
    return {"preset": preset_number, "seed": seed, **texts, "weight_layers": preset.weight_layers, **numbers}
