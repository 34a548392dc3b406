"""Removes what Python does not have on Windows. Child processes import it as `sitecustomize`, before anything else."""

import importlib.abc
import os
import signal
import sys
import warnings

import psutil  # noqa: F401 - first, because it has other code for Windows

MODULES = set("crypt curses fcntl grp nis pty pwd readline resource spwd syslog termios tty".split())
FUNCTIONS = (  # without the few that NumPy and multiprocessing call on Linux
    "chown chroot fchmod fchown fork forkpty fstatvfs getegid geteuid getgid getloadavg getpgid getuid killpg lchown "
    "mkfifo nice openpty register_at_fork sched_getaffinity sched_setaffinity setsid setuid statvfs sync wait3 wait4"
)
SIGNALS = "SIGALRM SIGCHLD SIGCONT SIGHUP SIGPIPE SIGQUIT SIGSTOP SIGTSTP SIGUSR1 SIGUSR2 SIGWINCH"


class _Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name in MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


for name in MODULES & set(sys.modules):
    del sys.modules[name]
sys.meta_path.insert(0, _Absent())
for module, names in ((os, FUNCTIONS), (signal, SIGNALS)):
    for name in names.split():
        if hasattr(module, name):  # a later version of Python may not have it either
            delattr(module, name)
warnings.filterwarnings("ignore", "only soft file lock is available")  # filelock has another lock on Windows
