"""Tests the benchmark's arithmetic and the experiments' command lines. Does not measure speed."""

from __future__ import annotations

import re

import numpy as np
import pytest

from benchmarks.lower_bound import epoch_flops
from experiments.held_out import split
from tests.helpers import only_line

from hyperparameters import PRESETS


def test_epoch_flops_of_preset_31():
    # 784-300-200-200-200-10: layers with 235200, 60000, 40000, 40000 and 2000 weights
    forward = 235_200 + 60_000 + 40_000 + 40_000 + 2_000
    training = 2 * 55_000 * (2 * forward + forward - 235_200)
    assert training == 98_604_000_000
    assert epoch_flops(PRESETS[31]) == training + 2 * 5_000 * forward


@pytest.mark.slow
def test_final_fit_does_not_train_on_held_out_images(script):
    command = ["-m", "experiments.held_out", 38, "hidden_sizes=(8,)", "epochs=1"]
    normal, final = (script(*command, *changes, "--seed", 3) for changes in ([], ["final_fit=True"]))
    assert (normal.returncode, normal.stderr, final.returncode) == (0, "", 0)
    *_, last_epoch, augmented = normal.stdout.splitlines()
    numbers = re.fullmatch(r"\| 38 \|.*\| 3 \| 1 \| (.*)% \| (\d+) \| (.*)% \|", last_epoch)
    assert float(numbers[3]) == round(100 * (1 - int(numbers[2]) / 15_000), 2) > 70
    mean_errors = re.fullmatch(
        r"Augmented errors: (.*) of 15,000 \(mean over 12 augmented copies of each image\)", augmented
    )
    assert int(numbers[2]) < float(mean_errors[1]) < 2 * int(numbers[2])
    *_, last_of_final, augmented_of_final = final.stdout.splitlines()
    assert last_of_final.endswith(f"| {numbers[1]}% | {numbers[2]} | {numbers[3]}% |")
    assert augmented_of_final == augmented


def test_other_writers_holds_out_every_other_block_of_the_second_source(data):
    pixels = np.concatenate([data.validation.pixels, data.train.pixels])
    held_out_split = split(data, other_writers=True)
    parts = [pixels[start + 1 : start + 5000 : 2] for start in range(0, 60_000, 10_000)]
    assert np.array_equal(held_out_split.validation.pixels, np.concatenate(parts))
    assert sorted(map(bytes, [*held_out_split.validation.pixels, *held_out_split.train.pixels])) == sorted(
        map(bytes, pixels)
    )

    def correlation_of_neighbors(pixels, labels):
        slants = slants_within_digits(pixels, labels)
        return np.corrcoef(slants[1:], slants[:-1])[0, 1]

    # Images of one writer are adjacent in the held-out images, but not in the training file.
    assert correlation_of_neighbors(held_out_split.validation.pixels, held_out_split.validation.labels) > 0.5
    first_source = slice(0, 53_000, 2)  # the file starts with the 5,000 validation images
    assert abs(correlation_of_neighbors(data.train.pixels[first_source], data.train.labels[first_source])) < 0.05


def slants_within_digits(pixels, labels):
    """Returns the slant of each image, from its second moments, minus the mean slant of all images of its digit."""
    ink = pixels.reshape(-1, 28, 28).astype(float)
    mass, (rows, columns) = ink.sum((1, 2)), np.mgrid[:28, :28]
    rows, columns = (
        positions - ((ink * positions).sum((1, 2)) / mass)[:, np.newaxis, np.newaxis] for positions in (rows, columns)
    )
    slants = (ink * rows * columns).sum((1, 2)) / (ink * rows**2).sum((1, 2))
    means = np.bincount(labels, slants) / np.bincount(labels)
    return slants - means[labels]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([74, "dropout"], "Error: 'dropout' is not a change to a preset; write changes like dropout=0.1"),
        ([74, "dropout=much"], "Error: dropout: must be a number that is at least 0 and less than 1, not 'much'"),
        ([74, "--seed", -1], "Error: --seed: must be a whole number from 0 to 4,294,967,295, not -1"),
        ([999], "Error: preset 999 does not exist; available: "),
    ],
)
def test_held_out_reports_usage_errors_in_one_line(script, arguments, line):
    process = script("-m", "experiments.held_out", *arguments)
    assert (process.returncode, process.stdout) == (2, "")
    assert only_line(process).startswith(line)


NEED_NUMPY = "experiments.held_out experiments.replicate_2020 experiments.draw_augmentation benchmarks.speed".split()


@pytest.mark.parametrize("module", [*NEED_NUMPY, "experiments.deformations"])
def test_help_works(script, module):
    process = script("-m", module, "--help")
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.startswith("usage: ")


@pytest.mark.parametrize("module", NEED_NUMPY)
def test_missing_package_is_reported_in_one_line(script, tmp_path, module):
    (tmp_path / "numpy.py").write_text("raise ModuleNotFoundError(\"No module named 'numpy'\", name='numpy')")
    process = script("-m", module, "--help", PYTHONPATH=str(tmp_path))
    assert process.returncode == 2
    assert only_line(process).startswith("Error: numpy is not installed for ")


def test_evaluation_benchmark_needs_another_checkout(script, tmp_path):
    process = script("-m", "benchmarks.evaluation", tmp_path)
    assert (process.returncode, process.stdout) == (2, "")
    assert only_line(process) == f"Error: {tmp_path} has no MNIST_eval.py; name a checkout of this project"


def test_importing_modules_does_not_install_error_hook(script):
    code = "import sys; before = sys.excepthook; import experiments.held_out, benchmarks.speed"
    process = script("-c", f"{code}; assert sys.excepthook is before")
    assert (process.returncode, process.stderr) == (0, "")


def test_unknown_option_error_names_help_command(script):
    process = script("-m", "experiments.held_out", 74, "--sead", 1)
    assert (process.returncode, " -m experiments.held_out --help)" in only_line(process)) == (2, True)
