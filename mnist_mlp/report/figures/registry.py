"""The registry of the report's figures, used to draw them, to remove old files, and to build the page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mnist_mlp.drawing.style import Drawn, Picture, draw
from mnist_mlp.report.content import ReportContent

EXTENSIONS = ("png", "svg")


class Section(StrEnum):
    """A section of the page. The value is its HTML anchor."""

    RESULT = "result"
    STUDIES = "studies"
    QUESTIONS = "questions"
    BEST = "best"
    RUNS = "runs"


@dataclass(frozen=True)
class RegisteredFigure:
    """A figure of the report.

    Attributes:
        name: file name, without the extension.
        section: the section of the page that shows it.
        is_in_text: whether the page template places it. Other figures are shown at the end of their section.
        picture: returns the figure for the content, or None if there is nothing to draw.
    """

    name: str
    section: Section
    is_in_text: bool
    picture: Callable[[ReportContent], Picture | None]


@dataclass(frozen=True)
class Family:
    """A group of figures whose number depends on the runs. The page template places them.

    Attributes:
        names: returns the names of the figures.
        is_numbered: whether several figures may share a base name. The second gets the suffix _2, the third _3, ...
        pictures: returns the figures for the content, by name.
    """

    names: Callable[[], Iterable[str]]
    is_numbered: bool
    pictures: Callable[[ReportContent], dict[str, Picture]]


FIGURES: dict[str, RegisteredFigure] = {}
FAMILIES: list[Family] = []


def figure(
    name: str, *, section: Section, is_in_text: bool = False
) -> Callable[[Callable[[ReportContent], Picture | None]], Callable[[ReportContent], Picture | None]]:
    """Registers the decorated function as a figure of the report. For the arguments, see `RegisteredFigure`."""

    def register(picture: Callable[[ReportContent], Picture | None]) -> Callable[[ReportContent], Picture | None]:
        if name in FIGURES:
            raise ValueError(f"two figures are named {name}")
        FIGURES[name] = RegisteredFigure(name, section, is_in_text, picture)
        return picture

    return register


def family(
    names: Callable[[], Iterable[str]], *, is_numbered: bool = False
) -> Callable[[Callable[[ReportContent], dict[str, Picture]]], Callable[[ReportContent], dict[str, Picture]]]:
    """Registers the decorated function as a family of figures. For the arguments, see `Family`."""

    def register(pictures: Callable[[ReportContent], dict[str, Picture]]) -> Callable:
        FAMILIES.append(Family(names, is_numbered, pictures))
        return pictures

    return register


def draw_all(content: ReportContent, folder: Path) -> dict[str, Drawn]:
    """Draws all figures for which the content has data, and returns them by name."""
    pictures = {name: picture for members in FAMILIES for name, picture in members.pictures(content).items()}
    for registered in FIGURES.values():
        if registered.name in pictures:
            raise ValueError(f"two figures are named {registered.name}")
        picture = registered.picture(content)
        if picture:
            pictures[registered.name] = picture
    return {name: draw(folder / name, picture) for name, picture in pictures.items()}


def remove_drawn(folder: Path) -> None:
    """Removes the figures of an earlier report, because some of its studies may no longer exist."""
    names = [re.escape(name) for name in FIGURES]
    for members in FAMILIES:
        number = r"(_\d+)?" if members.is_numbered else ""
        names += [re.escape(name) + number for name in members.names()]
    ours = re.compile(rf"({'|'.join(names)})\.({'|'.join(EXTENSIONS)})")
    for path in folder.iterdir():
        if ours.fullmatch(path.name):
            path.unlink(missing_ok=True)  # another process may have removed it
