"""Tests TensorBoard events: every scalar has the right value, and nothing is written twice."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from tensorboard.util.tensor_util import make_ndarray

from mnist_mlp.presets.declarations import HYPERPARAMETERS
from mnist_mlp.presets.preset import Preset
from mnist_mlp.runs.events import Summaries
from mnist_mlp.runs.record import RunRecord
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.training.model import build_model
from mnist_mlp.training.results import LayerStatistics

PRESET = Preset(hidden_sizes=(5, 6), dropout=0.25, optimizer="sgd", optimizer_arguments={"momentum": 0.5})
STATISTICS = [statistic.name for statistic in fields(LayerStatistics)]


def make_epoch(number: int) -> dict:
    """Returns the record of an epoch in which all numbers are different."""
    values = (100 * number + index for index in range(1, 1000))
    return {
        "epoch": number,
        "seconds": next(values),
        "learning_rate": next(values),
        "train": {name: next(values) for name in ("loss", "cross_entropy", "l2_penalty", "accuracy")},
        "validation": {name: next(values) for name in ("loss", "cross_entropy", "l2_penalty", "accuracy")},
        "layers": {layer: {name: next(values) for name in STATISTICS} for layer in ("hidden_1", "logits")},
    }


@pytest.fixture
def run(tmp_path) -> RunFolder:
    return RunFolder(tmp_path / "the_run", RunRecord(7, PRESET, 19))


def events(run: RunFolder, folder: str) -> EventAccumulator:
    return EventAccumulator(str(run.summaries / folder), size_guidance={"tensors": 0}).Reload()


def scalars(run: RunFolder, folder: str) -> dict[str, dict[int, float]]:
    """Returns the values by tag and step."""
    shown = events(run, folder)
    tags = [tag for tag in shown.Tags()["tensors"] if shown.SummaryMetadata(tag).plugin_data.plugin_name == "scalars"]
    return {tag: {point.step: make_ndarray(point.tensor_proto).item() for point in shown.Tensors(tag)} for tag in tags}


def test_scalars_have_the_right_values(run):
    first, second = make_epoch(1), make_epoch(2)
    summaries = Summaries(run)
    summaries.write_epoch(first, 71.0)
    summaries.write_epoch(second, 72.0)
    summaries.close()
    layers = {
        f"layer_{statistic}/{layer}": {1: first["layers"][layer][statistic], 2: second["layers"][layer][statistic]}
        for layer in ("hidden_1", "logits")
        for statistic in STATISTICS
    }
    assert scalars(run, "train") == {
        "loss": {1: 103, 2: 203},
        "cross_entropy": {1: 104, 2: 204},
        "l2_penalty": {1: 105, 2: 205},
        "accuracy": {1: 106, 2: 206},
        "learning_rate": {1: 102, 2: 202},
        **layers,
    }
    assert scalars(run, "dev") == {
        "loss": {1: 107, 2: 207},
        "cross_entropy": {1: 108, 2: 208},
        "accuracy": {1: 110, 2: 210},
        "best_accuracy": {1: 71, 2: 72},
    }


def test_old_records_and_final_fits_have_fewer_scalars(run):
    epoch = make_epoch(1)
    del epoch["layers"]
    summaries = Summaries(run)
    summaries.write_epoch(epoch, None)
    summaries.close()
    assert set(scalars(run, "train")) == {"loss", "cross_entropy", "l2_penalty", "accuracy", "learning_rate"}
    assert set(scalars(run, "dev")) == {"loss", "cross_entropy", "accuracy"}


def test_existing_events_are_not_written_again(run):
    for epochs in ((1,), (1, 2)):
        summaries = Summaries(run)
        summaries.write_graph(build_model(PRESET, 1))
        for number in epochs:
            summaries.write_epoch(make_epoch(number), 71.0)
            summaries.write_histograms(number, {"weights/logits": np.array([[0.0, 1.0, 2.0]])})
        summaries.close()
    # Files that one process created in the same second are read in any order, hence the sorting.
    for folder, tags in (
        ("train", ("loss", "learning_rate", "layer_weights/logits")),
        ("dev", ("loss", "best_accuracy")),
    ):
        shown = events(run, folder)
        for tag in tags:
            assert sorted(point.step for point in shown.Tensors(tag)) == [1, 2]
    shown = events(run, "train")
    assert len(shown.Tensors("custom_scalars__config__")) == 1
    assert shown.Graph().node


def test_histograms_contain_the_given_buckets(run):
    buckets = np.array([[0.0, 0.5, 3.0], [0.5, 1.0, 4.0]])
    summaries = Summaries(run)
    summaries.write_histograms(5, {"weights/hidden_1": buckets, "activations/hidden_1": buckets + 1})
    summaries.close()
    shown = events(run, "train")
    (point,) = shown.Tensors("layer_activations/hidden_1")
    assert point.step == 5
    np.testing.assert_array_equal(make_ndarray(point.tensor_proto), buckets + 1)
    assert shown.SummaryMetadata("layer_weights/hidden_1").plugin_data.plugin_name == "histograms"


def test_layout_has_a_chart_for_every_scalar_and_statistic(run):
    Summaries(run).close()
    (point,) = events(run, "train").Tensors("custom_scalars__config__")
    layout = layout_pb2.Layout.FromString(make_ndarray(point.tensor_proto).item())
    charts = {
        category.title: [(chart.title, *chart.multiline.tag) for chart in category.chart]
        for category in layout.category
    }
    assert charts == {
        "train and dev": [(name, f"{name}$") for name in ("loss", "cross_entropy", "accuracy")],
        "all layers": [(name, f"layer_{name}/") for name in STATISTICS],
    }


def test_accuracy_and_cross_entropy_come_first(run):
    summaries = Summaries(run)
    summaries.write_epoch(make_epoch(1), 71.0)
    summaries.write_histograms(1, {"activations/logits": np.array([[0.0, 1.0, 2.0]])})
    summaries.close()
    tags = {tag for folder in ("train", "dev") for tag in events(run, folder).Tags()["tensors"] if "__" not in tag}
    shown = sorted(tag for tag in tags if not tag.startswith("_"))
    assert shown[:3] == ["accuracy", "best_accuracy", "cross_entropy"]


def test_hparams_are_numbers_or_text(run):
    Summaries(run).close()
    shown = events(run, "dev")
    content = shown.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    start = HParamsPluginData.FromString(content).session_start_info
    assert start.group_name == "the_run"
    values = {name: value.string_value or value.number_value for name, value in start.hparams.items()}
    titles = {declared.title for declared in HYPERPARAMETERS.values()}
    assert set(values) == {"preset", "seed", "number of layers", *titles}
    expected = {
        "preset": 7,
        "seed": 19,
        "number of layers": 3,
        "hidden layers": "5-6",
        "optimizer arguments": "momentum=0.5",
    }
    expected |= {"dropout": 0.25, "learning rate": 0.001, "batch size": 100, "epochs": 100, "optimizer": "sgd"}
    assert {name: values[name] for name in expected} == expected


def test_unwritable_event_files_raise_os_error(run):
    run.path.mkdir()
    (run.path / "summaries").write_text("in the way")
    with pytest.raises(OSError):
        Summaries(run)
