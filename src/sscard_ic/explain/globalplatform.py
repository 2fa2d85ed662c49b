"""Commands that build up the bank's applications, in words (ref 04 §7, 15 §6).

The host's proof and the MACs of a channel are not shown, and of data groups with keys, PIN or
private keys the number and the length alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from sscard_ic.apdu.globalplatform import ENCIPHERED, LAST, SECURE_CLASS, Installation
from sscard_ic.apdu.globalplatform import parse_status as parse_installed
from sscard_ic.apdu.masked import Masked
from sscard_ic.apdu.names import command_name, without_mac
from sscard_ic.apdu.status import StatusWord
from sscard_ic.base.errors import Text
from sscard_ic.codec.pboc.groups import DataGroup, whole_length
from sscard_ic.codec.tlv import TlvError
from sscard_ic.explain import layout
from sscard_ic.explain.applications import name_words, named
from sscard_ic.explain.bank_state import ChannelState, group_numbers
from sscard_ic.explain.groups import group_title, is_known, is_open, read_group
from sscard_ic.explain.layout import Field, field
from sscard_ic.explain.sent import Sent
from sscard_ic.explain.session import Asked, Session, Told
from sscard_ic.explain.statuses import Reasons
from sscard_ic.explain.tlv import explain_objects
from sscard_ic.explain.words import Detail, bytes_of, count, joined, same

Handler = Callable[[Session, Sent, Text], Asked]

_MAC = 8
_CHALLENGE = 8
_UPDATE, _AUTHENTICATE = b"\x80\x50", b"\x80\x82"
_BUILDING = ("issuer", "bank", "payment system")
"""Applications that a channel may be opened to."""

_LEVELS = {
    0x00: Text("无保护", "no protection"),
    0x01: Text("C-MAC", "C-MAC"),
    0x03: Text("C-MAC 和加密", "C-MAC and encipherment"),
}
_UPDATE_ANSWER = (
    field("KMCID", "KMC identifier", 6),
    field("芯片序列号 CSN", "chip serial number (CSN)", 4),
    field("密钥版本", "key version", 1),
    field("安全通道协议", "secure channel protocol", 1),
)
_SEQUENCE = (
    field("序列计数器", "sequence counter", 2, layout.number),
    field("卡随机数", "challenge of the card", 6),
)
_CARD_CHALLENGE = (field("卡随机数", "challenge of the card", 8),)
_CARD_CRYPTOGRAM = field("卡密文", "card cryptogram", 8)
_PROOF = (
    Field(Text("主机密文", "host cryptogram"), 8, secret=True),
    Field(Text("C-MAC", "C-MAC"), _MAC, secret=True),
)
_PROTOCOL_AT = 11
_STATES: Mapping[int, Text] = {
    0x03: Text("已安装", "installed"),
    0x07: Text("可选择", "selectable"),
    0x0F: Text("已个人化", "personalized"),
    0x83: Text("已锁定", "locked"),
}
_NOTHING = Text("卡上没有应用", "no applications on the card")
_MORE = Text("还有更多应用", "more of them follow")
_ENCIPHERED_DATA = Text("密文数据", "enciphered data")
_MAC_NAME = Text("C-MAC", "C-MAC")
_DATA = Text("数据", "data")

_CHANNEL_REASONS: Reasons = {
    0x6300: Text("主机密文错误：卡内密钥不同", "another host cryptogram: the card has other keys"),
    0x6982: Text("C-MAC 错误", "the C-MAC is wrong"),
    0x6985: Text("没有初始化更新，或应用已个人化", "no INITIALIZE UPDATE before, or personalized"),
    0x6A88: Text("卡上没有该版本的密钥", "the card has no keys of this version"),
}
_STORE_REASONS: Reasons = {
    0x6A80: Text("分组内容不对", "the content of a group is wrong"),
    0x6A86: Text("块号不对，或数据还不完整", "a block out of order, or data still missing"),
    0x6A88: Text("卡不认识该分组", "the card does not know the group"),
    0x6982: Text("没有安全通道，或 C-MAC 错误", "no secure channel, or a wrong C-MAC"),
    0x6984: Text("分组中有未知标签", "an unknown tag in a group"),
    0x6985: Text("没有安全通道，或应用已个人化", "no secure channel, or personalized already"),
    0x9311: Text("AC 密钥校验值不符", "wrong check value of the AC key"),
    0x9312: Text("MAC 密钥校验值不符", "wrong check value of the MAC key"),
    0x9313: Text("ENC 密钥校验值不符", "wrong check value of the ENC key"),
    0x9481: Text("块号不对", "a block out of order"),
}
_MANAGER_REASONS: Reasons = {
    0x6982: Text("没有安全通道，或 C-MAC 错误", "no secure channel, or a wrong C-MAC"),
    0x6985: Text("不允许：已存在，或不可删除", "not allowed: there already, or not to be deleted"),
    0x6A80: Text("数据格式不对", "data of another form"),
    0x6A88: Text("没有该包、模块或应用", "there is no such package, module or application"),
}


def handler_here(session: Session, sent: Sent) -> tuple[Text, Handler] | None:
    """Name and words of a command that belongs to a channel, or builds something up."""
    kind = without_mac(sent.header[:2])
    name = command_name(sent.header, "issuer")
    if name is None:
        return None
    here = session.place.application in _BUILDING
    if kind == _UPDATE and (len(sent.data) == _CHALLENGE or session.place.application == "issuer"):
        return name, initialize_update
    if kind == _AUTHENTICATE and sent.header[0] == SECURE_CLASS:
        begun = session.channel is not None
        return (name, external_authenticate) if begun or here else None
    if kind == b"\x80\xe2":
        return name, store_data
    if here and (handler := _MANAGER.get(kind)) is not None:
        return name, handler
    return None


# -- channel ----------------------------------------------------------------------------------


def initialize_update(session: Session, sent: Sent, name: Text) -> Asked:
    """INITIALIZE UPDATE: the host's challenge against key data, challenge and cryptogram."""
    asked = Asked(name, place=session.place.directory, reasons=_CHANNEL_REASONS)
    asked.details = layout.split(sent.data, (field("主机随机数", "challenge of the host", 8),))
    asked.read = _updated

    def begun() -> None:
        session.channel = ChannelState()

    asked.succeeded = begun
    return asked


