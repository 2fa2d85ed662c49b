"""Finds secrets in whatever a program wrote, in any form that careless code may give them."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

_WINDOW = 8
"""Bytes of a secret that betray it: half a key, eight letters of a password."""

_WITHOUT_PARITY = bytes(byte & 0xFE for byte in range(256))
_SEPARATORS = b" \t\r\n:;,.|-_'\"[](){}<>="
_PREFIXES = re.compile(rb"0x|\\x|\\u00|&#x|%(?=[0-9A-Fa-f]{2})")
_HEX = re.compile(rb"[0-9A-Fa-f]{12,}")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{8,}")
_ESCAPED = re.compile(rb"(?:\\x|\\u00|%)([0-9A-Fa-f]{2})")
_LISTED = re.compile(rb"\d{1,3}(?:\s*[,;]\s*\d{1,3}){5,}")
_NUMBER = re.compile(rb"\d{15,}")


class SecretSearch:
    """Keys (bytes), texts and PINs (digits) by what they are called; only the names are told."""

    def __init__(
        self,
        *,
        keys: Mapping[str, bytes],
        texts: Mapping[str, str] | None = None,
        pins: Mapping[str, str] | None = None,
    ) -> None:
        self._windows: dict[bytes, str] = {}
        self._numbers: dict[bytes, str] = {}
        self._pins: dict[bytes, str] = {}
        for name, key in keys.items():
            self._add(name, key)
            for part in {key, key[:_WINDOW], key[-_WINDOW:]}:
                for number in (int.from_bytes(part, "big"), int.from_bytes(part, "little")):
                    self._numbers[str(number).encode()] = name
        for name, text in (texts or {}).items():
            self._add(name, text.encode())
        for name, pin in (pins or {}).items():
            self._pins.update(dict.fromkeys(_pin_forms(pin), name))

    def _add(self, name: str, value: bytes) -> None:
        if len(value) < _WINDOW:
            raise ValueError(f"{name} is too short to be told from chance")
        masked = value.translate(_WITHOUT_PARITY)
        for at in range(len(masked) - _WINDOW + 1):
            self._windows[masked[at : at + _WINDOW]] = name

    def found(self, content: bytes) -> set[str]:
        """``name as form`` of each secret in ``content``."""
        found = set()
        for form, view in _views(content):
            masked = view.translate(_WITHOUT_PARITY)
            windows = self._windows
            for at in range(len(masked) - _WINDOW + 1):
                if masked[at : at + _WINDOW] in windows:
                    found.add(f"{windows[masked[at : at + _WINDOW]]} as {form}")
            for needle, name in self._pins.items():
                if needle in view:
                    found.add(f"{name} as {form}")
        for number in _NUMBER.findall(content.replace(b"\x00", b"")):
            if number in self._numbers:
                found.add(f"{self._numbers[number]} as a number")
        return found

    def found_in(self, files: Iterable[Path]) -> dict[str, set[str]]:
        """By file, those that hold secrets alone."""
        told = {str(path): self.found(path.read_bytes()) for path in files}
        return {path: names for path, names in told.items() if names}


def _pin_forms(pin: str) -> Iterator[bytes]:
    """Its digits, and its BCD block, as it is, with swapped nibbles, backwards."""
    yield pin.encode()
    padded = pin + "F" * (len(pin) % 2)
    block = bytes.fromhex(padded)
    swapped = bytes(byte >> 4 | (byte & 0xF) << 4 for byte in block)
    yield from (block, swapped, block[::-1], swapped[::-1])


def _views(content: bytes) -> Iterator[tuple[str, bytes]]:
    """The content as bytes, however it may have been written down."""
    yield "binary", content
    texts = [content]
    if b"\x00" in content:
        texts.append(content.replace(b"\x00", b""))
        yield "UTF-16", texts[-1]
    for text in texts:
        yield from _decoded(text)


def _decoded(text: bytes) -> Iterator[tuple[str, bytes]]:
    packed = _PREFIXES.sub(b"", text).translate(None, _SEPARATORS)
    runs = _HEX.findall(packed)
    for nibble in (0, 1):
        yield "hex", _joined(bytes.fromhex(_whole(run[nibble:], 2).decode()) for run in runs)
    packed = text.translate(None, b"\r\n").replace(b"-", b"+").replace(b"_", b"/")
    runs = _BASE64.findall(packed)
    for start in range(4):
        yield "Base64", _joined(base64.b64decode(_filled(run[start:])) for run in runs)
    if _ESCAPED.search(text):
        yield "escapes", _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), text)
    lists = (re.findall(rb"\d+", listed) for listed in _LISTED.findall(text))
    yield (
        "a list of numbers",
        _joined(bytes(int(each) % 256 for each in listed) for listed in lists),
    )


def _whole(run: bytes, unit: int) -> bytes:
    return run[: len(run) // unit * unit]


def _filled(run: bytes) -> bytes:
    """With the letters that its last bytes lack: a short key ends within a group of four."""
    return run + b"A" * (-len(run) % 4)


def _joined(parts: Iterable[bytes]) -> bytes:
    """Apart from each other, so that no end and beginning make a secret."""
    return bytes(_WINDOW).join(parts)
