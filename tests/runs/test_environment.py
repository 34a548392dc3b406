"""Tests which differences between the environments of a run's parts can change its results."""

from __future__ import annotations

import pytest

from mnist_mlp.runs.environment import changes_of_results, current_machine, current_versions

DEBIAN = {
    "system": "Linux-6.18.44-fc-v669-x86_64-with-glibc2.36",
    "processor": "x86_64",
    "model": "AMD EPYC 9V74",
    "cores": 2,
    "gpu": "none",
}
VERSIONS = {"python": "3.11.7", "tensorflow": "2.21.0", "keras": "3.15.1", "numpy": "2.4.6", "tensorboard": "2.21.0"}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"tensorflow": "2.22.0"}, "TensorFlow 2.21.0 -> 2.22.0"),
        ({"keras": "3.16.0", "numpy": "2.5.0"}, "Keras 3.15.1 -> 3.16.0, NumPy 2.4.6 -> 2.5.0"),
        ({"gpu": "NVIDIA H200"}, "GPU none -> NVIDIA H200"),
        ({"processor": "aarch64"}, "processor x86_64 -> aarch64"),
        ({"model": "Intel Xeon 6960P"}, "processor model AMD EPYC 9V74 -> Intel Xeon 6960P"),
        (
            {"system": "macOS-15.1-arm64-arm-64bit"},
            "operating system Linux with glibc2.36 -> macOS-15.1-arm64-arm-64bit",
        ),
        (
            {"system": "Linux-6.18.44-fc-v669-x86_64-with-glibc2.41"},
            "operating system Linux with glibc2.36 -> Linux with glibc2.41",
        ),
        ({"system": "Linux-7.0.1-x86_64-with-glibc2.36", "cores": 64, "python": "3.13", "tensorboard": "3"}, ""),
        ({"model": "", "tensorflow": None}, ""),
    ],
)
def test_changes_that_can_change_results(changed, expected):
    versions = {name: changed.get(name, value) for name, value in VERSIONS.items()}
    machine = {name: changed.get(name, value) for name, value in DEBIAN.items()}
    earlier = {"versions": VERSIONS, "machine": DEBIAN}
    assert changes_of_results(earlier, {"versions": versions, "machine": machine}) == expected
    assert changes_of_results({"versions": {}, "machine": {}}, earlier) == ""


def test_this_machine_is_described():
    assert all(isinstance(version, str) and version for version in current_versions().values())
    assert all(isinstance(value, str | int) for value in current_machine().values())
    assert "\n" not in current_machine()["model"]
