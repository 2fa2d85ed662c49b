"""A readable record of a session without its secrets.

One line an event: ``# text``, ``R warm|cold ATR``, ``> command``, ``< answer status milliseconds``.
Only what identifies nobody is written out: headers, names and identifiers that are selected,
challenges and cryptograms, structure commands. Everything else (records, binary data, PINs, keys)
is shown by its length, as ``‹n bytes›``.
"""

from __future__ import annotations

import time
from typing import TextIO

from sscard_ic.base.secret import Secret, Secretive
from sscard_ic.reader.connection import Connection
from sscard_ic.reader.wrappers import Wrapper

_OPEN_COMMANDS = frozenset({0xA4, 0x84, 0x82, 0x88, 0xE0, 0xC0, 0xB2, 0xB0})
"""Instructions whose command data are harmless when they are not a Secret."""

_SERIAL = 6

_CREATE, _STRUCTURE = 0xE0, (b"\x01", b"\x02")
"""Of the personalization commands only CREATE FILE and the end say nothing about the card."""

_OPEN_ANSWERS = frozenset({0xA4, 0x84, 0x88})
"""Instructions whose answer data are harmless."""


class TraceWriter(Wrapper):
    """Writes each exchange to ``out``, redacted."""

    def __init__(self, inner: Connection, out: TextIO) -> None:
        super().__init__(inner)
        self._out = out
        self._write(f"R cold {_show_atr(inner.atr)}")

    def transmit(self, command: Secretive) -> bytes:
        """One exchange, written down."""
        ins = _ins(command)
        self._write(f"> {_show_command(command, ins)}")
        start = time.perf_counter()
        answer = self.inner.transmit(command)
        elapsed = 1000 * (time.perf_counter() - start)
        data = answer[:-2]
        shown = data.hex().upper() if ins in _OPEN_ANSWERS or not data else _length(len(data))
        self._write(f"< {shown}{' ' if shown else ''}{answer[-2:].hex().upper()} {elapsed:.3f}")
        return answer

    def reset(self, cold: bool) -> bytes:
        """A reset, written down."""
        atr = self.inner.reset(cold)
        self._write(f"R {'cold' if cold else 'warm'} {_show_atr(atr)}")
        return atr

    def _write(self, line: str) -> None:
        self._out.write(line + "\n")


def _ins(command: Secretive) -> int:
    raw = command.reveal() if isinstance(command, Secret) else command
    return raw[1] if len(raw) > 1 else 0


def _show_command(command: Secretive, ins: int) -> str:
    raw = command.reveal() if isinstance(command, Secret) else command
    harmless = ins in _OPEN_COMMANDS and (ins != _CREATE or raw[2:3] in _STRUCTURE)
    if harmless and not isinstance(command, Secret):
        return raw.hex().upper()
    head = raw[:4].hex().upper()
    return f"{head} {_length(len(raw) - 5)}" if len(raw) > 5 else raw.hex().upper()


def _show_atr(atr: bytes) -> str:
    """The ATR without its last six bytes, which are the number of the card."""
    return f"{atr[:-_SERIAL].hex().upper()} {_length(len(atr[-_SERIAL:]))}"


def _length(count: int) -> str:
    return f"‹{count} bytes›"
