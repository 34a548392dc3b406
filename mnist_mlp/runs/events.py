"""What TensorBoard shows of a run: scalars of train and dev, its layers, the graph, its line on the HParams page."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path

import numpy as np

from mnist_mlp.quiet_tensorflow import keras, tf  # before TensorBoard, which would import TensorFlow with its chatter

# isort: split
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import summary as custom_scalar_summary
from tensorboard.plugins.histogram.metadata import create_summary_metadata as histogram_metadata
from tensorboard.plugins.hparams import api as hparams_api
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.util.tensor_util import make_tensor_proto

from mnist_mlp.presets.preset import Preset, format_field
from mnist_mlp.training.results import LayerStatistics

SCALARS = ("loss", "cross_entropy", "accuracy")
BEST_ACCURACY = "best_accuracy"
GRAPH = "graph"


def _chart(title: str, tag: str) -> layout_pb2.Chart:
    return layout_pb2.Chart(title=title, multiline=layout_pb2.MultilineChartContent(tag=[tag]))


# Tags are regular expressions that TensorBoard matches from a tag's start, in every run that is switched on.
CUSTOM_SCALARS = layout_pb2.Layout(
    category=[
        layout_pb2.Category(title="train and dev", chart=[_chart(scalar, f"{scalar}$") for scalar in SCALARS]),
        layout_pb2.Category(
            title="all layers", chart=[_chart(each.name, f"{each.name}/") for each in fields(LayerStatistics)]
        ),
    ]
)


@contextlib.contextmanager
def _telling_os_errors() -> Iterator[None]:
    """Turns TensorFlow's own kind of error, which it raises on a full disk too, into Python's."""
    try:
        yield
    except tf.errors.OpError as error:
        raise OSError(error.message.partition("}} ")[2].partition("\n")[0] or error.message) from None


class Summaries:
    """Writes `train` and `dev` event files; a step is an epoch. What they hold already is not written again.

    Raises:
        OSError: they cannot be written; also where a method does.
    """

    @_telling_os_errors()
    def __init__(self, folder: Path, run_name: str, preset_number: int, preset: Preset, seed: int) -> None:
        self._there = {name: _points_in(folder / name) for name in ("train", "dev")}
        self._writers = {name: tf.summary.create_file_writer(str(folder / name)) for name in self._there}
        hyperparameters = _hyperparameters(preset_number, preset, seed)
        self._write("dev", 0, [hparams_api.hparams_pb(hyperparameters, trial_id=run_name)])
        layout = custom_scalar_summary.pb(CUSTOM_SCALARS)  # TensorFlow's class of protocol buffer, not TensorBoard's
        self._write("train", 0, [Summary.FromString(layout.SerializeToString())])

    @_telling_os_errors()
    def write_graph(self, model: keras.Model) -> None:
        """Writes the graph from pixels to logits."""
        if (GRAPH, 0) in self._there["train"]:
            return
        forward = tf.function(lambda pixels: model(pixels, training=False), autograph=False)
        with self._writers["train"].as_default(step=0):
            tf.summary.graph(
                forward.get_concrete_function(tf.TensorSpec(model.input_shape, tf.float32, "pixels")).graph
            )

    def write_histograms(self, epoch: int, histograms: dict[str, np.ndarray]) -> None:
        """Writes those of `EpochResult.histograms`."""
        self._write("train", epoch, (_histogram(tag, buckets) for tag, buckets in histograms.items()))

    def write_epoch(self, epoch: dict, best_accuracy: float | None) -> None:
        """Writes an epoch of a run's record, and the best validation accuracy until then; None where all was seen."""
        for name in self._writers:
            part = "validation" if name == "dev" else name
            points = {scalar: epoch[part][scalar] for scalar in SCALARS}
            if name == "dev":  # the HParams page takes its metrics from here, and shows five at first
                points |= {} if best_accuracy is None else {BEST_ACCURACY: best_accuracy}
            else:
                points |= {"l2_penalty": epoch[part]["l2_penalty"], "learning_rate": epoch["learning_rate"]}
                for layer, statistics in epoch.get("layers", {}).items():
                    points |= {f"{statistic}/{layer}": value for statistic, value in statistics.items()}
            self._write(name, epoch["epoch"], (scalar_pb(tag, value) for tag, value in points.items()))

    @_telling_os_errors()
    def _write(self, name: str, step: int, summaries: Iterable[Summary]) -> None:
        """Writes what is not there yet in one event: one by one, a hundred points would take longer than to train."""
        together = Summary()
        for summary in summaries:
            together.value.extend(value for value in summary.value if (value.tag, step) not in self._there[name])
        if together.value:
            with self._writers[name].as_default():
                tf.summary.experimental.write_raw_pb(together.SerializeToString(), step=step)
            self._writers[name].flush()

    @_telling_os_errors()
    def close(self) -> None:
        """Flushes and closes the event files."""
        for writer in self._writers.values():
            writer.close()


def _histogram(tag: str, buckets: np.ndarray) -> Summary:
    """Returns what TensorBoard's `histogram_pb` makes of values, for buckets that are counted already."""
    metadata = histogram_metadata(display_name=None, description=None)
    return Summary(value=[Summary.Value(tag=tag, metadata=metadata, tensor=make_tensor_proto(buckets, np.float64))])


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
