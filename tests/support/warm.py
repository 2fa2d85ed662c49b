"""Programs that need not import the package first: a process that has done so forks them off.

Each is a process of its own with its own files, environment and exit code; what a process list
shows of it is the process it came from.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_PROGRAM = """
import importlib, json, os, pkgutil, sys
import sscard_ic.cli
for found in pkgutil.iter_modules(sscard_ic.cli.__path__):
    importlib.import_module(f"sscard_ic.cli.{found.name}")
orders, answers = (os.fdopen(int(number), mode) for number, mode in zip(sys.argv[1:], "rw"))
for line in orders:
    order = json.loads(line)
    pid = os.fork()
    if pid == 0:
        orders.close()
        answers.close()
        for number, (name, flags) in enumerate(order["files"]):
            opened = os.open(name, flags, 0o600)
            os.dup2(opened, number)
            os.close(opened)
        os.environ.clear()
        os.environ.update(order["env"])
        sys.argv = ["sscard", *order["arguments"]]
        break
    answers.write(f"{pid}\\n")
    answers.flush()
    _, status = os.waitpid(pid, 0)
    answers.write(f"{os.waitstatus_to_exitcode(status)}\\n")
    answers.flush()
else:
    sys.exit()
exec(compile(order["program"], "<program>", "exec"), {"__name__": "__main__"})
"""
_WRITTEN = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


class Warm:
    """One process that forks programs off, one after the other; ended by :meth:`close`."""

    def __init__(self, env: Mapping[str, str], folder: Path) -> None:
        theirs, mine = os.pipe()
        self._orders = os.fdopen(mine, "w")
        answers, said = os.pipe()
        self._answers = os.fdopen(answers)
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(theirs), str(said)],
            env=dict(env),
            cwd=folder,
            pass_fds=(theirs, said),
        )
        os.close(theirs)
        os.close(said)

    def start(
        self, program: str, arguments: tuple[str, ...], env: Mapping[str, str], files: list[Path]
    ) -> int:
        """Start ``program``; its number. ``files``: standard input, output and error."""
        flags = (os.O_RDONLY, _WRITTEN, _WRITTEN)
        order = {
            "program": program,
            "arguments": arguments,
            "env": dict(env),
            "files": [(str(path), flag) for path, flag in zip(files, flags, strict=True)],
        }
        self._orders.write(json.dumps(order) + "\n")
        self._orders.flush()
        return int(self._answers.readline())

    def wait(self) -> int:
        """Wait for the end of what was started; its exit code."""
        return int(self._answers.readline())

    def close(self) -> None:
        """Let it end."""
        self._orders.close()
        self._process.wait()
        self._answers.close()


class WarmPool:
    """As many of them as there are programs at once."""

    def __init__(self) -> None:
        self._free: list[Warm] = []
        self._all: list[Warm] = []
        self._lock = threading.Lock()

    @contextmanager
    def one(self, env: Mapping[str, str], folder: Path) -> Iterator[Warm]:
        """One that is free."""
        with self._lock:
            warm = self._free.pop() if self._free else None
        if warm is None:
            warm = Warm(env, folder)
            self._all.append(warm)
        yield warm
        self._free.append(warm)

    def close(self) -> None:
        """End all of them."""
        for warm in self._all:
            warm.close()
