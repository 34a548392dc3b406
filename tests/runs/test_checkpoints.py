"""Tests that checkpoints load in older versions of Keras: their configurations have only keys that Keras 3.8 knows.

`python -m experiments.old_keras` loads checkpoints in real installations of older versions.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from mnist_mlp.libraries.quiet_tensorflow import keras
from mnist_mlp.presets.keras_names import ACTIVATIONS, BIAS_INITS, WEIGHT_INITS
from mnist_mlp.presets.preset import Preset
from mnist_mlp.runs.checkpoints import save_checkpoint
from mnist_mlp.runs.keras_file import for_older_keras
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.training.model import build_model
from mnist_mlp.training.results import TrainingState
from tests.helpers import a_record

_LAYER = "name trainable dtype "
_NORMALIZATION = (
    "axis epsilon center scale beta_initializer gamma_initializer beta_regularizer gamma_regularizer "
    "beta_constraint gamma_constraint "
)
KEYS_OF_KERAS_3_8 = {  # from `get_config` of Keras 3.8.0
    "Sequential": "name trainable dtype layers build_input_shape",
    "InputLayer": "name dtype batch_shape sparse",
    "Dense": f"{_LAYER} units activation use_bias kernel_initializer bias_initializer kernel_regularizer "
    "bias_regularizer kernel_constraint bias_constraint",
    "Activation": f"{_LAYER} activation",
    "Dropout": f"{_LAYER} rate seed noise_shape",
    "Rescaling": f"{_LAYER} scale offset",
    "BatchNormalization": f"{_LAYER} {_NORMALIZATION} momentum moving_mean_initializer moving_variance_initializer "
    "synchronized",
    "LayerNormalization": f"{_LAYER} {_NORMALIZATION} rms_scaling",
    "DTypePolicy": "name",
    **dict.fromkeys("HeNormal HeUniform GlorotNormal GlorotUniform LecunNormal LecunUniform".split(), "seed"),
    **dict.fromkeys(("RandomNormal", "TruncatedNormal"), "mean stddev seed"),
    "RandomUniform": "minval maxval seed",
    "VarianceScaling": "scale mode distribution seed",
    "Orthogonal": "gain seed",
    **dict.fromkeys(("Identity", "Zeros", "Ones"), ""),
}
ACTIVATIONS_OF_KERAS_3_8 = (
    "celu elu exponential gelu hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu linear log_sigmoid log_softmax "
    "mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus sparsemax squareplus tanh "
    "tanh_shrink"
)

EVERY_LAYER = dict(standardize=True, input_dropout=0.1, dropout=0.2)
PRESETS = {
    "activations": [dict(activation=name) for name in ACTIVATIONS],
    "initial weights": [dict(weight_init=name) for name in WEIGHT_INITS],
    "initial biases": [dict(bias_init=name) for name in BIAS_INITS],
    "layer normalization": [dict(bias_init=name, normalization="layer", **EVERY_LAYER) for name in BIAS_INITS],
    "batch normalization": [dict(bias_init=name, normalization="batch", **EVERY_LAYER) for name in BIAS_INITS],
    "two views": [dict(upright_beside=True, standardize=True)],
}


def saved(folder, preset: Preset) -> tuple[RunFolder, keras.Model]:
    """Saves a checkpoint of the preset's network with its initial weights. Returns the run and the network."""
    run = RunFolder.create(folder, 1, a_record(preset=preset, best_checkpoint="", epochs=[]))
    model = build_model(preset, 3)
    save_checkpoint(run, model, TrainingState(1, model.get_weights(), []))
    run.release()
    return run, model


def config_of(path) -> dict[str, Any]:
    return json.loads(zipfile.ZipFile(path).read("config.json"))


def layers_of(model: keras.Model) -> list[tuple[str, dict[str, Any]]]:
    """Returns the class and the configuration of every layer."""
    return [(type(layer).__name__, layer.get_config()) for layer in model.layers]


def configured(entry: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the class name and the configuration of every object within a Keras configuration."""
    if isinstance(entry, dict):
        if "class_name" in entry:
            yield entry["class_name"], entry["config"]
        entry = list(entry.values())
    if isinstance(entry, list):
        for part in entry:
            yield from configured(part)


@pytest.mark.parametrize("kind", PRESETS)
def test_checkpoints_have_only_keys_of_keras_3_8(tmp_path, kind):
    for number, changes in enumerate(PRESETS[kind]):
        run, model = saved(tmp_path / str(number), Preset(hidden_sizes=(6,), **changes))
        for name, config in configured(config_of(run.best_checkpoint)):
            unknown = set(config) - set(KEYS_OF_KERAS_3_8[name].split())
            assert not unknown, f"{name} has keys that Keras 3.8 does not know; add them to runs/keras_file.py"
        loaded = keras.models.load_model(run.best_checkpoint)
        assert layers_of(loaded) == layers_of(model)
        for ours, theirs in zip(model.get_weights(), loaded.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_only_sparse_sigmoid_needs_keras_3_10():
    """If this fails, update docs/saved-models.md: a preset can have an activation that Keras 3.8 does not know."""
    assert set(ACTIVATIONS) - set(ACTIVATIONS_OF_KERAS_3_8.split()) == {"sparse_sigmoid"}


def test_only_configuration_changes(tmp_path):
    path = tmp_path / "model.keras"
    model = build_model(Preset(hidden_sizes=(6,), normalization="batch"), 3)
    model.save(path)
    content = path.read_bytes()
    (tmp_path / "rewritten.keras").write_bytes(for_older_keras(content))
    before, after = zipfile.ZipFile(path), zipfile.ZipFile(tmp_path / "rewritten.keras")
    assert after.namelist() == before.namelist()
    assert after.testzip() is None
    different = [name for name in before.namelist() if before.read(name) != after.read(name)]
    assert different == ["config.json"]
    assert for_older_keras(for_older_keras(content)) == for_older_keras(content)


def test_newer_keys_that_are_not_at_their_defaults_are_kept(tmp_path):
    path = tmp_path / "model.keras"
    layers = [keras.Input((3,)), keras.layers.BatchNormalization(renorm=True, renorm_momentum=0.5)]
    model = keras.Sequential(layers)
    model.save(path)
    path.write_bytes(for_older_keras(path.read_bytes()))
    assert config_of(path)["config"]["layers"][1]["config"]["renorm"] is True
    assert keras.models.load_model(path).layers[0].get_config() == model.layers[0].get_config()
