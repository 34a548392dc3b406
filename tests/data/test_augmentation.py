"""Tests data augmentation against an independent NumPy and SciPy implementation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from matplotlib.image import imread
from scipy.ndimage import map_coordinates

from mnist_mlp.data import augmentation
from mnist_mlp.data.augmentation import deformed
from mnist_mlp.data.sampling import with_neighbors
from mnist_mlp.libraries.quiet_tensorflow import tf
from tests.helpers import mix, only_line

KEY = 12345
STRENGTHS = {"rotation": 15.0, "scaling": 0.15, "shear": 0.2, "shift": 2.0, "elastic": 1.4}
# Values increase by 9 per row, so a sampled value shows its source row.
ROWS = np.repeat(np.arange(28, dtype=np.uint8) * 9, 28)[np.newaxis]


def augmented(pixels: np.ndarray, strengths: dict[str, float], key: int = KEY) -> np.ndarray:
    values = tf.constant([strengths.get(name, 0.0) for name in augmentation.DEFORMATIONS], tf.float32)
    batch = tf.range(len(pixels))
    return deformed(tf.constant(with_neighbors(pixels)), batch, tf.constant(key, tf.uint32), values).numpy()


def augmented_by_scipy(pixels: np.ndarray, strengths: dict[str, float], key: int = KEY) -> np.ndarray:
    """Computes the same one image at a time, with explicit matrices, a Gaussian per grid point and SciPy."""
    rotation, scaling, shear, shift, elastic = (strengths.get(name, 0.0) for name in STRENGTHS)
    bits = mix(mix(np.arange(len(pixels) * 78, dtype=np.uint32)) ^ np.uint32(key))
    drawn = (2 * ((bits >> np.uint32(8)) / 2.0**24) - 1).reshape(len(pixels), 78)
    positions = np.mgrid[:28, :28].reshape(2, -1) - 13.5  # rows and columns relative to the center
    grid = [np.array([a, b]) - 13.5 for a in np.linspace(0, 27, 6) for b in np.linspace(0, 27, 6)]
    distances = [((positions - point[:, np.newaxis]) ** 2).sum(axis=0) for point in grid]
    gaussians = np.exp(-np.array(distances) / (2 * 4.0**2))
    gaussians /= np.sqrt((gaussians**2).sum(axis=0))
    images = []
    for image, numbers in zip(pixels, drawn, strict=True):
        turn, wider, taller, slant, down, across = numbers[:6]
        angle = math.radians(turn * rotation)
        rotate = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
        stretch = np.array([[1 + taller * scaling, 0], [slant * shear, 1 + wider * scaling]])
        moved = rotate @ stretch @ positions + 13.5 + shift * np.array([[down], [across]])
        moved += elastic * math.sqrt(3) * np.stack([numbers[6:42] @ gaussians, numbers[42:] @ gaussians])
        bordered = np.pad(image.reshape(28, 28).astype(np.float64), 20)
        images.append(map_coordinates(bordered, moved + 20, order=1, mode="nearest"))
    return np.array(images)


@pytest.mark.parametrize("strengths", [{name: value} for name, value in STRENGTHS.items()] + [STRENGTHS], ids=" ".join)
def test_augmentation_matches_scipy(small_data, strengths):
    pixels = small_data.train.pixels[:50]
    ours, theirs = augmented(pixels, strengths), augmented_by_scipy(pixels, strengths)
    np.testing.assert_allclose(ours, theirs, atol=0.1)  # on a scale of 255
    assert np.abs(ours - pixels).mean() > 2


def test_order_of_declarations_has_no_effect(small_data, monkeypatch):
    declared = augmented(small_data.train.pixels[:5], STRENGTHS)
    monkeypatch.setattr(augmentation, "DEFORMATIONS", augmentation.DEFORMATIONS[::-1])
    np.testing.assert_array_equal(augmented(small_data.train.pixels[:5], STRENGTHS), declared)


def test_zero_strengths_leave_images_unchanged(small_data):
    np.testing.assert_array_equal(augmented(small_data.train.pixels, {}), small_data.train.pixels)


def test_batch_may_repeat_and_reorder_images(small_data):
    pixels = small_data.train.pixels
    batch = tf.constant([999, 0, 500, 0])
    found = deformed(tf.constant(with_neighbors(pixels)), batch, tf.constant(1, tf.uint32), tf.zeros(5))
    np.testing.assert_array_equal(found, pixels[batch.numpy()])


def test_augmentation_depends_only_on_key_and_position(small_data):
    same = np.repeat(small_data.train.pixels[:1], 2, axis=0)
    first, again, other = (augmented(same, STRENGTHS, key) for key in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).mean() > 2
    assert np.abs(first[0] - first[1]).mean() > 2


def test_elastic_displacements_have_given_strength_and_are_smooth():
    rows = (augmented(np.repeat(ROWS, 2000, axis=0), {"elastic": 1.4}) / 9).reshape(-1, 28, 28)[:, 7:21, 7:21]
    displacements = rows - np.arange(7, 21)[:, np.newaxis]
    spread = np.sqrt((displacements**2).mean(axis=0))
    assert spread.min() == pytest.approx(1.4, rel=0.1)
    assert spread.max() == pytest.approx(1.4, rel=0.1)
    neighbors = np.sqrt((np.diff(displacements, axis=2) ** 2).mean())
    assert neighbors < 0.4  # a Gaussian with sigma 4 changes by about a sixth of its height per pixel


def test_shifts_are_uniform_up_to_their_strength():
    rows = (augmented(np.repeat(ROWS, 4000, axis=0), {"shift": 3.0}) / 9).reshape(-1, 28, 28)
    shifts = rows[:, 14, 14] - 14
    assert np.abs(shifts).max() <= 3.0 + 1e-4
    assert shifts.mean() == pytest.approx(0, abs=0.15)
    assert shifts.std() == pytest.approx(3 / math.sqrt(3), rel=0.05)


def test_pixels_from_outside_the_image_are_white():
    black = np.full((200, 784), 255, np.uint8)
    images = augmented(black, {"shift": 28.0})
    assert images.max() <= 255.0
    for side in (
        images.reshape(-1, 28, 28)[:, [0, -1]].max(axis=2),
        images.reshape(-1, 28, 28)[:, :, [0, -1]].max(axis=1),
    ):
        assert (side.min(axis=0) < 1e-3).all()
    assert (images == 0).mean() > 0.3


@pytest.mark.slow
def test_picture_has_one_row_per_kind_of_augmentation(script, tmp_path):
    command = ["-m", "experiments.draw_augmentation", "--output-dir", tmp_path]
    process = script(*command, "--preset", 71)  # shifts and rotates
    assert (process.returncode, process.stderr) == (0, "")
    digits = imread(tmp_path / "augmentation.png")[:, 160:, 0]
    original, *others = np.array_split(digits[: len(digits) // 7 * 7], 7)
    assert len({row.tobytes() for row in (original, *others)}) == 7
    assert all(abs(row.mean() / original.mean() - 1) < 0.02 for row in others)  # same amount of ink, in other places
    process = script(*command, "--preset", 38)
    assert process.returncode == 2
    assert only_line(process) == "Error: --preset 38 has no data augmentation; choose another preset, such as 80"


@pytest.mark.slow
def test_picture_of_preset_that_deskews_shows_deskewed_digits(script, tmp_path):
    process = script("-m", "experiments.draw_augmentation", "--output-dir", tmp_path, "--preset", 91)
    assert (process.returncode, process.stderr) == (0, "")
    digits = imread(tmp_path / "augmentation.png")[:, 160:, 0]
    original, upright, *alone = np.array_split(digits[: len(digits) // 10 * 10], 10)[:7]
    for row in alone:
        assert 0 < np.square(row - upright).mean() < np.square(row - original).mean()
