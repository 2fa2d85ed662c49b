"""Commands on transparent files in words (ref 01 §11.4, 02 §1.3)."""

from __future__ import annotations

from sscard_ic.apdu.masked import Masked
from sscard_ic.base.errors import Text
from sscard_ic.explain import layout
from sscard_ic.explain.items import item_detail
from sscard_ic.explain.records import MAC_NAME, REASONS, mac_of, selects
from sscard_ic.explain.sent import MAC, Sent
from sscard_ic.explain.session import Asked, Session, Told
from sscard_ic.explain.words import Detail, bytes_of

_BY_SFI = 0x80
_DATA = Text("数据", "data")


def address(session: Session, sent: Sent) -> tuple[int | None, int]:
    """The file and the offset that P1 and P2 name."""
    if sent.p1 & _BY_SFI:
        return session.fid_by_sfi(sent.p1 & 0x1F), sent.p2
    return session.file, sent.p1 << 8 | sent.p2


def read_binary(session: Session, sent: Sent, name: Text) -> Asked:
    """READ BINARY of the current file, or of one by its short identifier."""
    fid, offset = address(session, sent)
    file = session.known_file(fid)
    asked = Asked(name, about(session, fid, offset, None), session.path(fid), reasons=REASONS)
    asked.details = mac_of(sent)
    asked.rule = file.places[0].read if file else None
    asked.succeeded = selects(session, fid)
    asked.read = lambda data: _told(session, sent, fid, offset, data)
    return asked


def _told(session: Session, sent: Sent, fid: int | None, offset: int, data: Masked) -> Told:
    mac: tuple[Detail, ...] = ()
    if sent.secure and session.names.profile.dialect.messaging.answer_mac == "data":
        mac = (Detail(MAC_NAME, raw=data.cut(max(len(data) - MAC, 0), len(data))),)
        data = data.cut(0, len(data) - MAC)
    if not data:
        return Told(details=mac)
    details = _content(session, fid, offset, data)
    only = details[0].value if len(details) == 1 else None
    return Told(only or bytes_of(len(data)), details + mac)


def update_binary(session: Session, sent: Sent, name: Text) -> Asked:
    """UPDATE BINARY, and WRITE BINARY of older cards."""
    fid, offset = address(session, sent)
    file = session.known_file(fid)
    data = sent.plain
    asked = Asked(name, about(session, fid, offset, len(data)), session.path(fid), reasons=REASONS)
    asked.details = (*_content(session, fid, offset, data), *mac_of(sent))
    asked.rule = file.places[0].update if file else None
    asked.succeeded = selects(session, fid)
    return asked


def about(session: Session, fid: int | None, offset: int, size: int | None) -> Text:
    words = session.file_words(fid)
    if size is None and offset == 0:
        return words
    if size is None:
        return Text(f"{words.zh}，字节 {offset} 起", f"{words.en}, from byte {offset} on")
    last = offset + size - 1
    return Text(f"{words.zh}，字节 {offset}–{last}", f"{words.en}, bytes {offset} to {last}")


def _content(session: Session, fid: int | None, offset: int, data: Masked) -> tuple[Detail, ...]:
    """What the bytes of a file say; a piece of it only how long it is."""
    file, foreign = session.known_file(fid), session.foreign_file(fid)
    if file is not None:
        place = file.places[0]
        if offset == 0 and len(data) == place.item.length:
            return (item_detail(session.names, place, data, ""),)
        return (Detail(place.item.title, bytes_of(len(data)), data),)
    if foreign is not None and offset == 0 and foreign.fields:
        return layout.split(data, foreign.fields[: _fields_in(foreign.fields, len(data))])
    title = foreign.title if foreign is not None else _DATA
    return (Detail(title, bytes_of(len(data)), data),)


def _fields_in(fields: tuple[layout.Field, ...], size: int) -> int:
    """How many fields begin within ``size`` bytes."""
    at = number = 0
    for each in fields:
        if at >= size:
            break
        at += each.length
        number += 1
    return number
