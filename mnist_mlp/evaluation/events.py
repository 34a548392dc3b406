"""Writes the TensorBoard events of a scored run: test accuracy, confusion matrix and most confident mistakes."""

from __future__ import annotations

import io
import struct
import time

import mnist_mlp.libraries.quiet_tensorflow  # noqa: F401 - before TensorBoard, which imports TensorFlow verbosely

# isort: split
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from mnist_mlp.data.images import LabeledImages
from mnist_mlp.disk.files import write_bytes_atomically
from mnist_mlp.drawing.style import Picture, png_for_tensorboard
from mnist_mlp.evaluation.mistakes import confident_mistakes, confusion_matrix
from mnist_mlp.evaluation.predictions import TestPredictions
from mnist_mlp.evaluation.stored_logits import EVENTS_SUFFIX
from mnist_mlp.runs.events import VALIDATION
from mnist_mlp.runs.record import InvalidRun
from mnist_mlp.runs.run_folder import RunFolder


def write_evaluation(run: RunFolder, predictions: TestPredictions, test: LabeledImages) -> None:
    """Writes the events, at the step of the best epoch, to a new file and removes the file of an earlier evaluation.

    Raises:
        InvalidRun: the run's summaries are outside its directory.
        OSError: the file cannot be written.
    """
    folder = run.summaries / VALIDATION  # HParams reads metrics only from the directory with the hyperparameters
    if not folder.resolve().is_relative_to(run.path.resolve()):
        raise InvalidRun(f"its {folder.relative_to(run.path)} is outside the run directory")
    values = _values(run, predictions, test)
    event = Event(wall_time=time.time(), step=run.record.best_epoch, summary=Summary(value=values))
    content = io.BytesIO()
    RecordWriter(content).write(event.SerializeToString())
    earlier = list(folder.glob(f"*{EVENTS_SUFFIX}"))
    folder.mkdir(parents=True, exist_ok=True)
    # A new name, because a running TensorBoard would keep reading the old file.
    path = folder / f"events.out.tfevents.{time.time_ns() // 1000}{EVENTS_SUFFIX}"
    write_bytes_atomically(path, content.getvalue())
    for old in earlier:
        old.unlink(missing_ok=True)  # another evaluation may have removed it


def _values(run: RunFolder, predictions: TestPredictions, test: LabeledImages) -> list[Summary.Value]:
    record = run.record
    network = f"Preset {record.preset_name}, seed {record.seed}, epoch {record.best_epoch}"
    accuracy = float((predictions.predicted == test.labels).mean())
    values = [
        Summary.Value(tag="test_accuracy", simple_value=accuracy),
        _image("test_confusion_matrix", confusion_matrix(predictions, test.labels, network, record.trained_on.classes)),
    ]
    mistakes = confident_mistakes(predictions, test, network)
    if mistakes:
        values.append(_image("test_mistakes", mistakes))
    return values


def _image(tag: str, picture: Picture) -> Summary.Value:
    png = png_for_tensorboard(picture)
    width, height = struct.unpack(">II", png[16:24])
    return Summary.Value(
        tag=tag, image=Summary.Image(width=width, height=height, colorspace=4, encoded_image_string=png)
    )
