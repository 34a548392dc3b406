"""Tests the limits of control groups, with the files of both versions and, where possible, with a real group."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mnist_mlp.host import resources
from mnist_mlp.host.cgroups import Cgroups
from mnist_mlp.host.resources import available_cpus, available_memory
from tests.helpers import PROJECT

MIB = 2**20


def groups(folder: Path, own: str, files: dict[str, object]) -> Cgroups:
    """Returns the groups of a process in a made-up file system."""
    for name, content in files.items():
        path = folder / "mount" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")
    (folder / "own").write_text(own)
    return Cgroups(folder / "mount", folder / "own")


def test_version_2_takes_smallest_limit_of_all_levels(tmp_path):
    files = {
        "cpu.max": "max 100000",
        "a/cpu.max": "150000 100000",
        "a/b/cpu.max": "400000 100000",
        "a/memory.max": 1000 * MIB,
        "a/memory.current": 900 * MIB,
        "a/memory.stat": f"anon 1\ninactive_file {200 * MIB}",
        "a/b/memory.max": "max",
        "a/b/memory.events": "low 0\noom 3\noom_kill 2",
    }
    found = groups(tmp_path, "0::/a/b\n", files)
    assert (found.cpus(), found.memory_left(), found.memory_kills()) == (1.5, 300 * MIB, 2)


def test_version_1_has_a_hierarchy_for_each_controller(tmp_path):
    files = {
        "cpu/x/cpu.cfs_quota_us": 50_000,
        "cpu/x/cpu.cfs_period_us": 100_000,
        "cpu/cpu.cfs_quota_us": -1,
        "cpu/cpu.cfs_period_us": 100_000,
        "memory/y/memory.limit_in_bytes": 500 * MIB,
        "memory/y/memory.usage_in_bytes": 200 * MIB,
        "memory/y/memory.stat": f"inactive_file 5\ntotal_inactive_file {50 * MIB}",
        "memory/y/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1",
        "memory/memory.limit_in_bytes": 9223372036854771712,
    }
    found = groups(tmp_path, "5:memory:/y\n3:cpu,cpuacct:/x\n1:name=systemd:/z\n", files)
    assert (found.cpus(), found.memory_left(), found.memory_kills()) == (0.5, 350 * MIB, 1)


def test_container_sees_only_its_top_group(tmp_path):
    files = {"memory/memory.limit_in_bytes": 500 * MIB, "memory/memory.usage_in_bytes": 100 * MIB}
    assert groups(tmp_path, "5:memory:/docker/1234\n", files).memory_left() == 400 * MIB


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"cpu.max": "", "memory.max": ""},
        {"cpu.max": "max", "memory.max": "max"},
        {"memory.events": "oom_kill"},
        {"memory.stat": "garbage"},
    ],
)
def test_without_limits(tmp_path, files):
    found = groups(tmp_path, "0::/\n", files)
    assert (found.cpus(), found.memory_left(), found.memory_kills()) == (None, None, 0)
    assert Cgroups(tmp_path / "missing", tmp_path / "missing").cpus() is None


@pytest.mark.parametrize(("quota", "cpus"), [(None, 4), (0.5, 1), (1.5, 2), (2, 2), (100, 4)])
def test_share_of_a_cpu_counts_as_one(monkeypatch, quota, cpus):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(4)))
    monkeypatch.setattr(resources, "Cgroups", lambda: type("", (), {"cpus": lambda self: quota})())
    assert available_cpus() == cpus


def test_real_limit_and_kill(real_group):
    code = f"""
import subprocess, sys, os
open({str(real_group(300) / "cgroup.procs")!r}, "w").write(str(os.getpid()))
from mnist_mlp.host.cgroups import Cgroups
from mnist_mlp.host.resources import available_memory
print(available_memory() <= 300 * 2**20, available_memory() > 150 * 2**20, Cgroups().memory_kills())
print(subprocess.run([sys.executable, "-c", "bytearray(400 * 2**20)"]).returncode, Cgroups().memory_kills())
"""
    process = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True)
    assert process.stdout.splitlines() == ["True True 0", "-9 1"], process.stderr
    assert available_memory() > 300 * MIB
