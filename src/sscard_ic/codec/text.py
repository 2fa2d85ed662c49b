"""an: character data in GB18030, left-aligned, filled on the right with 00 (ref 01 §3).

GB18030 and never gb2312: the latter cannot encode the middle dot of minority names nor many
characters used in names.
"""

from __future__ import annotations

ENCODING = "gb18030"


def encode_an(text: str, length: int) -> bytes:
    """``text`` in ``length`` bytes; raises ``ValueError`` when it is longer or not encodable.

    A 00 inside the text would end it for every reader, so it is not encodable either.
    """
    raw = text.encode(ENCODING)
    if 0 in raw:
        raise ValueError("a character 00 ends the text")
    if len(raw) > length:
        raise ValueError(f"{len(raw)} bytes in GB18030 do not fit {length}")
    return raw.ljust(length, b"\x00")


def decode_an(value: bytes) -> str:
    """Text up to the first 00, without filling FF and blanks; undecodable bytes become U+FFFD."""
    raw = value.split(b"\x00", 1)[0].rstrip(b"\xff")
    return raw.decode(ENCODING, errors="replace").strip(" ")


def cut_text(text: str, length: int) -> str:
    """The longest beginning of ``text`` whose GB18030 form has at most ``length`` bytes."""
    used = 0
    for index, character in enumerate(text):
        used += len(character.encode(ENCODING, errors="replace"))
        if used > length:
            return text[:index]
    return text


def split_name(name: str, first: int, second: int, by: str) -> tuple[bytes, bytes]:
    """Two fields of a long name: 姓名 (``first`` bytes) and 姓名扩展 (``second`` bytes).

    ``by`` is ``byte`` (bytes 1-30 and the rest, ref 01 §3 [spec]) or ``character`` (a character
    is never cut). Raises ``ValueError`` when the name does not fit.
    """
    raw = name.encode(ENCODING)
    at = first if by == "byte" else len(cut_text(name, first).encode(ENCODING))
    head, tail = raw[:at], raw[at:]
    if len(tail) > second:
        raise ValueError(f"name of {len(raw)} bytes does not fit {first} + {second}")
    return head.ljust(first, b"\x00"), tail.ljust(second, b"\x00")


def join_name(head: bytes, tail: bytes) -> str:
    """The name of two fields; joined before decoding, since a character may straddle them."""
    return decode_an(head.split(b"\x00", 1)[0].rstrip(b"\xff") + tail)
