"""Limits of the control groups (cgroups) that this process belongs to: those of a container, a service or a batch job.

Linux enforces the limits of a group and of all groups above it. Versions 1 and 2 have different files. Other systems
have no control groups, so there are no limits.
Source: https://docs.kernel.org/admin-guide/cgroup-v2.html, https://docs.kernel.org/admin-guide/cgroup-v1/
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

MOUNT, OWN_GROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
UNLIMITED_V1 = 2**62  # version 1 has a huge number for "no limit"


class Cgroups:
    """The groups of this process.

    Args:
        mount: directory in which the control groups are mounted.
        own_groups: file that names the groups of this process, one hierarchy per line: `number:controllers:path`.
    """

    def __init__(self, mount: Path = MOUNT, own_groups: Path = OWN_GROUPS) -> None:
        self._mount = mount
        self._paths: dict[str, str] = {}  # by controller; version 2 has "" for all controllers
        with contextlib.suppress(OSError, UnicodeDecodeError):
            for line in own_groups.read_text().splitlines():
                _, controllers, path = line.split(":", 2)
                self._paths |= dict.fromkeys(controllers.split(","), path)

    def cpus(self) -> float | None:
        """Returns how many CPUs these groups may use, for example 0.5; None if there is no limit."""
        limits = []
        for folder in self._folders(""):
            quota, *period = _text(folder / "cpu.max").split() or ["max"]
            if quota != "max":
                limits.append(int(quota) / int(period[0]))
        for folder in self._folders("cpu"):
            quota, period = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
            if quota > 0 and period > 0:
                limits.append(quota / period)
        return min(limits, default=None)

    def memory_left(self) -> int | None:
        """Returns how many more bytes these groups may use; None if there is no limit.

        Memory that caches files does not count as used: Linux frees it when a group needs more.
        """
        left = [limit - max(used - cached, 0) for limit, used, cached in self._memory()]
        return max(min(left), 0) if left else None

    def memory_kills(self) -> int:
        """Returns how many processes of these groups were killed because a group had reached its memory limit."""
        version_1 = [folder / "memory.oom_control" for folder in self._folders("memory")]
        version_2 = [folder / "memory.events" for folder in self._folders("")]
        return max((_entry(file, "oom_kill") for file in (*version_1, *version_2)), default=0)

    def _memory(self) -> Iterator[tuple[int, int, int]]:
        """Yields the limit, the use and the file cache of every group with a limit, in bytes."""
        for folder in self._folders(""):
            limit = _text(folder / "memory.max")
            if limit.isdecimal():
                used, cached = _number(folder / "memory.current"), _entry(folder / "memory.stat", "inactive_file")
                yield int(limit), used, cached
        for folder in self._folders("memory"):
            limit = _number(folder / "memory.limit_in_bytes")
            if 0 < limit < UNLIMITED_V1:
                used = _number(folder / "memory.usage_in_bytes")
                yield limit, used, _entry(folder / "memory.stat", "total_inactive_file")

    def _folders(self, controller: str) -> Iterator[Path]:
        """Yields the directory of the group and of all groups above it. A container often sees only the top one."""
        if controller not in self._paths:
            return
        mount = self._mount / controller
        own = PurePosixPath(self._paths[controller].lstrip("/"))
        for path in (own, *own.parents):
            yield mount / path


def _text(file: Path) -> str:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return file.read_text().strip()
    return ""


def _number(file: Path) -> int:
    """Returns the number in the file; 0 if there is none."""
    with contextlib.suppress(ValueError):
        return int(_text(file))
    return 0


def _entry(file: Path, name: str) -> int:
    """Returns a number from a file with lines such as `name 123`; 0 if it is not there."""
    entries = (line.split() for line in _text(file).splitlines())
    return next((int(entry[1]) for entry in entries if len(entry) == 2 and entry[0] == name), 0)