def _updated(data: Masked) -> Told:
    if not data:
        return Told()
    protocol = data.cut(_PROTOCOL_AT, _PROTOCOL_AT + 1).head
    challenge = _SEQUENCE if protocol == b"\x02" else _CARD_CHALLENGE
    details = layout.split(data, (*_UPDATE_ANSWER, *challenge, _CARD_CRYPTOGRAM))
    if not protocol:
        return Told(None, details)
    identifier = data.cut(0, 6)
    told = f"KMCID {identifier}, SCP{protocol[0]:02X}"
    return Told(Text(told.replace(", ", "，"), told), details)


def external_authenticate(session: Session, sent: Sent, name: Text) -> Asked:
    """EXTERNAL AUTHENTICATE: the host's proof, and the level of what follows."""
    level = _LEVELS.get(sent.p1, same(f"{sent.p1:02X}"))
    about = Text(f"安全通道，级别 {sent.p1:02X} {level.zh}", f"level {sent.p1:02X}, {level.en}")
    asked = Asked(name, about, session.place.directory, reasons=_CHANNEL_REASONS, secret=True)
    asked.details = layout.split(sent.data, _PROOF) if sent.data else ()

    def opened() -> None:
        session.channel = ChannelState(level=sent.p1)

    asked.succeeded = opened
    return asked


def _level(session: Session, sent: Sent) -> int:
    """Of a command: what EXTERNAL AUTHENTICATE said, else what the class says."""
    if sent.header[0] != SECURE_CLASS:
        return 0
    known = None if session.channel is None else session.channel.level
    return 1 if known is None else known


def _parts(session: Session, sent: Sent) -> tuple[Masked | None, tuple[Detail, ...]]:
    """The data in clear and the MAC; None and what there is where they are enciphered."""
    level = _level(session, sent)
    if not level:
        return sent.data, ()
    end = max(len(sent.data) - _MAC, 0)
    body, mac = sent.data.cut(0, end), sent.data.cut(end, len(sent.data))
    proof = (Detail(_MAC_NAME, raw=Masked.of(len(mac))),) if mac else ()
    if level & 0x02 and body:
        return None, (Detail(_ENCIPHERED_DATA, raw=Masked.of(len(body))), *proof)
    return body, proof


# -- applications -----------------------------------------------------------------------------


def install(session: Session, sent: Sent, name: Text) -> Asked:
    """INSTALL of one instance."""
    asked = _managing(session, sent, name)
    body, rest = _parts(session, sent)
    asked.details = rest
    if body is None or body.hidden:
        return asked
    try:
        fields = Installation.parse(body.head)
    except TlvError:
        return asked
    asked.about = _application(fields.instance)
    asked.details = (
        _aid("加载文件", "package", fields.package),
        _aid("模块", "module", fields.module),
        _aid("实例", "instance", fields.instance),
        Detail(Text("权限", "privileges"), raw=Masked.of(bytes((fields.privileges,)))),
        Detail(Text("安装参数", "parameters"), raw=Masked.of(fields.parameters)),
        *rest,
    )
    asked.secret = False
    return asked


def delete(session: Session, sent: Sent, name: Text) -> Asked:
    """DELETE of one instance, or GET STATUS of those that a name begins."""
    asked = _managing(session, sent, name)
    body, rest = _parts(session, sent)
    asked.details = rest
    if body is None:
        return asked
    objects = explain_objects(body)
    if len(objects) == 1 and objects[0].tag == "4F":
        if objects[0].raw and not objects[0].raw.hidden:
            asked.about = _application(objects[0].raw.head)
        asked.details = (*objects, *rest)
        asked.secret = False
    return asked


