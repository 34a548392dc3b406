"""Tests that optional packages do not slow down the import of TensorFlow and stay usable afterwards."""

from __future__ import annotations

import gc
import os
import subprocess
import sys

import pytest

from mnist_mlp.libraries.faster_import import NOT_NEEDED, without_garbage_collection, without_optional_packages
from tests.helpers import PROJECT

STAND_IN = "import pathlib; (pathlib.Path(__file__).parent / f'{__name__}.imported').touch()\n"


@pytest.fixture
def imported_by(tmp_path):
    """Runs Python code with a stand-in for every optional package. Returns the ones that it has imported."""
    for name in NOT_NEEDED:
        (tmp_path / f"{name}.py").write_text(STAND_IN)

    def run(code: str) -> set[str]:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (tmp_path, PROJECT)))}
        subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
        return {path.stem for path in tmp_path.glob("*.imported")}

    return run


@pytest.mark.slow
def test_tensorflow_imports_no_optional_package(imported_by):
    assert imported_by("import mnist_mlp.libraries.quiet_tensorflow") == set()
    assert imported_by("import keras")  # it fails, because a stand-in is empty


@pytest.mark.slow
def test_optional_packages_can_be_imported_after_tensorflow(imported_by):
    code = f"import mnist_mlp.libraries.quiet_tensorflow, {', '.join(NOT_NEEDED)}"
    assert imported_by(code) == set(NOT_NEEDED)


def test_package_that_is_already_imported_stays_available(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", pytest)
    monkeypatch.delitem(sys.modules, "sklearn", raising=False)
    with without_optional_packages():
        import pandas

        with pytest.raises(ImportError):
            import sklearn  # noqa: F401
    assert pandas is pytest
    assert "sklearn" not in sys.modules


@pytest.mark.parametrize("is_enabled", [True, False])
def test_garbage_collection_continues_as_before(is_enabled):
    was_enabled = gc.isenabled()
    try:
        (gc.enable if is_enabled else gc.disable)()
        with without_garbage_collection():
            assert not gc.isenabled()
        assert gc.isenabled() is is_enabled
    finally:
        (gc.enable if was_enabled else gc.disable)()
