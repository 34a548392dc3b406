"""Tests the scripts with the settings that users have for Python, TensorFlow, Keras and matplotlib."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mnist_mlp.libraries.user_settings import remove_numeric_settings
from tests.helpers import folders, project_with, result_of, results, runs_in
from tests.sweep.conftest import one_cluster_at_a_time  # noqa: F401 - a fixture

pytestmark = pytest.mark.slow

TRAINING = ("MNIST_train.py", "--presets", "8", "--epochs", "2", "--workers", "1", "--threads", "1", "--quiet")
SETTINGS = {
    "Keras": {"KERAS_BACKEND": "jax", "KERAS_MAX_EPOCHS": "x", "KERAS_NNX_ENABLED": "1", "TF_USE_LEGACY_KERAS": "1"},
    "flags that change results": {
        "XLA_FLAGS": "--xla_cpu_enable_fast_math=true --xla_gpu_cuda_data_dir=/usr/local/cuda",
        "TF_XLA_FLAGS": "--tf_xla_auto_jit=2",
        "TF_DETERMINISTIC_OPS": "1",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "TF_NUM_INTRAOP_THREADS": "7",
        "NVIDIA_TF32_OVERRIDE": "0",
    },
    "unknown flags": {"XLA_FLAGS": "--nonsense 'x", "TF_XLA_FLAGS": "--nonsense", "TF_CPP_MIN_LOG_LEVEL": "x"},
    "Python": {"PYTHONHASHSEED": "5", "PYTHONOPTIMIZE": "2", "PYTHONDONTWRITEBYTECODE": "1"},
    "warnings": {"PYTHONWARNINGS": "error"},
    "development mode": {"PYTHONDEVMODE": "1"},
    "protobuf": {"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "cpp"},
    "machine": {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "no such device"},
}


@pytest.fixture(scope="module")
def expected(trained) -> tuple:
    """The result of preset 8 after two epochs without any of these settings."""
    return results(trained)[8, 1602]


def result_in(folder: Path) -> tuple:
    (run,) = runs_in(folder)
    return result_of(run)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=list(SETTINGS))
def test_settings_in_environment_do_not_change_results(script, tmp_path, expected, settings):
    process = script(*TRAINING, *folders(tmp_path), **settings)
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")
    assert result_in(tmp_path) == expected


KERAS_CONFIGURATION = {
    "floatx": "float16",
    "epsilon": 0.1,
    "backend": "jax",
    "image_data_format": "channels_first",
    "nnx_enabled": True,
}


@pytest.mark.parametrize("content", [json.dumps(KERAS_CONFIGURATION), '{"floatx": "float8"}', "\xff["])
def test_keras_configuration_file_is_not_read_or_changed(script, tmp_path, expected, content):
    (tmp_path / ".keras").mkdir()
    configuration = tmp_path / ".keras" / "keras.json"
    configuration.write_text(content, encoding="latin-1")
    process = script(*TRAINING, *folders(tmp_path), HOME=str(tmp_path))
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")
    assert result_in(tmp_path) == expected
    assert configuration.read_text(encoding="latin-1") == content
    assert list((tmp_path / ".keras").iterdir()) == [configuration]


def test_keras_imported_by_registry_uses_our_number_format(script, tmp_path, expected):
    home = tmp_path / "home"
    (home / ".keras").mkdir(parents=True)
    (home / ".keras" / "keras.json").write_text('{"floatx": "float16", "epsilon": 0.1}')
    project = project_with(tmp_path / "project", "import keras")
    environment = {"HOME": str(home), "TF_CPP_MIN_LOG_LEVEL": "3"}  # TensorFlow's own log is the user's, too
    process = script(*TRAINING, *folders(tmp_path), cwd=project, **environment)
    assert process.returncode == 0, process.stderr
    assert result_in(tmp_path) == expected


def test_worker_processes_ignore_settings(script, tmp_path, trained):
    settings = {name: value for each in SETTINGS.values() for name, value in each.items()}
    command = ("MNIST_train.py", "--presets", "1,8", "--epochs", 2, "--workers", 2, "--threads", 1, "--quiet")
    process = script(*command, *folders(tmp_path), **settings)
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")
    assert results(tmp_path) == results(trained)


def test_evaluation_and_report_ignore_settings(script, tmp_path, evaluated, trained):
    settings = {name: value for each in SETTINGS.values() for name, value in each.items()}
    (tmp_path / "matplotlibrc").write_text("nonsense: 1\nlines.linewidth: 9\nfont.size: x\n")
    settings |= {"MATPLOTLIBRC": str(tmp_path / "matplotlibrc"), "MPLBACKEND": "nonsense"}
    (tmp_path / "runs").symlink_to(trained / "runs")
    runs = ("--runs-dir", evaluated / "runs")
    process = script("MNIST_eval.py", *runs, "--info-dir", tmp_path / "INFOS", **settings)
    assert (process.returncode, process.stderr) == (0, "")
    assert (tmp_path / "INFOS" / "eval_log.txt").read_bytes() == (evaluated / "INFOS" / "eval_log.txt").read_bytes()
    info = ("--info-dir", evaluated / "INFOS")
    process = script("for_report/make_report.py", *runs, *info, "--output-dir", tmp_path / "out", **settings)
    assert (process.returncode, process.stderr) == (0, "")
    figures = sorted(path.name for path in (evaluated / "out").rglob("*.svg"))
    assert figures
    for name in figures:
        (before,), (after,) = ((folder / "out").rglob(name) for folder in (evaluated, tmp_path))
        assert after.read_bytes() == before.read_bytes()


@pytest.mark.usefixtures("one_cluster_at_a_time")
def test_ray_does_not_need_or_change_home_directory(script, unprivileged, tmp_path, expected):
    pytest.importorskip("ray", reason="Ray is not installed")
    home = tmp_path / "home"
    home.mkdir(mode=0o555)
    process = script(*TRAINING, "--engine", "ray", *folders(tmp_path), before=unprivileged, HOME=str(home))
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")
    assert result_in(tmp_path) == expected
    assert list(home.iterdir()) == []


def test_settings_that_find_devices_are_kept():
    environment = {
        "XLA_FLAGS": "--xla_gpu_cuda_data_dir='/opt/my cuda' --xla_cpu_enable_fast_math=true",
        "CUDA_VISIBLE_DEVICES": "1",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "TF_CPP_MIN_LOG_LEVEL": "0",
        "TF_DETERMINISTIC_OPS": "1",
    }
    remove_numeric_settings(environment)
    assert environment == {
        "XLA_FLAGS": "'--xla_gpu_cuda_data_dir=/opt/my cuda'",
        "CUDA_VISIBLE_DEVICES": "1",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "TF_CPP_MIN_LOG_LEVEL": "0",
        "KERAS_BACKEND": "tensorflow",
    }


@pytest.mark.parametrize("kind", ["unset", "missing", "read-only"])
def test_home_directory_is_not_needed(unprivileged, tmp_path, trained, expected, kind):
    home = tmp_path / "home"
    if kind == "read-only":
        home.mkdir(mode=0o555)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "MPL"))}
    environment |= {"HOME": str(home / "user" if kind == "missing" else home)}
    if kind == "missing":
        (tmp_path / "home").write_text("a file, so that not even root can create the directory")
    if kind == "unset":
        del environment["HOME"]

    def run(*command: object) -> subprocess.CompletedProcess:
        full = [*unprivileged, sys.executable, *map(str, command), *folders(tmp_path)]
        return subprocess.run(full, env=environment, capture_output=True, text=True, timeout=300)

    process = run(*TRAINING)
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")
    assert result_in(tmp_path) == expected
    for command in (("MNIST_eval.py",), ("for_report/make_report.py", "--output-dir", tmp_path / "out")):
        process = run(*command)
        assert (process.returncode, process.stderr) == (0, "")
    if kind == "read-only":
        assert list(home.iterdir()) == []
