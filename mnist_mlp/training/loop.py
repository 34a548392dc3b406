"""(Preset, seed, data) -> one EpochResult per epoch.

Same preset, seed and machine: same bits. Shuffles, dropout masks and deformations are functions of seed, epoch and
step, and nothing else is drawn.
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
    """Trains the preset's network and yields each epoch's result; ends early where training diverges.

    Args:
        preset: what to train.
        seed: 0 to 2**32 - 1; decides initial weights, shuffles, dropout masks and deformations.
        data: to train and to validate on.
        resume_from: the state of a training of this preset and seed; None starts with epoch 1.
    """
    data = _prepared(settings_of(preset, Role.IMAGES), data)
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
    program = compiled_epoch(key, data)
    program.network.set_state(state)
    rates = rates_of(preset, epoch, program.steps)
    sums = program.run(order=shuffle(images, seed, epoch), epoch=epoch, rates=rates, inputs=inputs)
    l2_penalty = preset.weight_decay * float(sums.half_norm)
    state = program.network.state_after(epoch)
    layers, histograms = layer_monitor(key, data).measure(
        next_batch=shuffle(images, seed, epoch + 1)[: preset.batch_size],
        next_epoch=epoch + 1,
        next_rate=rates_of(preset, epoch + 1, program.steps)[0] if epoch < preset.epochs else rates[-1],
        inputs=inputs,
        weight_decay=preset.weight_decay,
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
    """Returns the order in which an epoch sees the training images: int32 [images], a permutation."""
    return np.random.Generator(np.random.PCG64([seed, epoch])).permutation(np.arange(images, dtype=np.int32))


@functools.lru_cache(maxsize=6)  # with and without a final fit: images as they are, deskewed, both side by side
def _prepared(image_settings: tuple[tuple[str, Any], ...], data: TrainingData) -> TrainingData:
    """Returns the images as the network sees them, in a final fit with the validation images to learn from too.

    Args:
        image_settings: (name, value) of the hyperparameters that decide about images; presets that agree in them share
            the images.
    """
    preset = Preset(**dict(image_settings))
    train, validation = (as_seen_by(preset, images, data.data_set) for images in (data.train, data.validation))
    if preset.final_fit:
        train = LabeledImages(
            pixels=np.concatenate([train.pixels, validation.pixels]),
            labels=np.concatenate([train.labels, validation.labels]),
        )
    return TrainingData(train=train, validation=validation, data_set=data.data_set)
