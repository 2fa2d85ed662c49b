"""Files of text, of one card each: sections of tags, and lines of groups (ref 04 §7.10 b)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

from sscard_ic.base.errors import Text
from sscard_ic.codec.pboc.groups import DataGroup
from sscard_ic.codec.tlv import encode_ber, parse_ber
from sscard_ic.issuance.bank.files.cursor import Cursor
from sscard_ic.issuance.bank.files.raw import Flaw, Place, RawApplication, RawGroup
from sscard_ic.profile.bank_data import BankData
from sscard_ic.profile.financial import Instance

_MARK = b"\xef\xbb\xbf"
_SECTION = re.compile(r"\[([^\[\]]+)\]")
_INSTANCE = re.compile(r"\[(payment|pse|ppse)\]")
_GROUP = re.compile(r"(?:DGI)?([0-9A-Fa-f]{4})\s*=\s*((?:[0-9A-Fa-f]{2}\s*)*)", re.ASCII)
_OBJECT = re.compile(r"([0-9A-Fa-f]{2,8})\s*=\s*((?:[0-9A-Fa-f]{2}\s*)+)", re.ASCII)
_NUMBERED = re.compile(r"DGI([0-9A-Fa-f]{4})")
_TEMPLATE, _LAST_CODED_FILE = 0x70, 10


class _TextReader:
    """What both kinds share."""

    comments = "#"

    def __init__(self, data: bytes, rules: BankData) -> None:
        self._data = data
        self._rules = rules

    def records(self) -> Iterator[Cursor]:
        """The whole file is one card."""
        yield Cursor(self._data, record=1)

    def _lines(self) -> Iterator[tuple[str, Place]]:
        """Lines with something on them, without comments."""
        marked = self._data.startswith(_MARK)
        encoding = "utf-8" if marked else self._rules.encoding
        body = self._data.removeprefix(_MARK)
        for number, raw in enumerate(body.splitlines(), 1):
            place = Place(1, number, "line")
            try:
                line = raw.decode(encoding)
            except UnicodeDecodeError:
                raise Flaw(
                    place, Text(f"不是 {encoding} 文本", f"this is no {encoding} text")
                ) from None
            line = re.split(f"[{self.comments}]", line, maxsplit=1)[0].strip()
            if line:
                yield line, place


class LineReader(_TextReader):
    """``DGI0101=70…``; ``[pse]``, ``[ppse]`` and ``[payment]`` say whose groups follow."""

    def card(self, record: Cursor) -> list[RawApplication]:
        """The applications of the one card; raises :class:`Flaw`."""
        instance: Instance = "payment"
        groups: dict[Instance, list[RawGroup]] = {}
        start = Place(1, 1, "line")
        for line, place in self._lines():
            section, found = _INSTANCE.fullmatch(line), _GROUP.fullmatch(line)
            if section:
                instance = cast(Instance, section[1])
            elif found:
                number = found[1].upper()
                at = Place(1, place.at, "line", number)
                group = RawGroup(int(number, 16), bytes.fromhex(found[2]), at, number)
                groups.setdefault(instance, []).append(group)
            else:
                raise Flaw(place, Text("不是数据分组 DGIxxxx=…", "this is no data group DGIxxxx=…"))
        return [RawApplication(found, start, name) for name, found in groups.items()]


@dataclass
class _Section:
    name: str
    place: Place
    parts: list[tuple[str, bytes, Place]] = field(default_factory=list)
    """Key and value of each line."""


class SectionReader(_TextReader):
    """``[DGI0101]`` and below it ``57=57…``; sections of other names by the profile."""

    comments = "#;"

    def card(self, record: Cursor) -> list[RawApplication]:
        """The applications of the one card; raises :class:`Flaw`."""
        groups: dict[Instance, list[RawGroup]] = {}
        for section in self._sections():
            if self._rules.dropped(section.name, section.name.removeprefix("DGI")):
                continue
            instance = self._rules.applications.get(section.name, "payment")
            groups.setdefault(instance, []).append(self._group(section))
        start = Place(1, 1, "line")
        return [RawApplication(found, start, name) for name, found in groups.items()]

    def _sections(self) -> list[_Section]:
        sections: list[_Section] = []
        for line, place in self._lines():
            head, found = _SECTION.fullmatch(line), _OBJECT.fullmatch(line)
            if head:
                name = head[1].strip()
                at = Place(1, place.at, "line", name.removeprefix("DGI"))
                sections.append(_Section(name, at))
            elif found and sections:
                at = Place(1, place.at, "line", sections[-1].place.group)
                value = bytes.fromhex(found[2])
                sections[-1].parts.append((found[1].upper(), value, at))
            else:
                raise Flaw(
                    place, Text("不是 tag=TLV 或 [DGIxxxx]", "neither tag=TLV nor [DGIxxxx]")
                )
        return sections

    def _group(self, section: _Section) -> RawGroup:
        numbered = _NUMBERED.fullmatch(section.name)
        places = self._rules.sections.places
        if not numbered and section.name not in places:
            known = ", ".join(["DGIxxxx", *places])
            raise Flaw(
                section.place,
                Text(f"未知的节；已知：{known}", f"an unknown section; known: {known}"),
            )
        number = int(numbered[1], 16) if numbered else places[section.name]
        if not section.parts:
            raise Flaw(section.place, Text("节中没有内容", "nothing stands in the section"))
        value = self._value(number, section)
        return RawGroup(number, value, section.place, section.name)

    def _value(self, number: int, section: _Section) -> bytes:
        (key, alone, _), *more = section.parts
        if not more and key == f"{number:04X}":
            return alone  # keys, check values, counters: no objects
        for key, value, place in section.parts:
            if not _is_object(key, value):
                raise Flaw(
                    place, Text("不是该标签的完整 TLV", "this is not one whole object of the tag")
                )
        whole = b"".join(value for _, value, _ in section.parts)
        record = DataGroup(number, whole).record
        coded = record is not None and record[0] <= _LAST_CODED_FILE
        bare = int(section.parts[0][0], 16) != _TEMPLATE
        if coded and bare and self._rules.sections.template == "as_needed":
            return encode_ber(_TEMPLATE, whole)
        return whole


def _is_object(key: str, value: bytes) -> bool:
    """Whether a value is one object with the tag ``key``."""
    try:
        (found,) = parse_ber(value)
    except ValueError:  # damaged, or not just one
        return False
    return found.tag == int(key, 16)
