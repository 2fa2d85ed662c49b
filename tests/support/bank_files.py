"""Writers of bank data files (ref 04 §7.10, 15 §4), on ``struct`` alone: synthetic cards."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sscard_ic.card.bank_plan import PlannedGroup

AID = bytes.fromhex("A000000333010101")
PSE, PPSE = b"1PAY.SYS.DDF01", b"2PAY.SYS.DDF01"
Groups = Sequence[tuple[int, bytes]]

PAN = "8888800000123456"
ENTRY = bytes.fromhex("61194F08A000000333010101500A50424F43204445424954870101")
DIRECTORY = ((0x0101, b"\x70\x1b" + ENTRY), (0x9102, bytes.fromhex("A5088801015F2D027A68")))
CONTACTLESS = ((0x9102, b"\xa5\x1e\xbf\x0c\x1b" + ENTRY),)
KEYS, PIN, PRIVATE = bytes(range(48)), bytes(range(8)), bytes(range(32))


@dataclass(frozen=True)
class FileCard:
    """What is written for one card: groups by application, numbers as in the file."""

    payment: Groups = field(repr=False)
    pse: Groups = ()
    ppse: Groups = ()
    enciphered: frozenset[int] = frozenset()
    """Groups of the payment application that the file marks, where a format can."""
    aid: bytes = AID
    """Of the payment application."""

    def aid_of(self, name: str) -> bytes:
        """Of one of the applications."""
        return {"payment": self.aid, "pse": PSE, "ppse": PPSE}[name]

    @property
    def applications(self) -> list[tuple[str, Groups]]:
        """Those that have groups."""
        all_of_them = (("payment", self.payment), ("pse", self.pse), ("ppse", self.ppse))
        return [(name, groups) for name, groups in all_of_them if groups]


def record(pan: str = PAN, extra: bytes = b"") -> bytes:
    """Track 2, number and sequence in a record."""
    track = bytes.fromhex(pan + "D49122200000000000000F")
    body = b"\x57" + struct.pack("B", len(track)) + track + b"\x5f\x34\x01\x01" + extra
    return b"\x70" + struct.pack("B", len(body)) + body


def card(pan: str = PAN) -> FileCard:
    """A card with everything that a reader has to treat in its own way."""
    payment = [
        (0x0101, record(pan)),
        (0x0301, b"\x70\x0a\x5a\x08" + bytes.fromhex(pan)),
        (0x8000, KEYS),
        (0x9000, bytes(9)),
        (0x8010, PIN),
        (0x9010, b"\x03\x03"),
    ]
    return FileCard(payment, DIRECTORY, CONTACTLESS, frozenset({0x8000, 0x8010}))


def content(group: PlannedGroup) -> bytes:
    if group.transported is not None:
        return group.transported.data
    return group.secret.reveal() if group.secret is not None else group.value or b""


def group(number: int, value: bytes, form: str = "escaped") -> bytes:
    """DGI, length, value."""
    if form == "two":
        return struct.pack(">HH", number, len(value)) + value
    if form == "one" or len(value) < 0xFF:
        return struct.pack(">HB", number, len(value)) + value
    return struct.pack(">HBH", number, 0xFF, len(value)) + value


def _ber(size: int) -> bytes:
    if size < 0x80:
        return struct.pack("B", size)
    return struct.pack("BB", 0x81, size) if size < 0x100 else struct.pack(">BH", 0x82, size)


def _items(cards: Sequence[FileCard], head: bytes, order: str) -> bytes:
    """Names of the first card; every card must have the same groups."""
    first = cards[0]
    names = [f"DGI{number:04X}" for number, _ in first.payment]
    names += [f"Store_PSE_{at}" for at in range(1, len(first.pse) + 1)]
    names += ["Store_PPSE"] * len(first.ppse) + ["DGIF001", "AID_8888"]
    out = head + struct.pack(f"{order}I", len(names))
    for name in names:
        out += struct.pack(f"{order}H", len(name)) + name.encode()
    for number, card in enumerate(cards, 1):
        own = [(0xF001, b"bureau"), (0x8888, AID)]
        items = b""
        for each in (*card.payment, *card.pse, *card.ppse, *own):
            item = group(*each)
            items += b"\x86" + _ber(len(item)) + item
        out += struct.pack(f"{order}IH", number, len(items)) + items
    return out


def yl(cards: Sequence[FileCard]) -> bytes:
    """UnionPay Data."""
    return _items(cards, bytes(8596), "<")


def citic(cards: Sequence[FileCard]) -> bytes:
    """China CITIC Bank; the length in its header is any."""
    return _items(cards, b"CITICDP" + struct.pack(">Q", 77), ">")


def ht(cards: Sequence[FileCard]) -> bytes:
    """Huateng."""
    out = b""
    for number, card in enumerate(cards, 1):
        chip = struct.pack("B", len(card.applications))
        for name, groups in card.applications:
            listed = b"".join(struct.pack(">H", each) for each, _ in groups)
            secret = [each for each, _ in groups if each in card.enciphered and name == "payment"]
            marked = b"".join(struct.pack(">H", each) for each in secret)
            body = struct.pack(">H", len(listed)) + listed
            body += struct.pack(">H", len(marked)) + marked + struct.pack(">H", 2) + listed[:2]
            body += b"".join(group(*each, "one") for each in groups)
            aid = card.aid_of(name)
            chip += struct.pack("B", len(aid)) + aid + struct.pack(">I", len(body)) + body
        modules = b""
        for kind, data in ((b"000PRN", b"embossed"), (b"000MAG", b""), (b"000EMV", chip)):
            modules += kind + struct.pack(">I", len(data)) + data
        out += struct.pack(">I10sc", number, b"MARK000001", b"1")
        out += struct.pack(">I", len(modules)) + modules
    return out


def dxt(cards: Sequence[FileCard]) -> bytes:
    """Shenzhen Huaxin."""
    parts = (b"FILE000001", b"0100", b"K" * 12, bytes(20), bytes(16), bytes(4), b"0001")
    out = b"".join(parts) + b"20261122105259" + bytes(128) + struct.pack(">I", len(cards))
    for card in cards:
        chip = struct.pack("B", len(card.applications))
        for name, groups in card.applications:
            data = b"".join(group(*each, "two") for each in groups)
            body = (
                struct.pack("B", len(card.aid_of(name)))
                + card.aid_of(name)
                + b"TK0000000001"
                + b"\x01"
            )
            body += struct.pack(">H3s", 3, b"log") + struct.pack(">H", len(data)) + data
            body += struct.pack("B4s", 4, bytes(4))
            chip += struct.pack(">H", len(body)) + body
        modules = b"PRINT  0000004name" + b"CHIP   " + f"{len(chip):07}".encode() + chip
        out += struct.pack(">I", len(modules)) + modules
    return out


def cps(cards: Sequence[FileCard], lists: bytes = bytes(10)) -> bytes:
    """EMV CPS; ``lists`` are ORDER, VERCNTL, ENC, RANDOM, GROUP with their lengths."""
    out = b""
    for card in cards:
        names = card.applications
        head = b"\x00" + b"00" + b"\x00" + struct.pack("B", len(names))
        for name, _ in names:
            head += struct.pack("B", len(card.aid_of(name))) + card.aid_of(name)
        body = struct.pack(">H", len(head)) + head
        for name, groups in names:
            aid = struct.pack("B", len(card.aid_of(name))) + card.aid_of(name) + b"\x03\x01TK"
            step = b"\x0f\x01\xef" + struct.pack(">H", len(lists) + 2) + lists + bytes(4)
            steps = struct.pack("B", len(step)) + step
            data = b"".join(group(*each) for each in groups)
            data = b"\xef" + _ber(len(data)) + data
            part = struct.pack("B", len(aid)) + aid
            owner = b"\x05OWNER" + struct.pack(">H", len(steps)) + steps
            part += struct.pack(">H", len(owner)) + owner + bytes(2)
            part += struct.pack(">H", len(data)) + data + b"\x00"
            body += struct.pack(">H", len(part)) + part
        out += b"02.1" + struct.pack(">H", len(body)) + body
    return out


def lines(cards: Sequence[FileCard]) -> bytes:
    """Lines of groups, of one card."""
    (card,) = cards
    out = "# made up\n"
    for name, groups in card.applications:
        out += f"[{name}]\n" + "".join(f"DGI{each:04X}={value.hex()}\n" for each, value in groups)
    return out.encode()


def sections(cards: Sequence[FileCard], tags: Mapping[int, Sequence[str]] | None = None) -> bytes:
    """Sections, of one card; ``tags`` are the objects of groups that are not written whole."""
    (card,) = cards
    out = "; made up\n"
    for name, groups in card.applications:
        for at, (number, value) in enumerate(groups, 1):
            head = {"payment": f"DGI{number:04X}", "pse": f"Store_PSE_{at}", "ppse": "Store_PPSE"}
            out += f"[{head[name]}]\n"
            parts = (tags or {}).get(number) if name == "payment" else None
            if parts is not None:
                out += "".join(f"{_tag(each)}={each}\n" for each in parts)
            elif value[:1] in (b"\x70", b"\xa5"):
                out += f"{value[:1].hex()}={value.hex()}\n"
            else:
                out += f"{number:04X}={value.hex()}\n"
    return out.encode()


def _tag(text: str) -> str:
    return text[:4] if int(text[:2], 16) & 0x1F == 0x1F else text[:2]


WRITERS: Mapping[str, Callable[[Sequence[FileCard]], bytes]] = {
    "yl": yl,
    "citic": citic,
    "ht": ht,
    "dxt": dxt,
    "cps": cps,
    "lines": lines,
    "sections": sections,
}
MANY = ("yl", "citic", "ht", "dxt", "cps")
"""Formats with many cards in a file."""
