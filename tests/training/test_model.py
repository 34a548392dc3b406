"""Tests the Keras model of a preset: names, initial weights, logits."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest
import scipy.stats

from mnist_mlp.libraries.quiet_tensorflow import keras, tf
from mnist_mlp.presets.keras_names import ACTIVATIONS, BIAS_INITS, INITIALIZERS, OPTIMIZER_ARGUMENTS, WEIGHT_INITS
from mnist_mlp.presets.preset import Preset
from mnist_mlp.training.model import (
    build_model,
    build_optimizer,
    cross_entropy,
    l2_norm_penalty,
    smoothed_cross_entropy,
)


def test_all_keras_activations_without_arguments_are_supported():
    # swish and hard_swish are aliases of silu and hard_silu
    names = {name for name in dir(keras.activations) if name.islower() and not name.startswith("_")}
    assert set(ACTIVATIONS) == names - {"get", "serialize", "deserialize", "glu", "threshold", "swish", "hard_swish"}


def test_all_keras_initializers_without_arguments_are_supported():
    classes = inspect.getmembers(keras.initializers, inspect.isclass)
    ours = {type(keras.initializers.get(name)) for name in INITIALIZERS}
    abstract = {keras.initializers.Initializer, keras.initializers.Constant, keras.initializers.STFT}
    assert ours == {found for _, found in classes} - abstract


@pytest.mark.parametrize("name", OPTIMIZER_ARGUMENTS)
def test_optimizer_arguments_exist_in_keras(name):
    optimizer = build_optimizer(Preset(optimizer=name, learning_rate=0.25))
    assert type(optimizer).__name__.lower() == name
    assert float(optimizer.learning_rate) == 0.25
    accepted = inspect.signature(type(optimizer).__init__).parameters
    assert set(OPTIMIZER_ARGUMENTS[name]) <= set(accepted)


def test_all_keras_optimizers_except_wrappers_are_supported():
    unsupported = {"Optimizer", "LossScaleOptimizer", "MultiOptimizer", "OptimizerMap", "ScheduleFreeAdamW", "Lamb"}
    names = {name for name, _ in inspect.getmembers(keras.optimizers, inspect.isclass)}
    assert set(OPTIMIZER_ARGUMENTS) == {name.lower() for name in names - unsupported}


def test_adam_and_adadelta_use_the_2020_defaults():
    adam = build_optimizer(Preset(optimizer="adam"))
    assert (adam.beta_1, adam.beta_2, adam.epsilon) == (0.9, 0.999, 1e-8)
    adadelta = build_optimizer(Preset(optimizer="adadelta"))
    assert (adadelta.rho, adadelta.epsilon) == (0.95, 1e-8)
    assert build_optimizer(Preset(optimizer="adam", optimizer_arguments={"epsilon": 1e-4})).epsilon == 1e-4


def test_he_is_truncated_normal_with_variance_2_over_fan_in():
    kernel = build_model(Preset(hidden_sizes=(1000, 1000), weight_init="he"), seed=1).layers[0].get_weights()[0]
    stddev = math.sqrt(2 / 784)
    assert kernel.std() == pytest.approx(stddev, rel=0.01)
    assert abs(kernel).max() <= 2 * stddev / 0.8796  # truncated at 2 standard deviations of the wider normal
    assert abs(kernel).max() > 1.9 * stddev / 0.8796


@pytest.mark.parametrize("name", ["xavier", "default"])
def test_xavier_and_default_are_uniform_with_variance_2_over_sum_of_fans(name):
    kernel = build_model(Preset(hidden_sizes=(1000, 500), weight_init=name), seed=1).layers[1].get_weights()[0]
    limit = math.sqrt(6 / 1500)
    assert abs(kernel).max() == pytest.approx(limit, rel=0.01)
    assert kernel.std() == pytest.approx(limit / math.sqrt(3), rel=0.01)


def test_biases_are_standard_normal_by_default():
    model = build_model(Preset(hidden_sizes=(2000, 2000)), seed=1)
    biases = np.concatenate([layer.get_weights()[1] for layer in model.layers])
    assert biases.mean() == pytest.approx(0, abs=0.06)
    assert biases.std() == pytest.approx(1, rel=0.05)
    assert np.ptp(model.layers[-1].get_weights()[1]) > 0


@pytest.mark.parametrize("name", WEIGHT_INITS)
def test_weights_depend_on_seed_and_layer_if_the_initializer_is_random(name):
    first, again, other = (
        build_model(Preset(hidden_sizes=(20, 20), weight_init=name), seed).get_weights() for seed in (1, 1, 2)
    )
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    is_random = name not in ("identity", "zeros", "ones")
    assert np.array_equal(first[0], other[0]) != is_random
    assert np.array_equal(first[2][:10, :10], first[0][:10, :10]) != is_random  # layers differ


@pytest.mark.parametrize("name", BIAS_INITS)
def test_every_bias_initializer_works(name):
    assert build_model(Preset(hidden_sizes=(20,), bias_init=name), seed=1).layers[0].get_weights()[1].shape == (20,)


@pytest.mark.parametrize("normalization", ["batch", "layer"])
def test_normalization_comes_before_the_activation_and_replaces_the_bias(normalization):
    preset = Preset(hidden_sizes=(30, 20), normalization=normalization, dropout=0.5, bias_init="ones")
    layers = build_model(preset, seed=1).layers
    names = ["hidden_1", "normalization_1", "activation_1", "dropout_1"]
    names += [name.replace("1", "2") for name in names]
    assert [layer.name for layer in layers] == [*names, "logits"]
    dense, normalizer = layers[0], layers[1]
    assert (dense.use_bias, dense.activation) == (False, keras.activations.linear)
    assert (normalizer.beta.numpy() == 1).all()
    pixels = np.random.default_rng(0).random((500, 784), np.float32)
    axis = {"batch": 0, "layer": 1}[normalization]
    normalized = normalizer(dense(pixels), training=True).numpy()
    np.testing.assert_allclose(normalized.mean(axis=axis), 1, atol=1e-4)
    np.testing.assert_allclose(normalized.std(axis=axis), 1, atol=0.05)
    assert layers[2](normalized).numpy().min() == 0


def test_standardized_pixels_have_mean_0_and_std_1(data):
    preset = Preset(hidden_sizes=(), standardize=True, input_dropout=0.1)
    model = build_model(preset, seed=1)
    assert [layer.name for layer in model.layers] == ["standardized", "dropout_pixels", "logits"]
    pixels = model.layers[0](data.train.pixels.astype(np.float32) / 255).numpy()
    assert pixels.mean(dtype=np.float64) == pytest.approx(0, abs=1e-4)
    assert pixels.std(dtype=np.float64) == pytest.approx(1, abs=1e-4)


def test_equal_layers_of_two_presets_get_equal_initial_weights():
    shallow, deep = (build_model(Preset(hidden_sizes=sizes), seed=1602) for sizes in ((30, 20), (30, 20, 20)))
    np.testing.assert_array_equal(shallow.layers[0].get_weights()[0], deep.layers[0].get_weights()[0])
    np.testing.assert_array_equal(shallow.layers[1].get_weights()[1], deep.layers[1].get_weights()[1])


@pytest.mark.parametrize("normalization", ["none", "layer"])
@pytest.mark.parametrize(
    ("activation", "numpy_function"),
    [
        ("relu", lambda x: np.maximum(x, 0)),
        ("tanh", np.tanh),
        ("sigmoid", lambda x: 1 / (1 + np.exp(-x))),
        ("gelu", lambda x: x * scipy.stats.norm.cdf(x)),
        ("softplus", lambda x: np.log1p(np.exp(x))),
    ],
)
def test_hidden_layers_use_the_activation(activation, numpy_function, normalization):
    model = build_model(Preset(hidden_sizes=(30, 20), activation=activation, normalization=normalization), seed=1)
    pixels = np.random.default_rng(0).random((50, 784), np.float32)
    hidden = pixels.astype(np.float64)
    for index in (1, 2):
        dense = model.get_layer(f"hidden_{index}")
        hidden = hidden @ dense.kernel.numpy() + (0 if normalization == "layer" else dense.bias.numpy())
        if normalization == "layer":
            layer = model.get_layer(f"normalization_{index}")
            centered = hidden - hidden.mean(axis=1, keepdims=True)
            hidden = centered / np.sqrt(hidden.var(axis=1, keepdims=True) + layer.epsilon)
            hidden = hidden * layer.gamma.numpy() + layer.beta.numpy()
        hidden = numpy_function(hidden)
    logits = hidden @ model.get_layer("logits").kernel.numpy() + model.get_layer("logits").bias.numpy()
    np.testing.assert_allclose(model(pixels, training=False), logits, rtol=1e-3, atol=1e-3)


def test_logits_loss_and_penalty_match_numpy():
    model = build_model(Preset(hidden_sizes=(30, 20), dropout=0.5), seed=1602)
    pixels = np.random.default_rng(0).random((50, 784), np.float32)
    labels = np.random.default_rng(1).integers(0, 10, 50).astype(np.int32)
    w1, b1, w2, b2, w3, b3 = (weight.astype(np.float64) for weight in model.get_weights())
    hidden = np.maximum(np.maximum(pixels @ w1 + b1, 0) @ w2 + b2, 0)
    logits = hidden @ w3 + b3
    np.testing.assert_allclose(model(pixels, training=False), logits, rtol=1e-4, atol=1e-4)
    log_probabilities = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    expected = -log_probabilities[np.arange(50), labels].mean()
    ours = cross_entropy(tf.constant(logits, tf.float32), tf.constant(labels))
    assert float(ours) == pytest.approx(expected, rel=1e-5)
    smoothed = 0.9 * expected - 0.1 * log_probabilities.mean()  # 0.1 of each label is spread over all classes
    ours = smoothed_cross_entropy(tf.constant(logits, tf.float32), tf.constant(labels), tf.constant(0.1))
    assert float(ours) == pytest.approx(smoothed, rel=1e-5)
    penalty = sum((w**2).sum() / 2 for w in (w1, w2, w3))  # includes the output layer, but no biases
    assert float(l2_norm_penalty(model.trainable_variables, (1, 1, 1))) == pytest.approx(penalty, rel=1e-5)
    penalty = sum(count * (w**2).sum() / 2 for count, w in ((3, w1), (2, w2), (1, w3)))
    assert float(l2_norm_penalty(model.trainable_variables, (3, 2, 1))) == pytest.approx(penalty, rel=1e-5)
