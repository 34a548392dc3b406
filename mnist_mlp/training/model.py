"""Builds the Keras model and optimizer of a preset, and defines the loss."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mnist_mlp.data.dataset import MNIST, DataSet
from mnist_mlp.libraries.quiet_tensorflow import keras, tf
from mnist_mlp.presets.preset import Preset

INPUT_DROPOUT = "dropout_pixels"
_NORMALIZATIONS = {"batch": keras.layers.BatchNormalization, "layer": keras.layers.LayerNormalization}
_INITIALIZERS = {"he": "he_normal", "xavier": "glorot_uniform", "default": "glorot_uniform"}

# Adam and Adadelta: the TensorFlow 1 epsilon that presets 1 to 37 originally used. Keras's default of 1e-7 changes
# Adadelta's results a lot. Adafactor: Keras's default of 1e-30 underflows to 0 in XLA's float32, and the weights of
# pixels that are always 0 become NaN.
OPTIMIZER_DEFAULTS = {"adam": {"epsilon": 1e-8}, "adadelta": {"epsilon": 1e-8}, "adafactor": {"epsilon_1": 1e-16}}


def build_model(preset: Preset, seed: int, data_set: DataSet = MNIST) -> keras.Sequential:
    """Returns the preset's network with initial weights.

    The input is float32 [n, pixels] from 0 to 1. The output is logits, [n, classes].

    Initial weights depend only on the seed, the layer index, the initializer and the layer's shape. If these are equal
    in two presets, the layer starts with the same weights, which makes comparisons between presets less noisy.
    """
    layers = _input_layers(preset, data_set)
    for index, units in enumerate(preset.hidden_sizes, start=1):
        layers += _hidden_layers(preset, seed, index, units)
    index = preset.weight_layers
    layers.append(
        keras.layers.Dense(
            data_set.classes,
            kernel_initializer=_initializer(preset.weight_init, seed, 2 * index),
            bias_initializer=_initializer(preset.bias_init, seed, 2 * index + 1),
            name="logits",
        )
    )
    return keras.Sequential(layers, name="mlp")


def _input_layers(preset: Preset, data_set: DataSet) -> list[keras.layers.Layer]:
    layers: list[keras.layers.Layer] = [keras.Input((data_set.layer_sizes(preset)[0],), name="pixels")]
    if preset.standardize:
        mean, deviation = data_set.pixel_mean, data_set.pixel_deviation
        layers.append(keras.layers.Rescaling(1 / deviation, -mean / deviation, name="standardized"))
    if preset.input_dropout:
        layers.append(keras.layers.Dropout(preset.input_dropout, name=INPUT_DROPOUT))
    return layers


def _hidden_layers(preset: Preset, seed: int, index: int, units: int) -> list[keras.layers.Layer]:
    is_normalized = preset.normalization != "none"
    bias_initializer = _initializer(preset.bias_init, seed, 2 * index + 1)
    layers = [
        keras.layers.Dense(
            units,
            activation=None if is_normalized else preset.activation,
            use_bias=not is_normalized,
            kernel_initializer=_initializer(preset.weight_init, seed, 2 * index),
            bias_initializer=bias_initializer,
            name=f"hidden_{index}",
        )
    ]
    if is_normalized:
        normalization = _NORMALIZATIONS[preset.normalization]
        layers.append(normalization(beta_initializer=bias_initializer, name=f"normalization_{index}"))
        layers.append(keras.layers.Activation(preset.activation, name=f"activation_{index}"))
    if preset.dropout:
        layers.append(keras.layers.Dropout(preset.dropout, name=f"dropout_{index}"))
    return layers


def _initializer(name: str, seed: int, index: int) -> keras.initializers.Initializer:
    if name == "normal":
        initializer = keras.initializers.RandomNormal(mean=0.0, stddev=1.0)
    else:
        initializer = keras.initializers.get(_INITIALIZERS.get(name, name))
    config = initializer.get_config()
    if "seed" in config:
        config["seed"] = int(np.random.SeedSequence([seed, index]).generate_state(1)[0] >> 1)  # Keras needs 31 bits
    return type(initializer).from_config(config)


def build_optimizer(preset: Preset) -> keras.optimizers.Optimizer:
    """Returns the preset's Keras optimizer. `OPTIMIZER_DEFAULTS` apply unless the preset overrides them."""
    arguments = {**OPTIMIZER_DEFAULTS.get(preset.optimizer, {}), **dict(preset.optimizer_arguments)}
    config = {"learning_rate": preset.learning_rate, **arguments}
    return keras.optimizers.get({"class_name": preset.optimizer, "config": config})


def is_weight_matrix(variable: keras.Variable | tf.Tensor) -> bool:
    """Returns whether the variable is a weight matrix.

    Weight decay applies only to weight matrices, not to biases or normalization parameters.
    """
    return len(variable.shape) == 2


def cross_entropy(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Returns the mean softmax cross-entropy in nats as a float32 scalar.

    Args:
        logits: float32 [n, classes].
        labels: int32 [n].
    """
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))


def smoothed_cross_entropy(logits: tf.Tensor, labels: tf.Tensor, smoothing: tf.Tensor) -> tf.Tensor:
    """Returns the mean softmax cross-entropy with label smoothing, in nats, as a float32 scalar.

    Args:
        logits: float32 [n, classes].
        labels: int32 [n].
        smoothing: float32 scalar, the fraction of each label that is spread evenly over all classes.
    """
    classes = logits.shape[1]
    smoothed = (1.0 - smoothing) * tf.one_hot(labels, classes) + smoothing / classes
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels=smoothed, logits=logits))


def l2_norm_penalty(weights: Sequence[keras.Variable | tf.Tensor], counts: Sequence[int]) -> tf.Tensor:
    """Returns half the squared L2 norm, summed over all weight matrices, as a float32 scalar.

    The loss includes this value times the preset's weight decay.

    Args:
        weights: weight matrices from input to output, and any other variables, which are ignored.
        counts: how often each weight matrix counts, see `Preset.penalty_counts`.
    """
    matrices = filter(is_weight_matrix, weights)
    return tf.add_n([times(count, tf.nn.l2_loss(matrix)) for count, matrix in zip(counts, matrices, strict=True)])


def times(count: int, value: tf.Tensor) -> tf.Tensor:
    """Returns the product. A factor of 1 adds nothing to the compiled program."""
    return value if count == 1 else count * value
