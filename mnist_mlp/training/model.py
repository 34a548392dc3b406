"""Preset -> an ordinary Keras model, its optimizer and its loss."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mnist_mlp.presets.preset import Preset
from mnist_mlp.quiet_tensorflow import keras, tf

CLASSES = 10

# Of the 55,000 training images, a pixel from 0 to 1.
PIXEL_MEAN, PIXEL_DEVIATION = 0.130700, 0.308159

INPUT_DROPOUT = "dropout_pixels"
_NORMALIZATIONS = {"batch": keras.layers.BatchNormalization, "layer": keras.layers.LayerNormalization}

# Adam and Adadelta: TensorFlow 1's epsilon, which presets 1 to 37 ran under; Keras's 1e-7 alone changes what Adadelta
# does a lot. Adafactor: Keras's 1e-30 vanishes in XLA's float32, and the weights of always-black pixels become NaN.
OPTIMIZER_DEFAULTS = {"adam": {"epsilon": 1e-8}, "adadelta": {"epsilon": 1e-8}, "adafactor": {"epsilon_1": 1e-16}}


def build_model(preset: Preset, seed: int) -> keras.Sequential:
    """Returns the preset's network with its initial weights: float32 pixels in [0, 1], [n, pixels] -> logits [n, 10].

    Initial weights are functions of the seed and the place of the layer, so presets that share a layer's shape and
    initializer begin with the same weights there, and a comparison of the two is a comparison of what differs.
    """
    sizes = (*preset.hidden_sizes, CLASSES)
    layers: list[keras.layers.Layer] = [keras.Input((preset.layer_sizes[0],), name="pixels")]
    if preset.standardize:
        layers.append(keras.layers.Rescaling(1 / PIXEL_DEVIATION, -PIXEL_MEAN / PIXEL_DEVIATION, name="standardized"))
    if preset.input_dropout:
        layers.append(keras.layers.Dropout(preset.input_dropout, name=INPUT_DROPOUT))
    for index, units in enumerate(sizes, start=1):
        is_hidden = index < len(sizes)
        is_normalized = is_hidden and preset.normalization != "none"
        bias_initializer = _initializer(preset.bias_init, seed, 2 * index + 1)
        layers.append(
            keras.layers.Dense(
                units,
                activation=preset.activation if is_hidden and not is_normalized else None,
                use_bias=not is_normalized,
                kernel_initializer=_initializer(preset.weight_init, seed, 2 * index),
                bias_initializer=bias_initializer,
                name=f"hidden_{index}" if is_hidden else "logits",
            )
        )
        if is_normalized:
            normalization = _NORMALIZATIONS[preset.normalization]
            layers.append(normalization(beta_initializer=bias_initializer, name=f"normalization_{index}"))
            layers.append(keras.layers.Activation(preset.activation, name=f"activation_{index}"))
        if is_hidden and preset.dropout:
            layers.append(keras.layers.Dropout(preset.dropout, name=f"dropout_{index}"))
    return keras.Sequential(layers, name="mlp")


def _initializer(name: str, seed: int, place: int) -> keras.initializers.Initializer:
    if name == "normal":
        initializer = keras.initializers.RandomNormal(mean=0.0, stddev=1.0)
    else:
        initializer = keras.initializers.get(
            {"he": "he_normal", "xavier": "glorot_uniform", "default": "glorot_uniform"}.get(name, name)
        )
    config = initializer.get_config()
    if "seed" in config:
        config["seed"] = int(np.random.SeedSequence([seed, place]).generate_state(1)[0] >> 1)  # Keras wants 31 bits
    return type(initializer).from_config(config)


def build_optimizer(preset: Preset) -> keras.optimizers.Optimizer:
    """Returns the preset's Keras optimizer, with the arguments of `OPTIMIZER_DEFAULTS` where the preset gives none."""
    arguments = {**OPTIMIZER_DEFAULTS.get(preset.optimizer, {}), **dict(preset.optimizer_arguments)}
    config = {"learning_rate": preset.learning_rate, **arguments}
    return keras.optimizers.get({"class_name": preset.optimizer, "config": config})


def is_weight_matrix(variable: keras.Variable | tf.Tensor) -> bool:
    """Tells whether weight decay applies: to matrices, the output layer's too, and never to a bias."""
    return len(variable.shape) == 2


def cross_entropy(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Returns the mean softmax cross-entropy in nats: logits [n, 10], int32 labels [n] -> float32 scalar."""
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))


def smoothed_cross_entropy(logits: tf.Tensor, labels: tf.Tensor, smoothing: tf.Tensor) -> tf.Tensor:
    """Returns the mean cross-entropy of labels that spread this share of themselves evenly over the classes."""
    smoothed = (1.0 - smoothing) * tf.one_hot(labels, CLASSES) + smoothing / CLASSES
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels=smoothed, logits=logits))


def l2_norm_penalty(weights: Sequence[keras.Variable | tf.Tensor]) -> tf.Tensor:
    """Returns the sum over all weight matrices of half the squared norm, as a float32 scalar.

    The loss adds it times the preset's weight decay.
    """
    return tf.add_n([tf.nn.l2_loss(weight) for weight in weights if is_weight_matrix(weight)])
