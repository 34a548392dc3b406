"""The figures of the report, one module each. New modules are imported automatically."""

from __future__ import annotations

import importlib
import pkgutil

import mnist_mlp.libraries.quiet_matplotlib  # noqa: F401 - before the modules import matplotlib

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
