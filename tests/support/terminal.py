"""A program at a terminal of its own, and everything that the terminal showed."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from types import TracebackType

PATIENCE = 30.0
"""Seconds after which a program that shows nothing has failed."""

AGAIN = 5.0
"""Seconds after which Ctrl-C is pressed once more."""


# The pseudo-terminal becomes the one that Ctrl-C and hidden input belong to.
_PROGRAM = """
import fcntl, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from sscard_ic.cli import main
main()
"""


class Terminal:
    """Runs ``sscard`` with ``arguments`` on a pseudo-terminal."""

    def __init__(self, *arguments: str, env: Mapping[str, str]) -> None:
        self._master, slave = pty.openpty()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, *arguments],
                stdin=slave,
                stdout=slave,
                stderr=slave,
                env={**os.environ, "TERM": "xterm", "COLUMNS": "200", **env},
                start_new_session=True,
            )
        finally:
            os.close(slave)
        self._raw = b""
        self._seen = 0
        self._interrupted = False

    @property
    def shown(self) -> str:
        """Everything that was on the screen, control characters included."""
        return self._raw.decode("utf-8", errors="replace")

    def expect(self, text: str) -> None:
        """Wait until ``text`` stands after what was expected before."""
        wanted = text.encode()
        while (at := self._raw.find(wanted, self._seen)) < 0:
            assert self._more(), f"{text!r} was never shown:\n{self.shown}"
        self._seen = at + len(wanted)

    def enter(self, text: str) -> None:
        """Type ``text`` and press Enter."""
        os.write(self._master, text.encode() + b"\r")

    def answer(self, prompt: str, text: str) -> None:
        """Wait for ``prompt``, then type ``text``.

        A hidden prompt's last space is written when the echo is off: it is waited for.
        """
        self.expect(f"{prompt}: ")
        self.enter(text)

    def interrupt(self) -> None:
        """Press Ctrl-C, and once more whenever nothing follows.

        Readline misses one that comes after it has shown its prompt and before it waits for keys.
        """
        self._interrupted = True
        os.write(self._master, b"\x03")

    def finish(self) -> int:
        """Wait for the end of the program; its exit code."""
        while self._more():
            pass
        return self._process.wait(PATIENCE)

    def _more(self) -> bool:
        deadline = time.monotonic() + PATIENCE
        while not select.select([self._master], [], [], AGAIN)[0]:
            assert time.monotonic() < deadline, f"nothing is shown any more:\n{self.shown}"
            if self._interrupted:
                os.write(self._master, b"\x03")
        try:
            piece = os.read(self._master, 65536)
        except OSError:
            return False  # Linux says so that the last program has closed the terminal
        self._raw += piece
        return bool(piece)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(PATIENCE)
        os.close(self._master)
