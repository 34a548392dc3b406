"""Tests that only graphical browsers are started, with executables that stand for browsers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import PROJECT

ADDRESS = "http://localhost:6006/"


def opened(folder: Path, *programs: str, **environment: str) -> list[str]:
    """Returns what was started: "program address" for each of these programs."""
    for program in programs:
        path = folder / program
        path.write_text(f'#!/bin/sh\nfor last; do :; done\necho "{program} $last" >> "{folder}/log"\n')
        path.chmod(0o755)
    code = f"from mnist_mlp.console.browser import open_in_browser; open_in_browser({ADDRESS!r})"
    inherited = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    search = {"PATH": f"{folder}:/bin", "TERM": "xterm"}
    given = {name: value.replace("FOLDER", str(folder)) for name, value in environment.items()}
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, env={**inherited, **search, **given}, capture_output=True, text=True
    )
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")
    log = folder / "log"
    return log.read_text().splitlines() if log.exists() else []


@pytest.mark.parametrize(
    "environment",
    [{}, {"DISPLAY": ":0"}, {"BROWSER": "w3m"}, {"BROWSER": "FOLDER/lynx %s"}, {"BROWSER": "missing", "DISPLAY": ":0"}],
    ids=str,
)
def test_text_browser_is_not_started(tmp_path, environment):
    assert opened(tmp_path, "w3m", "lynx", "links", "www-browser", **environment) == []


REGISTERED = """
import webbrowser
webbrowser.register("mine", None, webbrowser.GenericBrowser(["FOLDER/mine", "%s"]), preferred=True)
"""


@pytest.mark.parametrize(("display", "started"), [({}, []), ({"DISPLAY": ":0"}, [f"mine {ADDRESS}"])])
def test_without_display_no_browser_is_started(tmp_path, display, started):
    (tmp_path / "sitecustomize.py").write_text(REGISTERED.replace("FOLDER", str(tmp_path)))
    assert opened(tmp_path, "mine", PYTHONPATH="FOLDER", **display) == started


@pytest.mark.parametrize("command", ["FOLDER/editor", "FOLDER/editor %s"])
def test_browser_variable_is_used_without_display(tmp_path, command):
    assert opened(tmp_path, "editor", "w3m", BROWSER=command) == [f"editor {ADDRESS}"]
