"""Gives runs short names in TensorBoard, which cuts long ones off: p19_s1602 for preset 19 with seed 1602."""

from __future__ import annotations

import atexit
import contextlib
import shutil
import tempfile
import threading
from pathlib import Path

from mnist_mlp.errors import UsageError
from mnist_mlp.runs.record import RunRecord
from mnist_mlp.runs.run_folder import find_runs

SECONDS_BETWEEN_UPDATES = 5.0  # as often as TensorBoard looks for new runs


def folder_with_short_names(runs_dir: Path) -> Path:
    """Returns a temporary directory with a link to the summaries of every run, named after its preset and seed.

    A thread adds and removes links as runs come and go. Returns the runs directory itself if links cannot be created,
    for example on Windows without developer mode.
    """
    names = ShortNames(runs_dir)
    try:
        names.update()
    except (OSError, NotImplementedError):
        names.remove()
        return runs_dir
    threading.Thread(target=names.keep_up_to_date, daemon=True).start()
    return names.folder


class ShortNames:
    """A temporary directory with links to the summaries of all runs. It is removed when the program ends."""

    def __init__(self, runs_dir: Path) -> None:
        self._runs_dir = runs_dir.absolute()
        self.folder = Path(tempfile.mkdtemp(prefix="tensorboard_"))
        self._links: dict[str, Path] = {}
        self._is_removed = False
        atexit.register(self.remove)

    def update(self) -> None:
        """Adds links for new runs, and removes those of runs that no longer exist.

        Raises:
            OSError, NotImplementedError: links cannot be created.
        """
        runs = {run.name: run for run in find_runs(self._runs_dir).runs}
        for name in self._links.keys() - runs.keys():
            self._links.pop(name).unlink(missing_ok=True)
        for name in sorted(runs.keys() - self._links.keys()):  # oldest first
            link = self._unused(_short_name(runs[name].record))
            link.symlink_to(runs[name].summaries, target_is_directory=True)
            self._links[name] = link

    def keep_up_to_date(self) -> None:
        """Updates the links until the program ends."""
        pause = threading.Event()
        while not self._is_removed:
            pause.wait(SECONDS_BETWEEN_UPDATES)
            with contextlib.suppress(OSError, UsageError):  # the runs directory may be unreadable for a moment
                self.update()

    def remove(self) -> None:
        """Removes the directory and its links, but nothing that they point to."""
        self._is_removed = True
        shutil.rmtree(self.folder, ignore_errors=True)

    def _unused(self, name: str) -> Path:
        """Returns the path of a link that does not exist: with a number if the seed was trained before."""
        path, number = self.folder / name, 1
        while path in self._links.values():
            number += 1
            path = self.folder / f"{name}_{number}"
        return path


def _short_name(record: RunRecord) -> str:
    changed = "_changed" if record.changed else ""
    return f"p{record.preset_number}{changed}_s{record.seed}"
