"""Commands of bank applications in words, as far as a reader of this card meets them.

Source: ref 04 §2, §4.2, §4.3, 02 §10 (wallet).
"""

from __future__ import annotations

from sscard_ic.apdu.masked import Masked
from sscard_ic.base.errors import Text
from sscard_ic.explain import layout
from sscard_ic.explain.layout import field
from sscard_ic.explain.sent import Sent
from sscard_ic.explain.session import Asked, Session, Told
from sscard_ic.explain.tags import TAGS
from sscard_ic.explain.tlv import explain_objects
from sscard_ic.explain.words import NO_WORDS, Detail, bytes_of, count, same

_FORMAT_1 = 0x80
_PDOL_DATA = Text("PDOL 数据", "PDOL data")
_CDOL_DATA = Text("CDOL 数据", "CDOL data")
_OPTIONS = (
    layout.Field(TAGS["82"].name, 2),
    layout.Field(TAGS["94"].name, 0, TAGS["94"].words),
)
_CRYPTOGRAM = (
    layout.Field(TAGS["9F27"].name, 1),
    layout.Field(TAGS["9F36"].name, 2, layout.number),
    layout.Field(TAGS["9F26"].name, 8),
    layout.Field(TAGS["9F10"].name, 0),
)
_KINDS = {0x00: "AAC", 0x40: "TC", 0x80: "ARQC"}
_WALLETS = {1: Text("电子存折", "ED"), 2: Text("电子钱包", "EP")}


def processing_options(session: Session, sent: Sent, name: Text) -> Asked:
    """GET PROCESSING OPTIONS: data by the PDOL, the answer AIP and AFL."""
    details = (Detail(_PDOL_DATA, raw=sent.data),) if sent.data else ()
    return Asked(name, details=details, read=lambda data: _objects(data, _OPTIONS))


def generate_ac(session: Session, sent: Sent, name: Text) -> Asked:
    """GENERATE AC of the kind that P1 asks for."""
    kind = _KINDS.get(sent.p1 & 0xC0, f"{sent.p1:02X}")
    details = (Detail(_CDOL_DATA, raw=sent.data),) if sent.data else ()
    return Asked(name, same(kind), details=details, read=lambda data: _objects(data, _CRYPTOGRAM))


def _objects(data: Masked, fields: tuple[layout.Field, ...]) -> Told:
    """Objects; those of format 1 are one string of fields behind the tag 80."""
    if not data:
        return Told()
    head = data.head
    if len(head) > 1 and head[0] == _FORMAT_1 and head[1] == len(data) - 2:
        return Told(bytes_of(len(data)), layout.split(data.cut(2, len(data)), fields))
    details = explain_objects(data)
    return Told(count(len(details), "object", "个数据对象"), details)


def get_data(session: Session, sent: Sent, name: Text) -> Asked:
    """GET DATA or PUT DATA of the object whose tag is P1 P2."""
    code = sent.header[2:].hex().upper()
    tag = TAGS.get(code if sent.p1 else code[2:])
    title = tag.name if tag else Text("未知标签", "unknown tag")
    about = Text(f"{code} {title.zh}", f"{code} {title.en}")
    details = (Detail(title, raw=sent.data),) if sent.data else ()
    return Asked(name, about, details=details, read=_told_object)


def _told_object(data: Masked) -> Told:
    if not data:
        return Told()
    details = explain_objects(data)
    only = details[0].value if len(details) == 1 else None
    return Told(only or bytes_of(len(data)), details)


def wallet(session: Session, sent: Sent, name: Text) -> Asked:
    """A command of the electronic purse of PBOC (ref 02 §10)."""
    which = _WALLETS.get(sent.p2)
    fields = {0x50: _INITIALIZE, 0x52: _CREDIT, 0x54: _DEBIT}.get(sent.header[1], _ANY)
    details = layout.split(sent.data, fields) if sent.data else ()
    about = which if which and sent.header[1] in (0x50, 0x5C) else NO_WORDS
    answered = (_BALANCE,) if sent.header[1] == _GET_BALANCE else _ANY
    return Asked(name, about, details=details, read=lambda data: _split(data, answered))


_INITIALIZE = (
    field("密钥索引", "key index", 1, layout.number),
    field("交易金额", "amount", 4, layout.amount),
    field("终端机编号", "terminal number", 6, layout.digits),
)
_CREDIT = (
    field("交易日期", "date", 4, layout.moment),
    field("交易时间", "time", 3, layout.clock_time),
    field("MAC2", "MAC2", 4),
)
_DEBIT = (
    field("终端交易序号", "terminal transaction number", 4, layout.number),
    *_CREDIT[:2],
    field("MAC1", "MAC1", 4),
)
_ANY = (field("数据", "data", 0),)
_BALANCE = field("余额", "balance", 4, layout.amount)
_GET_BALANCE = 0x5C


def _split(data: Masked, fields: tuple[layout.Field, ...]) -> Told:
    if not data:
        return Told()
    details = layout.split(data, fields)
    return Told(details[0].value or bytes_of(len(data)), details)
