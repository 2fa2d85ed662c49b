"""Signing in at a real terminal: names are seen, passwords are not."""

from __future__ import annotations

import os
import secrets
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sscard_ic.base import Secret
from sscard_ic.ledger import Ledger

# The child makes the terminal its own, as a login does: that is where passwords are read from.
CHILD = """
import os, sys
MAIN = "from sscard_ic.cli import main; main()"
terminal = os.open(sys.argv[1], os.O_RDWR)
for descriptor in range(3):
    os.dup2(terminal, descriptor)
os.execv(sys.executable, [sys.executable, "-c", MAIN, *sys.argv[2:]])
"""
PATIENCE = 60
"""Seconds until a terminal that says nothing is a failure."""


class Terminal:
    """The person's side of it, with a command running at the other."""

    def __init__(self, descriptor: int, process: subprocess.Popen[bytes]) -> None:
        self._descriptor = descriptor
        self._process = process
        self._awaited = 0
        self.screen = b""

    def expect(self, text: bytes) -> None:
        """Wait until ``text`` stands on the screen, after what was awaited before."""
        until = time.monotonic() + PATIENCE
        while (at := self.screen.find(text, self._awaited)) < 0:
            assert self._process.poll() is None, self.screen.decode(errors="replace")
            assert time.monotonic() < until, self.screen.decode(errors="replace")
            self._read()
        self._awaited = at + len(text)

    def type(self, keys: str) -> None:
        os.write(self._descriptor, keys.encode())

    def end(self) -> int:
        """The exit code; everything is on the screen then."""
        until = time.monotonic() + PATIENCE
        while self._process.poll() is None:
            assert time.monotonic() < until, self.screen.decode(errors="replace")
            self._read()
        while self._read():
            pass
        return self._process.returncode

    def _read(self) -> bool:
        ready, _, _ = select.select([self._descriptor], [], [], 0.1)
        self.screen += os.read(self._descriptor, 4096) if ready else b""
        return bool(ready)


@contextmanager
def command(home: Path, *arguments: str) -> Iterator[Terminal]:
    """``sscard`` with these arguments at a terminal of its own."""
    person, child = os.openpty()
    environment = {name: value for name, value in os.environ.items() if "SSCARD" not in name}
    try:
        with subprocess.Popen(
            [sys.executable, "-c", CHILD, os.ttyname(child), *arguments],
            env={**environment, "SSCARD_HOME": str(home), "SSCARD_LANG": "en"},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            try:
                yield Terminal(person, process)
            finally:
                process.kill()
    finally:
        os.close(person)
        os.close(child)


def test_nothing_of_a_password_is_echoed(tmp_path: Path) -> None:
    """Two supervisors consent to a third person, who chooses a password."""
    typed = {name: secrets.token_urlsafe(18) for name in ("chief", "second", "third", "wrong")}
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        for name in ("chief", "second"):
            ledger.operators.add(name, ["supervisor"], Secret(typed[name].encode()))

    with command(tmp_path, "operator", "add", "third", "--role", "auditor") as terminal:
        terminal.expect(b"Name: ")
        terminal.type("chief\n")
        terminal.expect(b"Password: ")
        terminal.type(f"{typed['wrong']}\n")
        terminal.expect(b"sign-in refused")
        for name in ("chief", "second"):
            terminal.expect(b"Name: ")
            terminal.type(f"{name}\n")
            terminal.expect(b"Password: ")
            terminal.type(f"{typed[name]}\n")
        for prompt in (b"New password of third: ", b"Once more: "):
            terminal.expect(prompt)
            terminal.type(f"{typed['third']}\n")
        terminal.expect(b"third added")
        assert terminal.end() == 0

    assert b"Name: chief\r\n" in terminal.screen  # the terminal does echo
    assert b"Name: second\r\n" in terminal.screen
    for password in typed.values():
        assert password.encode() not in terminal.screen
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        third = ledger.operators.sign_in("third", Secret(typed["third"].encode()))
    assert third.roles == ("auditor",)


def test_a_person_may_walk_away(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        ledger.operators.add("chief", ["supervisor"], Secret(b"a good password"))
    with command(tmp_path, "operator", "disable", "chief") as terminal:
        terminal.expect(b"Name: ")
        terminal.type("\x04")  # end of input: Ctrl-D
        assert terminal.end() == 1
    assert b"Aborted!" in terminal.screen
    assert b"Traceback" not in terminal.screen
