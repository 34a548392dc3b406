"""Tests line styles, headlines, and figure files."""

from __future__ import annotations

import io
import re

import pytest
from PIL import Image

from mnist_mlp.drawing.style import SMALL, WIDTH, Picture, draw, draw_figure, look, png_for_tensorboard


def paint(figure) -> None:
    figure.text(0.123456789, 0.5, "painted", fontsize=SMALL)


PICTURE = Picture("Finding", "What it shows\nin two lines", 2.5, paint)


def texts(picture: Picture) -> list[list[str]]:
    """Returns the lines of each text above the painted part."""
    above, below = draw_figure(picture).subfigs
    assert [text.get_text() for text in below.texts] == ["painted"]
    return [text.get_text().splitlines() for text in above.texts]


def test_280_line_styles_are_different():
    assert len({look(index) for index in range(280)}) == 280


def test_drawing_the_same_picture_twice_gives_identical_files(tmp_path):
    drawn = draw(tmp_path / "one.two", PICTURE)
    assert drawn == draw(tmp_path / "other", PICTURE)
    assert (tmp_path / "one.two.svg").read_text(encoding="utf-8") == drawn.svg
    assert (tmp_path / "one.two.png").read_bytes() == (tmp_path / "other.png").read_bytes()


def test_alt_text_is_headline_and_subtitle_on_one_line(tmp_path):
    assert draw(tmp_path / "one", PICTURE).alt == "Finding. What it shows in two lines"


def test_headline_and_subtitle_are_above_the_painted_part():
    assert texts(PICTURE) == [["Finding"], ["What it shows", "in two lines"]]
    figure = draw_figure(PICTURE)
    above, below = figure.subfigs
    assert below.bbox.height / figure.dpi == pytest.approx(2.5)  # the height that the picture asks for
    assert figure.get_size_inches()[0] == WIDTH
    boxes = [text.get_window_extent() for text in above.texts]
    assert above.bbox.y0 < boxes[1].y0 < boxes[1].y1 < boxes[0].y0 < boxes[0].y1 < above.bbox.y1


def test_long_headline_and_subtitle_are_wrapped_and_fit():
    headline, subtitle = "A headline of many letters " * 3, "Words of the subtitle that are wrapped too. " * 4
    lines = texts(Picture(headline, subtitle, 2.0, paint))
    assert [" ".join(found) for found in lines] == [headline.strip(), subtitle.strip()]
    assert all(len(found) > 1 for found in lines)
    figure = draw_figure(Picture(headline, subtitle, 2.0, paint))
    above, below = figure.subfigs
    for text in above.texts:
        box = text.get_window_extent()
        assert (box.x0 >= 0, box.x1 <= figure.bbox.width, box.y0 > above.bbox.y0) == (True, True, True)
    assert below.bbox.height / figure.dpi == pytest.approx(2.0)


def test_svg_has_text_in_common_fonts_and_no_digits_or_names_that_nothing_uses(tmp_path):
    svg = draw(tmp_path / "one", PICTURE).svg
    assert ">painted</text>" in svg
    assert "Verdana, sans-serif" in svg
    assert re.search(r' (d|x|y)="[^"]*\d\.\d[ "]', svg)
    assert not re.search(r' (d|x|y)="[^"]*\.\d\d', svg)
    assert "rotate(-0" not in svg
    used = set(re.findall(r"(?:url\(|href=\")#(\w+)", svg))
    assert set(re.findall(r' id="(\w+)"', svg)) <= used


def test_png_has_220_dots_per_inch_and_tensorboards_is_smaller_with_the_same_aspect_ratio(tmp_path):
    draw(tmp_path / "one", PICTURE)
    width, height = Image.open(tmp_path / "one.png").size
    assert width == round(WIDTH * 220)
    small_width, small_height = Image.open(io.BytesIO(png_for_tensorboard(PICTURE))).size
    assert small_width == round(WIDTH * 125)
    assert small_height == pytest.approx(height * 125 / 220, abs=1)
