"""Formats of data elements: how a value is fitted into the room that a list gives it.

Source: ref 14 §1 (filling rules), §2.1, §2.6.
"""

from __future__ import annotations

from typing import Literal

Format = Literal["n", "cn", "an", "b"]

_NUMERIC = """
    5F24 5F25 5F28 5F2A 5F30 5F34 5F36 5F57 9A 9C 9F01 9F02 9F03 9F11 9F15 9F1A 9F21 9F35 9F39
    9F3C 9F3D 9F41 9F42 9F44 9F51 9F54 9F57 9F5C 9F5D 9F6B 9F6D 9F73 9F75 9F76 9F77 9F78 9F79 9F7B
    DF62 DF63 DF71 DF72 DF76 DF77 DF78 DF79
"""
_COMPRESSED = "5A 9F62"
_TEXT = "50 5F20 5F2D 8A 9F0B 9F12 9F16 9F1C 9F1E 9F1F 9F4E 9F61 9F74"
_FORMATS: dict[int, Format] = {
    **dict.fromkeys((int(tag, 16) for tag in _NUMERIC.split()), "n"),
    **dict.fromkeys((int(tag, 16) for tag in _COMPRESSED.split()), "cn"),
    **dict.fromkeys((int(tag, 16) for tag in _TEXT.split()), "an"),
}


MOST = 999_999_999_999
"""Fen that an amount can hold."""


def format_of(tag: int) -> Format:
    """Format of a data element; ``b`` for one that is not known."""
    return _FORMATS.get(tag, "b")


def fitted(tag: int, value: bytes, length: int) -> bytes:
    """``value`` in ``length`` bytes.

    Too long: ``n`` loses its left, others their right end. Too short: ``n`` gets zeros before it,
    ``cn`` F behind it, others zeros behind it. An empty value is all zeros.
    """
    kind = format_of(tag)
    if not value:
        return bytes(length)
    if kind == "n":
        return value[-length:].rjust(length, b"\x00") if length else b""
    return value[:length].ljust(length, b"\xff" if kind == "cn" else b"\x00")


def amount(value: int) -> bytes:
    """An amount of fen as n12: 6 bytes; raises ``ValueError`` for one that has no 12 digits."""
    if not 0 <= value <= MOST:
        raise ValueError("an amount has at most 12 digits")
    return bytes.fromhex(f"{value:012d}")


def number(value: bytes) -> int:
    """What the digits of an ``n`` element say; raises ``ValueError`` for other than digits."""
    return int(value.hex() or "0")