def get_status(session: Session, sent: Sent, name: Text) -> Asked:
    """GET STATUS of applications."""
    asked = delete(session, sent, name)
    asked.read = _installed
    asked.reasons = {**_MANAGER_REASONS, 0x6A88: _NOTHING, 0x6310: _MORE}
    return asked


def _installed(data: Masked) -> Told:
    if not data or data.hidden:
        return Told()
    try:
        entries = parse_installed(data.head)
    except TlvError:
        return Told(bytes_of(len(data)), (Detail(_DATA, raw=data),))
    details = []
    for each in entries:
        state = _STATES.get(each.state, same(f"{each.state:02X}"))
        details.append(Detail(_application(each.aid), state, Masked.of(each.aid)))
    return Told(count(len(details), "application", "个应用"), tuple(details))


def _managing(session: Session, sent: Sent, name: Text) -> Asked:
    place = session.place.directory
    asked = Asked(name, place=place, reasons=_MANAGER_REASONS, secret=bool(sent.data))
    asked.read = _confirmation
    return asked


def _confirmation(data: Masked) -> Told:
    """The length of a confirmation that nobody asked for is 00: nothing to tell."""
    plain = not data.hidden and not data.head.strip(b"\x00")
    return Told() if plain else Told(bytes_of(len(data)), (Detail(_DATA, raw=data),))


def _other(session: Session, sent: Sent, name: Text) -> Asked:
    """SET STATUS, PUT KEY: nothing of them but their name."""
    asked = _managing(session, sent, name)
    if sent.data:
        asked.details = (Detail(_DATA, raw=Masked.of(len(sent.data))),)
    return asked


def _application(aid: bytes) -> Text:
    place = named(aid)
    return place.words if place is not None else name_words(aid)


def _aid(zh: str, en: str, aid: bytes) -> Detail:
    return Detail(Text(zh, en), name_words(aid), Masked.of(aid))


_MANAGER: Mapping[bytes, Handler] = {
    b"\x80\xe4": delete,
    b"\x80\xe6": install,
    b"\x80\xf2": get_status,
    b"\x80\xf0": _other,
    b"\x80\xd8": _other,
}


# -- data groups ------------------------------------------------------------------------------


def store_data(session: Session, sent: Sent, name: Text) -> Asked:
    """STORE DATA: the data groups that it carries; keys, PIN and private keys as lengths."""
    asked = Asked(name, place=session.place.directory, reasons=_STORE_REASONS, secret=True)
    channel = session.channel = session.channel or ChannelState()
    body, rest = _parts(session, sent)
    if body is None:
        listed: list[tuple[Text, Detail, bool]] = []
        channel.left = 0
    else:
        enciphered = bool(sent.p1 & ENCIPHERED)
        listed = list(_groups(session, channel, body, enciphered))
    asked.details = (*(detail for _, detail, _ in listed), *rest)
    asked.secret = not listed or any(secret for _, _, secret in listed)
    block = Text(f"第 {sent.p2} 块", f"block {sent.p2}")
    titles = [title for title, _, _ in listed]
    last = [Text("最后一条", "the last one")] if sent.p1 & LAST else []
    asked.about = joined([block, *titles, *last])

    def ended() -> None:
        if sent.p1 & LAST:
            session.channel = None

    def refused(_: StatusWord) -> None:
        channel.left = 0

    asked.succeeded, asked.failed = ended, refused
    return asked


def _groups(
    session: Session, channel: ChannelState, body: Masked, enciphered: bool
) -> Iterator[tuple[Text, Detail, bool]]:
    """Title, words and secrecy of every group, or part of one."""
    numbers = group_numbers(session.names.profile)
    at = 0
    if channel.left and channel.number is not None:
        raw = body.cut(0, channel.left)
        at, channel.left = len(raw), channel.left - len(raw)
        title = group_title(channel.number, numbers)
        shown = Masked.of(len(raw)) if channel.secret else raw
        more = Text(f"{title.zh}（续）", f"{title.en}, continued")
        yield more, Detail(more, raw=shown), channel.secret
    while at < len(body):
        head = body.cut(at, len(body)).head
        size = None if channel.lost else whole_length(head)
        if size is None:
            channel.lost = True
            yield _DATA, Detail(_DATA, raw=Masked.of(len(body) - at)), True
            return
        number = int.from_bytes(head[:2], "big")
        start = at + size[0]
        value = body.cut(start, start + size[1])
        secret = enciphered or not is_open(number, numbers)
        title = group_title(number, numbers)
        if len(value) < size[1] and not is_known(number, numbers):
            channel.lost = True
            yield _DATA, Detail(_DATA, raw=Masked.of(len(body) - at)), True
            return
        if len(value) < size[1]:
            channel.number, channel.left = number, size[1] - len(value)
            channel.secret = secret
            begun = Text(f"{title.zh}（开始）", f"{title.en}, its beginning")
            shown = Masked.of(len(value)) if secret else value
            yield begun, Detail(begun, raw=shown), secret
            return
        group = DataGroup(number, b"")
        yield title, read_group(group, value, numbers, secret=secret), secret
        at = start + size[1]
