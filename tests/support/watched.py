"""Runs programs and keeps everything that they write, and what a process list shows of them.

A hook that Python runs first in each of them (``sitecustomize``) keeps files that are about to be
removed or replaced, and the arguments of programs that are started; a watcher beside them reads
``/proc`` and whatever lies in their temporary folder meanwhile.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.warm import WarmPool

_OFTEN = 0.02
"""Seconds between two looks."""

HOOK = """
import os, sys

def _install():
    root, kept = os.environ["WATCHED_ROOT"], os.environ["WATCHED_KEPT"]
    busy, number = [], [0]

    def write(kind, data):
        number[0] += 1
        with open(os.path.join(kept, f"{kind}-{os.getpid()}-{number[0]}"), "wb") as file:
            file.write(data)

    def keep(path):
        path = os.path.abspath(os.fsdecode(path))
        if path.startswith(root) and not path.startswith(kept) and os.path.isfile(path):
            if not path.endswith(".img"):
                with open(path, "rb") as file:
                    write("removed", file.read())

    def hook(event, arguments):
        if busy or event not in EVENTS:
            return
        busy.append(event)
        try:
            if event in ("os.remove", "os.truncate"):
                if not isinstance(arguments[0], int):
                    keep(arguments[0])
            elif event == "os.rename":
                keep(arguments[0])
                keep(arguments[1])
            elif event == "open":
                path, mode = arguments[0], arguments[1]
                if isinstance(mode, str) and "w" in mode and not isinstance(path, int):
                    keep(path)
            else:
                write("started", repr(arguments[:2]).encode("utf-8", "surrogateescape"))
        except OSError:
            pass
        finally:
            busy.pop()

    EVENTS = {"os.remove", "os.truncate", "os.rename", "open", "subprocess.Popen", "os.exec",
              "os.posix_spawn", "os.spawn", "os.system"}
    sys.addaudithook(hook)

_install()
"""


@dataclass(frozen=True, slots=True)
class Done:
    """A program that has ended."""

    name: str
    code: int
    stdout: str
    stderr: str


class Watched:
    """Runs programs in ``folder``; everything below it is what they wrote or showed.

    ``deck`` and other card images may lie there, too: files ``*.img`` are not looked at.
    """

    def __init__(self, folder: Path, **env: str) -> None:
        self.folder = folder
        self.shown, self.kept, self.tmp = (folder / name for name in ("shown", "kept", "tmp"))
        hook = folder / "hook"
        for path in (self.shown, self.kept, self.tmp, hook):
            path.mkdir(parents=True)
        (hook / "sitecustomize.py").write_text(HOOK)
        self.env = {
            **{name: value for name, value in os.environ.items() if "SSCARD" not in name},
            "PYTHONPATH": str(hook),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONFAULTHANDLER": "1",
            "WATCHED_ROOT": str(folder),
            "WATCHED_KEPT": str(self.kept),
            "TMPDIR": str(self.tmp),
            "HOME": str(folder),
            **env,
        }
        self._numbers = itertools.count(1)
        self._typed = folder.with_name(f"{folder.name}-typed")
        self._typed.mkdir()
        self._pool = WarmPool()

    def run(
        self,
        name: str,
        *arguments: str,
        program: str = "from sscard_ic.cli import main; main()",
        stdin: str = "",
        env: Mapping[str, str] | None = None,
        cold: bool = False,
    ) -> Done:
        """Run ``sscard`` with ``arguments``; its output is kept in files of this name.

        ``cold``: as a program of its own from the beginning, which a process list shows with its
        arguments.
        """
        stem = f"{next(self._numbers):03d}-{name}"
        given = self._typed / stem
        given.write_text(stdin)
        files = [given, self.shown / f"{stem}.stdout", self.shown / f"{stem}.stderr"]
        start = self._cold if cold else self._warm
        code = start(stem, program, arguments, {**self.env, **(env or {})}, files)
        out, err = (path.read_text("utf-8", errors="replace") for path in files[1:])
        return Done(name, code, out, err)

    def _cold(
        self,
        stem: str,
        program: str,
        words: tuple[str, ...],
        env: dict[str, str],
        files: list[Path],
    ) -> int:
        with files[0].open("rb") as given, files[1].open("wb") as out, files[2].open("wb") as err:
            process = subprocess.Popen(
                [sys.executable, "-c", program, *words],
                stdin=given,
                stdout=out,
                stderr=err,
                env=env,
                cwd=self.folder,
            )
            with self._watching(process.pid, stem):
                return process.wait()

    def _warm(
        self,
        stem: str,
        program: str,
        words: tuple[str, ...],
        env: dict[str, str],
        files: list[Path],
    ) -> int:
        with (
            self._pool.one(self.env, self.folder) as warm,
            self._watching(warm.start(program, words, env, files), stem),
        ):
            return warm.wait()

    def close(self) -> None:
        """End what waits for programs to run."""
        self._pool.close()

    def keep(self, name: str, text: str) -> None:
        """What was shown elsewhere, as on a terminal."""
        (self.shown / f"{next(self._numbers):03d}-{name}").write_text(text, encoding="utf-8")

    def written(self) -> list[Path]:
        """Every file below the folder but card images."""
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return sorted(path for path in files if path.suffix != ".img")

    @contextmanager
    def _watching(self, pid: int, stem: str) -> Iterator[None]:
        over = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(pid, stem, over))
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()

    def _watch(self, pid: int, stem: str, over: threading.Event) -> None:
        seen: set[bytes] = set()
        copied: dict[Path, int] = {}
        while True:
            ended = over.is_set()
            seen.update(_command_lines(pid))
            for path in (*self.tmp.rglob("*"), *self.folder.glob("home/*-wal")):
                with suppress(OSError):
                    size = path.stat().st_size
                    if path.is_file() and copied.get(path, -1) < size:
                        copied[path] = size  # what grows is kept once
                        shutil.copyfile(path, self.kept / f"{stem}-{path.name}")
            if ended:
                break
            over.wait(_OFTEN)
        (self.shown / f"{stem}.processes").write_bytes(b"\n".join(sorted(seen)))


def _command_lines(pid: int) -> Iterator[bytes]:
    """Those of a process and of all that it started."""
    place = Path("/proc") / str(pid)
    with suppress(OSError):
        yield (place / "cmdline").read_bytes()
        for task in (place / "task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _command_lines(int(child))
