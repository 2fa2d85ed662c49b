"""The data of commands: file identifiers and values, each with tag and length (ref 02 §8.2)."""

from __future__ import annotations

from sscard_ic.codec.tlv import TlvError, parse_ber
from sscard_ic.simulator.application import Refusal

PUBLIC_FILE, PRIVATE_FILE = 0xC0, 0xC2
DATA = 0xC1
PUBLIC_KEY, PRIVATE_KEY = 0xCA, 0xCB
FID_LENGTH = 2


def fixed(data: bytes, *shape: tuple[int, int]) -> list[bytes]:
    """The values of objects with these tags and lengths; refuses 6700 and 6A80."""
    if len(data) != sum(2 + length for _, length in shape):
        raise Refusal(0x6700)
    values = []
    at = 0
    for tag, length in shape:
        if data[at : at + 2] != bytes((tag, length)):
            raise Refusal(0x6A80)
        values.append(data[at + 2 : at + 2 + length])
        at += 2 + length
    return values


def variable(data: bytes, *tags: int) -> list[bytes]:
    """The values of objects with these tags, BER lengths; refuses 6700 (no data) and 6A80."""
    if not data:
        raise Refusal(0x6700)
    try:
        objects = parse_ber(data)
    except TlvError:
        raise Refusal(0x6A80) from None
    if [each.tag for each in objects] != list(tags):
        raise Refusal(0x6A80)
    return [each.value for each in objects]


def fid(value: bytes) -> int:
    """A file identifier; refuses 6A80."""
    if len(value) != FID_LENGTH:
        raise Refusal(0x6A80)
    return int.from_bytes(value, "big")
