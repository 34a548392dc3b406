"""Trains a preset with PyTorch, tuned for CPUs: data in tensors, fused Adam, eager or with a compiled step."""

from __future__ import annotations

import itertools

import torch
from torch import nn
from torch.nn import functional

from benchmarks.contenders.protocol import Task, TrainEpochs, serve
from mnist_mlp.data.dataset import MNIST
from mnist_mlp.data.images import LabeledImages
from mnist_mlp.data.loading import load_training_data
from mnist_mlp.presets.preset import Preset


def prepare(task: Task) -> TrainEpochs:
    configure(task.threads)
    torch.manual_seed(task.seed)
    data, preset = load_training_data(task.data_dir), task.preset
    pixels, labels = _tensors(data.train)
    validation_pixels, validation_labels = _tensors(data.validation)
    model = _network(preset)
    matrices = [parameter for parameter in model.parameters() if parameter.dim() == 2]
    biases = [parameter for parameter in model.parameters() if parameter.dim() == 1]
    # Adam's weight_decay adds weight_decay * weight to the gradient, which is the gradient of the L2 penalty.
    groups = [{"params": matrices, "weight_decay": preset.weight_decay}, {"params": biases}]
    optimizer = torch.optim.Adam(groups, lr=preset.learning_rate, eps=1e-8, fused=True)

    def loss_and_correct(batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits, targets = model(pixels[batch]), labels[batch]
        return functional.cross_entropy(logits, targets), (logits.argmax(1) == targets).sum()

    if task.variant == "compiled":
        loss_and_correct = torch.compile(loss_and_correct)

    def train_epoch() -> None:
        model.train()
        loss_sum, correct_sum = torch.zeros(()), torch.zeros((), dtype=torch.int64)
        order = torch.randperm(len(pixels))
        for step in range(len(pixels) // preset.batch_size):
            batch = order[step * preset.batch_size : (step + 1) * preset.batch_size]
            optimizer.zero_grad(set_to_none=True)
            loss, correct = loss_and_correct(batch)
            loss.backward()
            optimizer.step()
            loss_sum += loss.detach()
            correct_sum += correct
        loss_sum.item(), correct_sum.item()

    def validation() -> tuple[float, float]:
        """Returns (loss, accuracy)."""
        model.eval()
        with torch.inference_mode():
            logits = model(validation_pixels)
            penalty = preset.weight_decay / 2 * sum(matrix.square().sum() for matrix in matrices)
            loss = functional.cross_entropy(logits, validation_labels) + penalty
            return loss.item(), (logits.argmax(1) == validation_labels).float().mean().item()

    def train_epochs(epochs: int) -> float:
        for _ in range(epochs):
            train_epoch()
            _, accuracy = validation()
        return accuracy

    return train_epochs


def configure(threads: int) -> None:
    """Sets the number of threads, and flushes denormal numbers to zero, as TensorFlow and JAX do.

    Weight decay makes many of Adam's averages denormal, and these are slow on Intel processors: after some epochs, an
    epoch would take several times as long. PyTorch's threads inherit the setting, so it comes before their start.

    Raises:
        RuntimeError: the processor does not support this.
    """
    if not torch.set_flush_denormal(True):
        raise RuntimeError("this processor cannot flush denormal numbers to zero")
    torch.set_num_threads(threads)


def _tensors(images: LabeledImages) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor(images.pixels, dtype=torch.float32) / 255, torch.tensor(images.labels, dtype=torch.int64)


def _network(preset: Preset) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(MNIST.layer_sizes(preset)):
        layer = nn.Linear(inputs, outputs)
        if preset.weight_init == "he":
            nn.init.kaiming_normal_(layer.weight)
        else:
            nn.init.xavier_uniform_(layer.weight)
        nn.init.normal_(layer.bias)
        layers += [layer, nn.ReLU()]
        if preset.dropout:
            layers.append(nn.Dropout(preset.dropout))
    return nn.Sequential(*layers[: -2 if preset.dropout else -1])  # no ReLU or dropout after the logits


if __name__ == "__main__":
    serve(prepare)
