"""Looks of lines, and files of figures."""

from __future__ import annotations

import io

from PIL import Image

from mnist_mlp.drawing.style import Picture, draw, look, png_for_tensorboard, title

PICTURE = Picture(2.9, lambda figure: title(figure, "Finding", "Subtitle"))


def test_280_looks_differ():
    assert len({look(index) for index in range(280)}) == 280


def test_the_same_picture_gives_the_same_png_and_svg(tmp_path):
    svg = draw(tmp_path / "one.two", PICTURE)
    assert svg == draw(tmp_path / "other", PICTURE)
    assert (tmp_path / "one.two.svg").read_bytes() == svg
    assert (tmp_path / "one.two.png").read_bytes() == (tmp_path / "other.png").read_bytes()
    assert Image.open(tmp_path / "other.png").size == (1044, 522)  # 5.8 by 2.9 inches at 180 dots


def test_picture_for_tensorboard_is_smaller_with_the_same_shape():
    assert Image.open(io.BytesIO(png_for_tensorboard(PICTURE))).size == (575, 287)
