"""Tests line styles and figure files."""

from __future__ import annotations

import io

from PIL import Image

from mnist_mlp.drawing.style import Picture, draw, look, png_for_tensorboard, title

PICTURE = Picture(2.9, lambda figure: title(figure, "Finding", "Subtitle"))


def test_280_line_styles_are_different():
    assert len({look(index) for index in range(280)}) == 280


def test_drawing_the_same_picture_twice_gives_identical_files(tmp_path):
    svg = draw(tmp_path / "one.two", PICTURE)
    assert svg == draw(tmp_path / "other", PICTURE)
    assert (tmp_path / "one.two.svg").read_bytes() == svg
    assert (tmp_path / "one.two.png").read_bytes() == (tmp_path / "other.png").read_bytes()
    assert Image.open(tmp_path / "other.png").size == (1044, 522)  # 5.8 by 2.9 inches at 180 dpi


def test_tensorboard_picture_is_smaller_with_the_same_aspect_ratio():
    assert Image.open(io.BytesIO(png_for_tensorboard(PICTURE))).size == (575, 287)
