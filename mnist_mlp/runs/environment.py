"""Where a run is trained: package versions and the machine. Does not import TensorFlow."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mnist_mlp.host.gpus import visible_gpus

PACKAGES = ("tensorflow", "keras", "numpy", "tensorboard")

# The packages that compute: other versions can round differently.
COMPUTING = {"tensorflow": "TensorFlow", "keras": "Keras", "numpy": "NumPy"}


def current_versions() -> dict[str, str]:
    """Returns the versions of Python and the main packages, by name."""
    return {
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in PACKAGES},
    }


def current_machine() -> dict[str, Any]:
    """Returns the operating system, the processor's architecture and model, the number of cores, and the GPUs."""
    return {
        "system": platform.platform(),
        "processor": platform.machine(),
        "model": _processor_model(),
        "cores": os.cpu_count(),
        "gpu": visible_gpus() or "none",
    }


def changes_of_results(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> str:
    """Returns what differs between two parts of a run and can change the last bits of its results; "" if nothing does.

    Values that a record of an older version does not have are not compared. The number of cores does not matter,
    because a resumed run uses the number of threads in its record.
    """
    pairs = [(title, *(part["versions"].get(name) for part in (earlier, later))) for name, title in COMPUTING.items()]
    pairs.append(("operating system", *(_system(part["machine"]) for part in (earlier, later))))
    for key, title in (("processor", "processor"), ("model", "processor model"), ("gpu", "GPU")):
        pairs.append((title, *(part["machine"].get(key) for part in (earlier, later))))
    return ", ".join(
        f"{title} {str(then)[:80]} -> {str(now)[:80]}" for title, then, now in pairs if then and now and then != now
    )


def _system(machine: Mapping[str, Any]) -> str:
    """Returns the operating system without the version of a Linux kernel, which does not compute anything."""
    return re.sub(r"^Linux-.*-with-", "Linux with ", str(machine.get("system", "")))


def _processor_model() -> str:
    """Returns the model name of the processor, for example "AMD EPYC 9V74"; "" if it is unknown."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        if platform.system() == "Darwin":
            command = ["sysctl", "-n", "machdep.cpu.brand_string"]
            return _clean(subprocess.run(command, capture_output=True, text=True, timeout=10).stdout)
        names = re.findall(r"^model name\s*:(.*)$", Path("/proc/cpuinfo").read_text(errors="replace"), re.MULTILINE)
        if names:
            return _clean(names[0])
    return _clean(platform.processor())


def _clean(text: str) -> str:
    return "".join(character for character in " ".join(text.split()) if character.isprintable())
