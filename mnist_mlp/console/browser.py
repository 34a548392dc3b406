"""Opens a page in the user's browser, but never a text browser, which would take over the terminal."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
import webbrowser
from pathlib import Path

TEXT_BROWSERS = {"www-browser", "links", "links2", "elinks", "lynx", "w3m", "browsh", "carbonyl"}


def open_in_browser(address: str) -> None:
    """Opens the address in a graphical browser. Does nothing if there is none, for example on a server."""
    if not _has_display() and not os.environ.get("BROWSER"):  # editors set BROWSER to open pages on the user's machine
        return
    with contextlib.suppress(webbrowser.Error):
        browser = webbrowser.get()
        if not _is_text_browser(browser):
            browser.open(address)


def _has_display() -> bool:
    is_desktop = sys.platform in ("darwin", "win32")
    return is_desktop or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _is_text_browser(browser: webbrowser.BaseBrowser) -> bool:
    command = shlex.split(getattr(browser, "name", ""))[:1]
    return any(
        Path(program).resolve().name in TEXT_BROWSERS or Path(program).name in TEXT_BROWSERS for program in command
    )
