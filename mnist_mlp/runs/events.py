"""TensorBoard events of a run: scalars, histograms, the graph and the run's row in the HParams tab."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from mnist_mlp.libraries.quiet_tensorflow import (  # first, because TensorBoard imports TensorFlow without silencing it
    keras,
    tf,
)

# isort: split
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import summary as custom_scalar_summary
from tensorboard.plugins.histogram.metadata import create_summary_metadata as histogram_metadata
from tensorboard.plugins.hparams import api as hparams_api
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.util.tensor_util import make_tensor_proto

from mnist_mlp.disk.disk_errors import with_number
from mnist_mlp.presets.declarations import HYPERPARAMETERS
from mnist_mlp.presets.preset import format_field
from mnist_mlp.runs.record import RunRecord
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.training.results import LayerStatistics

TRAIN, VALIDATION = "train", "dev"  # directory of each writer; TensorBoard shows each as a run
SCALARS = ("loss", "cross_entropy", "accuracy")
BEST_ACCURACY = "best_accuracy"
GRAPH = "graph"
LAYER = "layer_"  # prefix of the tags of layers: TensorBoard sorts by name, and accuracy should come first


def _chart(title: str, tag: str) -> layout_pb2.Chart:
    return layout_pb2.Chart(title=title, multiline=layout_pb2.MultilineChartContent(tag=[tag]))


# Each tag is a regular expression. TensorBoard matches it against the start of every tag of the selected runs.
CUSTOM_SCALARS = layout_pb2.Layout(
    category=[
        layout_pb2.Category(title="train and dev", chart=[_chart(scalar, f"{scalar}$") for scalar in SCALARS]),
        layout_pb2.Category(
            title="all layers",
            chart=[_chart(statistic.name, f"{LAYER}{statistic.name}/") for statistic in fields(LayerStatistics)],
        ),
    ]
)


@contextlib.contextmanager
def _as_os_errors() -> Iterator[None]:
    """Converts TensorFlow errors to OSError. TensorFlow raises its own errors, even for a full disk."""
    try:
        yield
    except tf.errors.OpError as error:
        raise with_number(error.message.partition("}} ")[2].partition("\n")[0] or error.message) from None


class Summaries:
    """Writes a run's event files, with the epoch as the step. Values that are already in them are not written again.

    Raises:
        OSError: the files cannot be written. The methods raise this too.
    """

    @_as_os_errors()
    def __init__(self, run: RunFolder) -> None:
        folders = {name: run.summaries / name for name in (TRAIN, VALIDATION)}
        self._written = {name: _points_in(folder) for name, folder in folders.items()}
        self._writers = {name: tf.summary.create_file_writer(os.fsencode(folder)) for name, folder in folders.items()}
        self._write(VALIDATION, 0, [hparams_api.hparams_pb(_hyperparameters(run.record), trial_id=run.name)])
        layout = custom_scalar_summary.pb(CUSTOM_SCALARS)  # a TensorFlow protocol buffer, not a TensorBoard one
        self._write(TRAIN, 0, [Summary.FromString(layout.SerializeToString())])

    @_as_os_errors()
    def write_graph(self, model: keras.Model) -> None:
        """Writes the graph of the model, from input to logits."""
        if (GRAPH, 0) in self._written[TRAIN]:
            return
        forward = tf.function(lambda pixels: model(pixels, training=False), autograph=False)
        with self._writers[TRAIN].as_default(step=0):
            tf.summary.graph(
                forward.get_concrete_function(tf.TensorSpec(model.input_shape, tf.float32, "pixels")).graph
            )

    def write_histograms(self, epoch: int, histograms: dict[str, np.ndarray]) -> None:
        """Writes the histograms of an `EpochResult`."""
        self._write(TRAIN, epoch, (_histogram(f"{LAYER}{tag}", buckets) for tag, buckets in histograms.items()))

    def write_epoch(self, epoch: dict[str, Any], best_accuracy: float | None) -> None:
        """Writes the scalars of one epoch.

        Args:
            epoch: an entry of `RunRecord.epochs`.
            best_accuracy: the best validation accuracy so far; None if the run trains on the validation images.
        """
        for name, points in ((TRAIN, _train_points(epoch)), (VALIDATION, _validation_points(epoch, best_accuracy))):
            self._write(name, epoch["epoch"], (scalar_pb(tag, value) for tag, value in points.items()))

    @_as_os_errors()
    def _write(self, name: str, step: int, summaries: Iterable[Summary]) -> None:
        """Writes all new values as one event. Writing a hundred separate events would take longer than training."""
        combined = Summary()
        for summary in summaries:
            combined.value.extend(value for value in summary.value if (value.tag, step) not in self._written[name])
        if combined.value:
            with self._writers[name].as_default():
                tf.summary.experimental.write_raw_pb(combined.SerializeToString(), step=step)
            self._writers[name].flush()

    @_as_os_errors()
    def close(self) -> None:
        """Flushes and closes the event files."""
        for writer in self._writers.values():
            writer.close()


def _train_points(epoch: dict[str, Any]) -> dict[str, float]:
    points = {scalar: epoch["train"][scalar] for scalar in SCALARS}
    points |= {"l2_penalty": epoch["train"]["l2_penalty"], "learning_rate": epoch["learning_rate"]}
    for layer, statistics in epoch.get("layers", {}).items():
        points |= {f"{LAYER}{statistic}/{layer}": value for statistic, value in statistics.items()}
    return points


def _validation_points(epoch: dict[str, Any], best_accuracy: float | None) -> dict[str, float]:
    """Returns the scalars that the HParams tab shows as metrics. It shows at most five by default."""
    points = {scalar: epoch["validation"][scalar] for scalar in SCALARS}
    return points if best_accuracy is None else {**points, BEST_ACCURACY: best_accuracy}


def _histogram(tag: str, buckets: np.ndarray) -> Summary:
    """Returns the same summary as TensorBoard's `histogram_pb`, but from buckets that are already counted."""
    metadata = histogram_metadata(display_name=None, description=None)
    return Summary(value=[Summary.Value(tag=tag, metadata=metadata, tensor=make_tensor_proto(buckets, np.float64))])


def _points_in(folder: Path) -> set[tuple[str, int]]:
    """Returns the (tag, step) pairs in the directory's event files. Damaged parts are skipped."""
    points = set()
    for path in sorted(folder.glob("events.out.tfevents.*")):
        with contextlib.suppress(Exception):  # damaged files raise many kinds of exceptions
            for event in EventFileLoader(os.fsencode(path)).Load():
                points.update((value.tag, event.step) for value in event.summary.value)
                if event.graph_def:
                    points.add((GRAPH, event.step))
    return points


def _hyperparameters(record: RunRecord) -> dict[str, float | str]:
    """Returns the values for the HParams tab by readable name: numbers as numbers, everything else as text."""
    values = {declared.title: getattr(record.preset, name) for name, declared in HYPERPARAMETERS.items()}
    numbers = {title: value for title, value in values.items() if isinstance(value, int | float)}
    texts = {title: format_field(value) for title, value in values.items() if title not in numbers}
    return {
        "preset": record.preset_number,
        "seed": record.seed,
        **texts,
        "number of layers": record.preset.weight_layers,
        **numbers,
    }
