"""The registry of the report's figures: drawing, removal of old files and the page all read it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mnist_mlp.drawing.style import Picture, draw
from mnist_mlp.report.content import ReportContent

ENDINGS = ("png", "svg")


class Section(StrEnum):
    """A section of the page; the value is its anchor."""

    RESULT = "result"
    STUDIES = "studies"
    IMPORTANCE = "importance"
    QUESTIONS = "questions"
    BEST = "best"
    RUNS = "runs"


@dataclass(frozen=True)
class RegisteredFigure:
    """A figure of the report.

    Attributes:
        name: of its files, without the ending.
        alt: alternative text for people who cannot see it.
        section: where the page shows it.
        is_in_text: whether the page's template places it itself; other figures come at the end of their section.
        picture: makes it from the content, or None if there is nothing to draw.
    """

    name: str
    alt: str
    section: Section
    is_in_text: bool
    picture: Callable[[ReportContent], Picture | None]


@dataclass(frozen=True)
class Family:
    """Figures whose number depends on the runs; the page's template places them.

    Attributes:
        names: what their names are.
        is_numbered: whether there may be several of a name; further ones end in _2, _3, ...
        pictures: makes them from the content, by name.
    """

    names: Callable[[], Iterable[str]]
    is_numbered: bool
    pictures: Callable[[ReportContent], dict[str, Picture]]


FIGURES: dict[str, RegisteredFigure] = {}
FAMILIES: list[Family] = []


def figure(
    name: str, *, alt: str, section: Section, is_in_text: bool = False
) -> Callable[[Callable[[ReportContent], Picture | None]], Callable[[ReportContent], Picture | None]]:
    """Registers the function below as a figure of the report; the arguments are those of `RegisteredFigure`."""

    def register(picture: Callable[[ReportContent], Picture | None]) -> Callable[[ReportContent], Picture | None]:
        if name in FIGURES:
            raise ValueError(f"two figures are named {name}")
        FIGURES[name] = RegisteredFigure(name, alt, section, is_in_text, picture)
        return picture

    return register


def family(
    names: Callable[[], Iterable[str]], *, is_numbered: bool = False
) -> Callable[[Callable[[ReportContent], dict[str, Picture]]], Callable[[ReportContent], dict[str, Picture]]]:
    """Registers the function below as a family of figures; the arguments are those of `Family`."""

    def register(pictures: Callable[[ReportContent], dict[str, Picture]]) -> Callable:
        FAMILIES.append(Family(names, is_numbered, pictures))
        return pictures

    return register


def draw_all(content: ReportContent, folder: Path) -> dict[str, bytes]:
    """Draws every figure that the content has something for; returns the SVG by name."""
    pictures = {name: picture for members in FAMILIES for name, picture in members.pictures(content).items()}
    for registered in FIGURES.values():
        if registered.name in pictures:
            raise ValueError(f"two figures are named {registered.name}")
        picture = registered.picture(content)
        if picture:
            pictures[registered.name] = picture
    return {name: draw(folder / name, picture) for name, picture in pictures.items()}


def remove_drawn(folder: Path) -> None:
    """Removes the figures of an earlier report, so that no figure of a study that no longer exists remains."""
    names = [re.escape(name) for name in FIGURES]
    for members in FAMILIES:
        number = r"(_\d+)?" if members.is_numbered else ""
        names += [re.escape(name) + number for name in members.names()]
    ours = re.compile(rf"({'|'.join(names)})\.({'|'.join(ENDINGS)})")
    for path in folder.iterdir():
        if ours.fullmatch(path.name):
            path.unlink(missing_ok=True)  # another report may have been faster
