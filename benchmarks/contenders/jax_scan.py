"""Trains a preset with JAX: one compiled call per epoch, with `lax.scan` over the steps and including validation."""

from __future__ import annotations

import itertools
import os
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from benchmarks.contenders.protocol import Task, TrainEpochs, serve
from mnist_mlp.data.dataset import MNIST
from mnist_mlp.data.images import LabeledImages
from mnist_mlp.data.loading import load_training_data
from mnist_mlp.presets.preset import Preset

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8


def prepare(task: Task) -> TrainEpochs:
    os.environ["NPROC"] = str(task.threads)  # JAX reads it before its first operation, as its number of threads
    data, preset = load_training_data(task.data_dir), task.preset
    train, validation = _on_device(data.train), _on_device(data.validation)
    key, initial_key = jax.random.split(jax.random.key(task.seed, impl="rbg"))  # cheaper than threefry, the default
    parameters = _initial_parameters(preset, initial_key)
    zeros = jax.tree.map(jnp.zeros_like, parameters)
    state = (parameters, zeros, jax.tree.map(jnp.copy, zeros), jnp.zeros((), jnp.int32))
    run_epoch = jax.jit(partial(_epoch, preset), donate_argnums=0)

    def train_epochs(epochs: int) -> float:
        nonlocal state, key
        for _ in range(epochs):
            key, epoch_key = jax.random.split(key)
            state, metrics = run_epoch(state, epoch_key, train, validation)
            accuracy = [float(metric) for metric in metrics][-1]
        return accuracy

    return train_epochs


def _on_device(images: LabeledImages) -> tuple[jax.Array, jax.Array]:
    return jnp.asarray(images.pixels, jnp.float32) / 255, jnp.asarray(images.labels)


def _initial_parameters(preset: Preset, key: jax.Array) -> list[tuple[jax.Array, jax.Array]]:
    he, xavier = jax.nn.initializers.he_normal(), jax.nn.initializers.glorot_uniform()
    initial_weights = he if preset.weight_init == "he" else xavier
    parameters = []
    for inputs, outputs in itertools.pairwise(MNIST.layer_sizes(preset)):
        key, weight_key, bias_key = jax.random.split(key, 3)
        parameters.append((initial_weights(weight_key, (inputs, outputs)), jax.random.normal(bias_key, (outputs,))))
    return parameters


def _epoch(preset, state, key, train, validation):
    """Returns (state, (training loss, training accuracy, validation loss, validation accuracy))."""
    pixels, labels = train
    order_key, dropout_key = jax.random.split(key)
    steps = len(labels) // preset.batch_size
    order = jax.random.permutation(order_key, len(labels))[: steps * preset.batch_size]

    def step(state, batch_and_key):
        batch, step_key = batch_and_key
        differentiated = jax.value_and_grad(partial(_loss, preset), has_aux=True)
        (loss, accuracy), gradients = differentiated(state[0], pixels[batch], labels[batch], step_key)
        return _adam(preset, state, gradients), (loss, accuracy)

    state, metrics = lax.scan(step, state, (order.reshape(steps, -1), jax.random.split(dropout_key, steps)))
    validation_metrics = _loss(preset, state[0], *validation, None)
    return state, (*(metric.mean() for metric in metrics), *validation_metrics)


def _loss(preset, parameters, pixels, labels, key):
    """Returns (cross-entropy plus L2 penalty, accuracy). Without a key, there is no dropout."""
    activations = pixels
    for index, (weights, biases) in enumerate(parameters):
        activations = activations @ weights + biases
        if index == len(parameters) - 1:
            break
        activations = jax.nn.relu(activations)
        if preset.dropout and key is not None:
            key, layer_key = jax.random.split(key)
            kept = jax.random.bernoulli(layer_key, 1 - preset.dropout, activations.shape)
            activations = jnp.where(kept, activations / (1 - preset.dropout), 0)
    log_probabilities = jax.nn.log_softmax(activations)
    cross_entropy = -jnp.take_along_axis(log_probabilities, labels[:, None], axis=1).mean()
    penalty = preset.weight_decay / 2 * sum(jnp.square(weights).sum() for weights, _ in parameters)
    return cross_entropy + penalty, (activations.argmax(1) == labels).mean()


def _adam(preset, state, gradients):
    parameters, means, squares, steps = state
    steps = steps + 1
    means = jax.tree.map(lambda mean, gradient: BETA_1 * mean + (1 - BETA_1) * gradient, means, gradients)
    squares = jax.tree.map(lambda square, gradient: BETA_2 * square + (1 - BETA_2) * gradient**2, squares, gradients)
    rate = preset.learning_rate * jnp.sqrt(1 - BETA_2**steps) / (1 - BETA_1**steps)
    parameters = jax.tree.map(
        lambda parameter, mean, square: parameter - rate * mean / (jnp.sqrt(square) + EPSILON),
        parameters,
        means,
        squares,
    )
    return parameters, means, squares, steps


if __name__ == "__main__":
    serve(prepare)
