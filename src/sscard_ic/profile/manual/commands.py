"""The commands that reach a file, as templates: nn record number, tt tag, hh ll offset."""

from __future__ import annotations

from collections.abc import Iterator

from sscard_ic.base.errors import Text
from sscard_ic.profile.dialect import Features
from sscard_ic.profile.manual.page import code
from sscard_ic.profile.structure import File

_CURRENT = 0x04
"""P2 of a record of the current file by number; the short identifier stands above its low bits."""


def reading(file: File, sfi: int, features: Features) -> Text:
    """READ BINARY or READ RECORD, in every way that the chip offers."""
    if file.structure == "transparent":
        return _joined("READ BINARY", [_binary("B0", sfi, features)])
    ways = list(_record_ways("B2", file, sfi, features))
    if features.all_records:
        every = code("00 B2 nn 05")
        ways.append(Text(f"自 nn 起全部 {every}", f"all from nn on {every}"))
    return _joined("READ RECORD", ways)


def updating(file: File, sfi: int, features: Features) -> Text:
    """UPDATE BINARY, UPDATE RECORD or APPEND RECORD."""
    if file.structure == "transparent":
        return _joined("UPDATE BINARY", [_binary("D6", sfi, features)])
    if file.structure == "cyclic":
        append = code(f"00 E2 00 {sfi << 3:02X}")
        return _joined("APPEND RECORD", [Text(append, append)])
    return _joined("UPDATE RECORD", list(_record_ways("DC", file, sfi, features)))


def _joined(name: str, ways: list[Text]) -> Text:
    return Text(
        f"{name} {'，'.join(way.zh for way in ways)}", f"{name} {', '.join(way.en for way in ways)}"
    )


def _binary(ins: str, sfi: int, features: Features) -> Text:
    return _way(f"00 {ins} hh ll", f"00 {ins} {0x80 | sfi:02X} ll", features)


def _record_ways(ins: str, file: File, sfi: int, features: Features) -> Iterator[Text]:
    number = _way(f"00 {ins} nn 04", f"00 {ins} nn {sfi << 3 | _CURRENT:02X}", features)
    yield Text(f"按记录号 {number.zh}", f"by number {number.en}")
    if features.by_tag and file.tagged:
        tag = _way(f"00 {ins} tt 00", f"00 {ins} tt {sfi << 3:02X}", features)
        yield Text(f"按标签 {tag.zh}", f"by tag {tag.en}")


def _way(current: str, short: str, features: Features) -> Text:
    if not features.sfi:
        return Text(code(current), code(current))
    return Text(
        f"{code(current)}（以 SFI：{code(short)}）", f"{code(current)} (by SFI {code(short)})"
    )
