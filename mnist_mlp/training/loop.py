"""The training loop: trains a preset and yields one EpochResult per epoch.

Results are bit-identical for the same preset, seed and machine. Shuffles, dropout masks and data augmentation depend
only on the seed, epoch and step. Apart from the initial weights, nothing else is random.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from mnist_mlp.data.deskewing import as_seen_by
from mnist_mlp.data.images import LabeledImages, TrainingData
from mnist_mlp.presets.hyperparameter import Role
from mnist_mlp.presets.preset import Preset
from mnist_mlp.training.compile_key import CompileKey, settings_of
from mnist_mlp.training.compiled_epoch import compiled_epoch
from mnist_mlp.training.layer_statistics import layer_monitor
from mnist_mlp.training.learning_rates import rates_of
from mnist_mlp.training.model import build_model
from mnist_mlp.training.results import EpochResult, Metrics, TrainingState
from mnist_mlp.training.training_step import StepInputs, step_inputs


def train(
    preset: Preset, seed: int, data: TrainingData, resume_from: TrainingState | None = None
) -> Iterator[EpochResult]:
    """Trains a preset and yields the result of each epoch. Stops early if training diverges.

    Args:
        preset: the preset to train.
        seed: 0 to 2**32 - 1. Determines initial weights, shuffles, dropout masks and data augmentation.
        data: training and validation images, before preprocessing.
        resume_from: a state to continue from, with the same preset and seed; None starts at epoch 1.
    """
    data = _preprocessed(settings_of(preset, Role.IMAGES), data)
    network = compiled_epoch(CompileKey.of(preset), data).network
    state = resume_from or network.initial_state(build_model(preset, seed, data.data_set).get_weights())
    inputs = step_inputs(preset, seed)
    for _ in range(state.epoch, preset.epochs):
        result = _train_epoch(preset, seed, data, state, inputs)
        state = result.state
        yield result
        if result.diverged:
            return


def _train_epoch(
    preset: Preset, seed: int, data: TrainingData, state: TrainingState, inputs: StepInputs
) -> EpochResult:
    started = time.perf_counter()
    key, epoch, images = CompileKey.of(preset), state.epoch + 1, len(data.train)
    program, monitor = compiled_epoch(key, data), layer_monitor(key, data)
    program.trace(inputs)
    monitor.trace_in_background(preset.batch_size, inputs)
    program.network.set_state(state)
    rates = rates_of(preset, epoch, program.steps)
    sums = program.run(order=shuffle(images, seed, epoch), epoch=epoch, rates=rates, inputs=inputs)
    l2_penalty = preset.weight_decay * float(sums.unit_penalty)
    state = program.network.state_after(epoch)
    layers, histograms = monitor.measure(
        next_batch=shuffle(images, seed, epoch + 1)[: preset.batch_size],
        next_epoch=epoch + 1,
        next_rate=rates_of(preset, epoch + 1, program.steps)[0] if epoch < preset.epochs else rates[-1],
        inputs=inputs,
        weight_decays=[preset.weight_decay * count for count in preset.penalty_counts],
    )
    return EpochResult(
        seconds=time.perf_counter() - started,
        learning_rate=float(rates[-1]),
        train=Metrics(
            cross_entropy=float(sums.train_cross_entropy),
            l2_penalty=l2_penalty,
            accuracy=int(sums.train_correct) / program.images_per_epoch,
        ),
        validation=Metrics(
            cross_entropy=float(sums.validation_cross_entropy),
            l2_penalty=l2_penalty,
            accuracy=int(sums.validation_correct) / len(data.validation),
        ),
        layers=layers,
        histograms=histograms,
        state=state,
    )


def shuffle(images: int, seed: int, epoch: int) -> np.ndarray:
    """Returns the order of the training images in an epoch: int32 [images], a permutation."""
    return np.random.Generator(np.random.PCG64([seed, epoch])).permutation(np.arange(images, dtype=np.int32))


@functools.lru_cache(maxsize=6)  # original images, deskewed images, or both, each with and without a final fit
def _preprocessed(image_settings: tuple[tuple[str, Any], ...], data: TrainingData) -> TrainingData:
    """Returns the preprocessed images. In a final fit, the training images include the validation images.

    Args:
        image_settings: (name, value) pairs of the hyperparameters that affect preprocessing. Presets with
            the same values share the images.
        data: images before preprocessing.
    """
    preset = Preset(**dict(image_settings))
    train, validation = (as_seen_by(preset, images, data.data_set) for images in (data.train, data.validation))
    if preset.final_fit:
        train = LabeledImages(
            pixels=np.concatenate([train.pixels, validation.pixels]),
            labels=np.concatenate([train.labels, validation.labels]),
        )
    return TrainingData(train=train, validation=validation, data_set=data.data_set)
