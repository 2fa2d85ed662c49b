"""Commands of bank applications in words (ref 04 §4, 14 §4, 02 §10 for the wallet)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from sscard_ic.apdu.masked import Masked
from sscard_ic.apdu.names import without_mac
from sscard_ic.base.errors import Text
from sscard_ic.explain import bank_words, layout
from sscard_ic.explain.bank_state import CDOL1, CDOL2, DDOL, LOAD_FORMAT, PDOL, values_of
from sscard_ic.explain.layout import field
from sscard_ic.explain.records import mac_of
from sscard_ic.explain.sent import Sent
from sscard_ic.explain.session import Asked, Session, Told
from sscard_ic.explain.statuses import Reasons
from sscard_ic.explain.tags import TAGS
from sscard_ic.explain.tlv import explain_objects, find
from sscard_ic.explain.words import NO_WORDS, Detail, bytes_of, count, joined, same

Handler = Callable[[Session, Sent, Text], Asked]

_FORMAT_1 = 0x80
_COMMAND_TEMPLATE = 0x83
_COMBINED = 0x10
_BY_NUMBER = 0x04
_PDOL_DATA = Text("PDOL 数据", "PDOL data")
_CDOL_DATA = Text("CDOL 数据", "CDOL data")
_DDOL_DATA = Text("DDOL 数据", "DDOL data")
_COUNTER = Text("ATC", "ATC")
_MOST_TOLD = 4
"""Values of one record that the summary says."""


def _tagged(tag: str, length: int) -> layout.Field:
    return layout.Field(TAGS[tag].name, length, TAGS[tag].words)


_OPTIONS = (_tagged("82", 2), _tagged("94", 0))
_CRYPTOGRAM = (_tagged("9F27", 1), _tagged("9F36", 2), _tagged("9F26", 8), _tagged("9F10", 0))
_SIGNATURE = (_tagged("9F4B", 0),)
_FORMATS = {
    "options": (("82", _OPTIONS[0]), ("94", _OPTIONS[1])),
    "cryptogram": tuple(zip(("9F27", "9F36", "9F26", "9F10"), _CRYPTOGRAM, strict=True)),
    "signature": (("9F4B", _SIGNATURE[0]),),
}
_KINDS = {0x00: "AAC", 0x40: "TC", 0x80: "ARQC"}
_WALLETS = {1: Text("电子存折", "ED"), 2: Text("电子钱包", "EP")}
_LOAD_HEAD = (
    field("修改的标签", "tag changed", 2),
    layout.Field(Text("修改前金额", "amount before"), 6, TAGS["9F79"].words),
    layout.Field(Text("修改后金额", "amount after"), 6, TAGS["9F79"].words),
)
_LOAD_HEAD_LENGTH = sum(each.length for each in _LOAD_HEAD)

_SCRIPT: Reasons = {
    0x6985: Text(
        "当前状态不接受脚本：尚无应用密文，或前一条脚本或发卡行认证失败",
        "no script in this state: no cryptogram yet, or a script or issuer authentication failed",
    ),
    0x6987: Text("缺少 MAC", "the MAC is missing"),
    0x6988: Text("脚本 MAC 错误", "the MAC of the script is wrong"),
    0x6A80: Text("数据不对，或超过上限", "wrong data, or above its limit"),
    0x6A83: Text("没有该记录", "there is no such record"),
    0x6A88: Text("没有该数据对象", "there is no such data object"),
}
_PIN: Reasons = {
    0x6983: Text("密码次数刚用尽", "the last try of the PIN is spent"),
    0x6984: Text("密码次数早已用尽", "the PIN tries were exhausted before"),
    0x6A86: Text("密码形式不支持", "the card does not take this form of the PIN"),
}
_PLAIN_PIN = {0x80: Text("明文", "in plain"), 0x88: Text("密文", "enciphered")}
_NEW_PIN = Text("新密码密文", "new PIN, enciphered")
_SERVICES = {
    0x00: Text("解锁密码", "unblock the PIN"),
    0x01: Text("新密码，验证旧密码", "a new PIN, with the current one"),
    0x02: Text("新密码", "a new PIN"),
}


def handler_here(session: Session, header: bytes) -> Handler | None:
    """The words for a command that means something of its own in a bank application."""
    if session.place.application != "bank":
        return None
    return _HERE.get(without_mac(header[:2]))


# -- transaction ------------------------------------------------------------------------------


def processing_options(session: Session, sent: Sent, name: Text) -> Asked:
    """GET PROCESSING OPTIONS: data by the PDOL; the answer AIP and AFL, or a whole payment."""
    asked = Asked(name, read=lambda data: _told(session, data, "options"))
    head = sent.data.head
    if len(head) > 1 and head[0] == _COMMAND_TEMPLATE and head[1] == len(sent.data) - 2:
        values = sent.data.cut(2, len(sent.data))
        asked.details = values_of(session.bank.lists.get(PDOL), values, _PDOL_DATA)
    elif sent.data:
        asked.details = (Detail(_PDOL_DATA, raw=sent.data),)
    asked.reasons = {
        0x6985: Text("不满足使用条件", "the card takes no such transaction"),
        0x6700: Text("长度与 PDOL 不符", "the length does not suit the PDOL"),
    }

    def begun() -> None:
        session.bank.cryptograms = 0

    asked.succeeded = begun
    return asked


def generate_ac(session: Session, sent: Sent, name: Text) -> Asked:
    """GENERATE AC of the kind that P1 asks for, data by CDOL1 or CDOL2."""
    kind = _KINDS.get(sent.p1 & 0xC0, f"{sent.p1:02X}")
    about = Text(f"{kind}，复合签名", f"{kind}, combined") if sent.p1 & _COMBINED else same(kind)
    tag = CDOL2 if session.bank.cryptograms else CDOL1
    details = values_of(session.bank.lists.get(tag), sent.data, _CDOL_DATA)
    asked = Asked(name, about, details=details)
    asked.read = lambda data: _told(session, data, "cryptogram")
    asked.reasons = {
        0x6700: Text(f"长度与 CDOL{tag[-1]} 不符", "the length does not suit the CDOL"),
    }

    def answered() -> None:
        session.bank.cryptograms += 1

    asked.succeeded = answered
    return asked


def _told(session: Session, data: Masked, form: str) -> Told:
    """Objects; those of format 1 are one string of fields behind the tag 80."""
    if not data:
        return Told()
    details = _format_1(data, form) or explain_objects(data)
    session.bank.learn(details)
    return Told(_in_short(details) or bytes_of(len(data)), details)


def _format_1(data: Masked, form: str) -> tuple[Detail, ...]:
    head = data.head
    if not head or head[0] != _FORMAT_1:
        return ()
    long = len(head) > 2 and head[1] == 0x81
    start, size = (3, head[2]) if long else (2, head[1] if len(head) > 1 else -1)
    if size != len(data) - start:
        return ()
    fields = _FORMATS[form]
    split = layout.split(data.cut(start, len(data)), [each for _, each in fields])
    tags = [tag for tag, _ in fields]
    return tuple(
        replace(detail, tag=tag) if tag else detail
        for detail, tag in zip(split, [*tags, *[""] * len(split)], strict=False)
    )


def _in_short(details: tuple[Detail, ...]) -> Text | None:
    """Kind of a cryptogram and counter; AIP of a card; else nothing."""
    parts = []
    for tag in ("82", "9F27", "9F10"):
        found = find(details, tag)
        if found is None or found.raw.hidden or not found.raw:
            continue
        if tag == "82" and found.value is not None:
            parts.append(Text(f"AIP：{found.value.zh}", f"AIP: {found.value.en}"))
        elif tag == "9F27" and found.value is not None:
            parts.append(found.value)
        elif tag == "9F10" and find(details, "9F27") is None and len(found.raw) > 4:
            parts.append(bank_words.kind_of(found.raw.head[4] >> 4))
    counter = find(details, "9F36")
    if counter is not None and counter.value is not None:
        parts.append(Text(f"{_COUNTER.zh} {counter.value.zh}", f"ATC {counter.value.en}"))
    return joined(parts) if parts else None


def internal_authenticate(session: Session, sent: Sent, name: Text) -> Asked:
    """INTERNAL AUTHENTICATE: the card signs values by its DDOL."""
    details = values_of(session.bank.lists.get(DDOL), sent.data, _DDOL_DATA)
    return Asked(name, details=details, read=lambda data: _told(session, data, "signature"))


def external_authenticate(session: Session, sent: Sent, name: Text) -> Asked:
    """EXTERNAL AUTHENTICATE: the issuer proves itself by the ARPC."""
    fields = (
        field("授权响应密文", "ARPC", 8),
        layout.Field(TAGS["8A"].name, 2, TAGS["8A"].words),
    )
    asked = Asked(name, Text("发卡行", "of the issuer"), details=layout.split(sent.data, fields))
    asked.reasons = {
        0x6985: Text("本次交易已做过，或状态不对", "done before in this transaction"),
    }
    return asked


# -- data -------------------------------------------------------------------------------------


def read_record(session: Session, sent: Sent, name: Text) -> Asked:
    """READ RECORD: a template, or a line of a log."""
    sfi = sent.p2 >> 3
    place = f"{session.place.directory}.{sfi:02X}"
    form = session.bank.logs.get(sfi)
    which = Text(f"记录 {sent.p1}", f"record {sent.p1}")
    if form is not None:
        title = TAGS["DF4D" if form == LOAD_FORMAT else "9F4D"].name
        log = Text(title.zh.removesuffix("入口"), title.en.removesuffix(" entry"))
        which = joined((log, which))
    asked = Asked(name, Text(f"{place}，{which.zh}", f"{place}, {which.en}"), place)
    asked.reasons = {
        0x6A83: Text("没有该记录", "the file has no such record"),
        0x6A82: Text("没有该文件", "there is no such file"),
        0x6985: Text("当前状态不允许读", "not to be read in this state"),
    }
    asked.read = lambda data: _record(session, data, form)
    return asked


def _record(session: Session, data: Masked, form: str | None) -> Told:
    if not data:
        return Told()
    if form is not None:
        details = _logged(session, data, form)
        return Told(count(len(details), "value", "项"), details)
    details = explain_objects(data)
    session.bank.learn(details)
    leaves = [leaf for detail in details for leaf in _leaves(detail)]
    if not 0 < len(leaves) <= _MOST_TOLD:
        return Told(count(len(leaves), "object", "个数据对象"), details)
    return Told(joined(leaf.value or bytes_of(len(leaf.raw)) for leaf in leaves), details)


def _leaves(detail: Detail) -> list[Detail]:
    if not detail.parts:
        return [detail]
    return [leaf for part in detail.parts for leaf in _leaves(part)]


def _logged(session: Session, data: Masked, form: str) -> tuple[Detail, ...]:
    head: tuple[Detail, ...] = ()
    if form == LOAD_FORMAT:
        head = layout.split(data.cut(0, _LOAD_HEAD_LENGTH), _LOAD_HEAD)
        data = data.cut(_LOAD_HEAD_LENGTH, len(data))
    return head + values_of(session.bank.lists.get(form), data, Text("日志记录", "log record"))


def get_data(session: Session, sent: Sent, name: Text) -> Asked:
    """GET DATA or PUT DATA of the object whose tag is P1 P2."""
    code = sent.header[2:].hex().upper()
    tag = TAGS.get(code if sent.p1 else code[2:])
    title = tag.name if tag else Text("未知标签", "unknown tag")
    about = Text(f"{code} {title.zh}", f"{code} {title.en}")
    details: tuple[Detail, ...] = ()
    if sent.plain:
        words = layout.said(tag.words, sent.plain) if tag else None
        details = (Detail(title, words, sent.plain),)
        if sent.secure and words is not None:
            about = Text(f"{about.zh} = {words.zh}", f"{about.en} = {words.en}")
    asked = Asked(name, about, details=(*details, *mac_of(sent)))
    if sent.secure:
        asked.reasons = _SCRIPT
    asked.read = lambda data: _told_object(session, data)
    return asked


def _told_object(session: Session, data: Masked) -> Told:
    if not data:
        return Told()
    details = explain_objects(data)
    session.bank.learn(details)
    only = details[0].value if len(details) == 1 else None
    return Told(only or bytes_of(len(data)), details)


# -- PIN and scripts --------------------------------------------------------------------------


def verify(session: Session, sent: Sent, name: Text) -> Asked:
    """VERIFY of the offline PIN; the PIN is never shown."""
    form = _PLAIN_PIN.get(sent.p2, same(f"{sent.p2:02X}"))
    about = Text(f"持卡人密码，{form.zh}", f"the holder's PIN, {form.en}")
    asked = Asked(name, about, reasons=_PIN, secret=True)
    if sent.data:
        asked.details = (Detail(Text("密码", "PIN"), raw=Masked.of(len(sent.data))),)
    return asked


def pin_service(session: Session, sent: Sent, name: Text) -> Asked:
    """PIN CHANGE/UNBLOCK by an issuer script."""
    about = _SERVICES.get(sent.p2, same(f"{sent.p2:02X}"))
    asked = Asked(name, about, session.place.directory, reasons=_SCRIPT, secret=True)
    parts = (
        (Text("新密码密文", "new PIN, enciphered"), sent.plain),
        (Text("MAC", "MAC"), sent.mac),
    )
    asked.details = tuple(Detail(what, raw=Masked.of(len(raw))) for what, raw in parts if raw)
    return asked


def script(session: Session, sent: Sent, name: Text) -> Asked:
    """APPLICATION BLOCK, APPLICATION UNBLOCK, CARD BLOCK."""
    rest = (Detail(Text("数据", "data"), raw=sent.plain),) if sent.plain else ()
    about = same(session.place.directory)
    return Asked(name, about, details=(*rest, *mac_of(sent)), reasons=_SCRIPT)


def update_record(session: Session, sent: Sent, name: Text) -> Asked:
    """UPDATE RECORD by an issuer script."""
    place = f"{session.place.directory}.{sent.p2 >> 3:02X}"
    about = Text(f"{place}，记录 {sent.p1}", f"{place}, record {sent.p1}")
    details = explain_objects(sent.plain) if sent.plain else ()
    return Asked(name, about, place, details=(*details, *mac_of(sent)), reasons=_SCRIPT)


_HERE: Mapping[bytes, Handler] = {
    bytes.fromhex(header): handler
    for header, handler in {
        "0020": verify,
        "0082": external_authenticate,
        "0088": internal_authenticate,
        "00B2": read_record,
        "00DC": update_record,
        "8016": script,
        "8018": script,
        "801E": script,
        "8024": pin_service,
    }.items()
}


# -- wallet -----------------------------------------------------------------------------------


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
