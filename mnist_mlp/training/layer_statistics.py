"""Statistics and histograms of each layer after an epoch.

Gradients and updates are measured by running the next training step and undoing it, so the network's variables do not
change.
"""

from __future__ import annotations

import contextlib
import functools
import math
import threading
from collections.abc import Sequence

import numpy as np

from mnist_mlp.data.images import TrainingData
from mnist_mlp.data.randomness import fold
from mnist_mlp.libraries.quiet_tensorflow import keras, tf
from mnist_mlp.training.compile_key import CompileKey
from mnist_mlp.training.compiled_epoch import CompiledEpoch, compiled_epoch, epoch_key
from mnist_mlp.training.model import is_weight_matrix
from mnist_mlp.training.results import LayerStatistics
from mnist_mlp.training.training_step import StepInputs

IMAGES_FOR_ACTIVATIONS = 1000  # validation images used for activation statistics
IMAGES_IN_HISTOGRAMS = 100  # how many of them also go into the activation histograms
HISTOGRAM_BUCKETS = 30  # TensorBoard's default


@functools.lru_cache(maxsize=4)
def layer_monitor(key: CompileKey, data: TrainingData) -> LayerMonitor:
    """Returns the monitor for this key and data; built on the first call, then cached."""
    return LayerMonitor(compiled_epoch(key, data))


class LayerMonitor:
    """Measures the layers of the network that a compiled epoch trains."""

    def __init__(self, epoch: CompiledEpoch) -> None:
        self._network, self._images, self._step = epoch.network, epoch.images, epoch.step
        self._is_traced = False
        # XLA is off because compiling takes seconds. AutoGraph is off because there is no loop to convert.
        self._measure = tf.function(self._activations_and_statistics, autograph=False)

    def trace_in_background(self, batch_size: int, inputs: StepInputs) -> None:
        """Starts to convert the measurement to a graph in a thread. Has no effect the second time.

        This takes about a second of Python, which is free while XLA compiles the epoch. `measure` waits for it.
        """
        if not self._is_traced:
            self._is_traced = True
            threading.Thread(target=self._trace, args=(batch_size, inputs), daemon=True).start()

    def _trace(self, batch_size: int, inputs: StepInputs) -> None:
        specs = [tf.TensorSpec([batch_size], tf.int32), tf.TensorSpec([], tf.uint32), tf.TensorSpec([], tf.float32)]
        with contextlib.suppress(Exception):  # `measure` raises it again
            self._measure.get_concrete_function(*specs, inputs)

    def measure(
        self,
        next_batch: np.ndarray,
        next_epoch: int,
        next_rate: float,
        inputs: StepInputs,
        weight_decays: Sequence[float],
    ) -> tuple[dict[str, LayerStatistics], dict[str, np.ndarray]]:
        """Returns the statistics by layer name, and histograms in the format of `EpochResult.histograms`.

        Args:
            next_batch: int32 [batch size], indices of the training images of the next step.
            next_epoch: epoch number of the next step.
            next_rate: learning rate of the next step.
            inputs: tensor inputs of the step.
            weight_decays: weight decay of each layer, for the L2 penalty.
        """
        matrices = {layer.name: layer.kernel.numpy() for layer in self._network.dense_layers}
        activations, rows = self._measure(
            tf.constant(next_batch), tf.constant(next_epoch, tf.uint32), tf.constant(next_rate, tf.float32), inputs
        )
        statistics, histograms = {}, {}
        rows = rows.numpy().tolist()
        for name, layer_activations, row, decay in zip(matrices, activations, rows, weight_decays, strict=True):
            statistics[name] = _statistics(*row, weight_decay=decay)
            for kind, values in (("weights", matrices[name]), ("activations", layer_activations.numpy())):
                if np.isfinite(values).all():
                    counts, edges = np.histogram(values, HISTOGRAM_BUCKETS)
                    histograms[f"{kind}/{name}"] = np.stack([edges[:-1], edges[1:], counts], axis=1)
        return statistics, histograms

    def _activations_and_statistics(
        self, next_batch: tf.Tensor, next_epoch: tf.Tensor, next_rate: tf.Tensor, inputs: StepInputs
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Returns ([images, units] activations of each dense layer, float32 [layers, 6] statistics), in layer order."""
        outputs = self._layer_outputs()
        variables = self._network.variables
        before = [tf.identity(variable) for variable in variables]
        matrices = [layer.kernel for layer in self._network.dense_layers]
        matrices_before = [tf.identity(matrix) for matrix in matrices]
        step_key = fold(epoch_key(inputs.seed, next_epoch), tf.constant(0))
        images, labels = self._images.training_batch(next_batch, step_key, inputs)
        result = self._step(images, labels, step_key, next_rate, inputs)
        gradients = [gradient for gradient in result.gradients if is_weight_matrix(gradient)]
        statistics = [
            (*_moments(output), _dead_fraction(output), tf.norm(gradient), tf.norm(old), tf.norm(new - old))
            for output, gradient, old, new in zip(outputs, gradients, matrices_before, matrices, strict=True)
        ]
        statistics = tf.stack([tf.stack(row) for row in statistics])
        with tf.control_dependencies([statistics]):  # undo the step
            for variable, value in zip(variables, before, strict=True):
                variable.assign(value)
        return [output[:IMAGES_IN_HISTOGRAMS] for output in outputs], statistics

    def _layer_outputs(self) -> list[tf.Tensor]:
        """Returns the output of each dense layer after normalization and activation, without dropout."""
        outputs, activations = [], self._images.validation_images(IMAGES_FOR_ACTIVATIONS)
        for layer in self._network.model.layers:
            activations = layer(activations, training=False)
            if isinstance(layer, keras.layers.Dense):
                outputs.append(activations)
            elif outputs:
                outputs[-1] = activations  # a separate normalization or activation layer
        return outputs


def _statistics(
    mean: float,
    std: float,
    dead_units: float,
    gradient_norm: float,
    weight_norm: float,
    update_norm: float,
    *,
    weight_decay: float,
) -> LayerStatistics:
    return LayerStatistics(
        activation_mean=mean,
        activation_std=std,
        dead_units=dead_units,
        gradient_norm=gradient_norm,
        weight_norm=weight_norm,
        update_ratio=update_norm / weight_norm if weight_norm else math.nan,
        l2_penalty=weight_decay * weight_norm**2 / 2,
    )


def _moments(activations: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return tf.reduce_mean(activations), tf.math.reduce_std(activations)


def _dead_fraction(activations: tf.Tensor) -> tf.Tensor:
    is_dead = tf.reduce_max(activations, axis=0) == tf.reduce_min(activations, axis=0)
    return tf.reduce_mean(tf.cast(is_dead, tf.float32))
