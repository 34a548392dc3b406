"""Loads the registry from hyperparameters.py as it is now. A notebook's kernel may have loaded an older version."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from mnist_mlp.commands import PROJECT
from mnist_mlp.errors import REGISTRY_FILE, UsageError, mistake_in_edited_file
from mnist_mlp.presets.registry import Registry


def load_presets(folder: Path = PROJECT) -> Registry:
    """Returns the presets in hyperparameters.py.

    Args:
        folder: the directory of that file.

    Raises:
        UsageError: the file contains a mistake; the message names the line.
    """
    path = folder / REGISTRY_FILE
    if b"\0" in path.read_bytes():  # some editors offer this as "Unicode"
        raise UsageError(f"{REGISTRY_FILE} is encoded as UTF-16; save it as UTF-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    earlier = sys.modules.get(path.stem)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        sys.modules.pop(path.stem)
        if earlier:
            sys.modules[path.stem] = earlier
        raise mistake_in_edited_file(error) or error from None
    return module.PRESETS
