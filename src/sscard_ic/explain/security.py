"""Authentication, PIN and blocking commands in words (ref 02 §1.3, §3, §5, 11 §2.1, §2.2)."""

from __future__ import annotations

from collections.abc import Sequence

from sscard_ic.apdu.masked import Masked
from sscard_ic.base.errors import Text
from sscard_ic.explain import layout
from sscard_ic.explain.card_names import LOCAL
from sscard_ic.explain.layout import Field, field
from sscard_ic.explain.records import mac_of
from sscard_ic.explain.sent import Sent
from sscard_ic.explain.session import Asked, Session, Told
from sscard_ic.explain.statuses import Reasons
from sscard_ic.explain.words import NO_WORDS, Detail, bytes_of, joined, same, shown
from sscard_ic.profile.structure import KeyUse

_CRYPTOGRAM = field("认证密文", "cryptogram", 8)
_TEXT = field("明文（随机数）", "text in clear", 8)
_CHALLENGE = field("随机数", "challenge", 8)
_GROUP = field("密钥组（版本）", "key group (version)", 1, layout.number)
_EXTERNAL: dict[int, tuple[Field, ...]] = {
    8: (_CRYPTOGRAM,),
    9: (_CRYPTOGRAM, _GROUP),
    16: (_CRYPTOGRAM, _TEXT),
    17: (_CRYPTOGRAM, _TEXT, _GROUP),
}
"""Forms of EXTERNAL AUTHENTICATE by length (ref 11 §2.2)."""

_INTERNAL: dict[int, tuple[Field, ...]] = {
    8: (_CHALLENGE,),
    16: (_CHALLENGE, _TEXT),
    17: (_CHALLENGE, _TEXT, _GROUP),
}
_BANK_EXTERNAL = (
    field("授权响应密文", "ARPC", 8),
    field("授权响应码", "authorisation response code", 2, layout.characters),
)
_WITH_GROUP = (9, 17)

_DATA = Text("数据", "data")
_OPENS = Text("开放", "opens")
_PIN = Text("密码", "PIN")
_LOWEST = Text("最低的一组", "its lowest group")

_OPERATIONS = {"read": Text("读", "read"), "update": Text("写", "update")}

_AUTHENTICATION: Reasons = {
    0x6300: Text("认证失败", "authentication failed"),
    0x6983: Text("密钥已锁定", "the key is locked"),
    0x6984: Text("没有有效随机数，先取随机数", "no valid challenge: GET CHALLENGE first"),
    0x6A88: Text("卡上没有该密钥或该组", "the card has no such key, or not this group"),
    0x6A80: Text(
        "明文不是卡的随机数，或数据不对", "the text is not the card's challenge, or wrong"
    ),
    0x6700: Text("数据长度不被接受", "a length that the card does not take"),
}
_PIN_REASONS: Reasons = {
    0x6983: Text("密码已锁定", "the PIN is locked"),
    0x6984: Text("密码已失效", "the PIN is not valid"),
    0x6988: Text("MAC 错误", "the MAC is wrong"),
    0x6700: Text("密码长度不对", "wrong length of the PIN"),
    0x6A88: Text("没有该密码", "there is no such PIN"),
}
_BLOCKING: Reasons = {
    0x6982: Text("需要锁定密钥（BK、LK）的认证", "needs authentication with the lock key (BK, LK)"),
    0x6988: Text("MAC 错误", "the MAC is wrong"),
    0x6987: Text("缺少 MAC", "the MAC is missing"),
}


def get_challenge(session: Session, sent: Sent, name: Text) -> Asked:
    """GET CHALLENGE: a random number."""
    size = bytes_of(sent.le) if sent.le else NO_WORDS
    return Asked(name, size, read=_random)


def _random(data: Masked) -> Told:
    if not data:
        return Told()
    return Told(shown(data), (Detail(Text("随机数", "challenge"), raw=data),))


# -- keys --------------------------------------------------------------------------------------


def external_authenticate(session: Session, sent: Sent, name: Text) -> Asked:
    """EXTERNAL AUTHENTICATE: the terminal proves that it has a key of the card."""
    if session.place.application == "bank":
        about = Text("发卡行", "of the issuer")
        return Asked(name, about, details=layout.split(sent.data, _BANK_EXTERNAL))
    keys = _keys(session, sent.p2, "external") if sent.p2 else []
    directory = session.place.directory
    about = Text(f"{directory} 的主控密钥", f"the control key of {directory}")
    if session.place.assumed:
        about = Text("当前目录的主控密钥", "the control key of the current directory")
    if sent.p2:
        about = _key_words(session, sent, keys, _WITH_GROUP)
    asked = Asked(name, about, directory, reasons=_AUTHENTICATION)
    fields = _EXTERNAL.get(len(sent.data), (field("数据", "data", 0),))
    asked.details = layout.split(sent.data, fields) if sent.data else ()
    asked.details += _opens(session, keys)
    asked.succeeded = lambda: session.prove(keys)
    return asked


def _opens(session: Session, keys: Sequence[str]) -> tuple[Detail, ...]:
    """The files that a key opens."""
    opened = [each for key in keys for each in session.names.opened_by(key)]
    terms = []
    for operation, words in _OPERATIONS.items():
        paths = " ".join(path for what, path in opened if what == operation)
        if paths:
            terms.append(Text(f"{words.zh} {paths}", f"{words.en} {paths}"))
    return (Detail(_OPENS, joined(terms, "；", "; ")),) if terms else ()


def internal_authenticate(session: Session, sent: Sent, name: Text) -> Asked:
    """INTERNAL AUTHENTICATE: the card proves that it has a key."""
    if session.place.application == "bank":
        details = (Detail(Text("动态数据", "dynamic data"), raw=sent.data),) if sent.data else ()
        return Asked(name, details=details)
    home = session.names.home
    keys = (
        _keys(session, sent.p2, "internal")
        if sent.p2
        else [key for key, _ in session.names.keys_in(home, 0, "internal")]
    )
    asked = Asked(name, _key_words(session, sent, keys, (17,)), session.place.directory)
    fields = _INTERNAL.get(len(sent.data), (field("数据", "data", 0),))
    asked.details = layout.split(sent.data, fields) if sent.data else ()
    asked.reasons = _AUTHENTICATION
    asked.read = _proof
    return asked


def _proof(data: Masked) -> Told:
    if not data:
        return Told()
    return Told(bytes_of(len(data)), (Detail(_CRYPTOGRAM.name, raw=data),))


def _keys(session: Session, identifier: int, use: KeyUse) -> list[str]:
    """Names of the keys that P2 means here."""
    if not session.own:
        return []
    return [key for key, _ in session.names.keys(session.place.directory, identifier, use)]


def _key_words(session: Session, sent: Sent, keys: Sequence[str], lengths: Sequence[int]) -> Text:
    """The key and its group."""
    if not keys:
        owner = session.place.directory if sent.p2 >= LOCAL else session.names.home
        named = Text(
            f"{owner} 的密钥 {sent.p2:02X}（配置中没有）",
            f"key {sent.p2:02X} of {owner} (not in the profile)",
        )
    else:
        named = joined([same(key) for key in keys], " 或 ", " or ")
    last = sent.data.cut(len(sent.data) - 1, len(sent.data)).head
    if len(sent.data) in lengths and last:
        return Text(f"{named.zh} 第 {last[0]} 组", f"{named.en} group {last[0]}")
    if len(sent.data) in lengths:
        return Text(f"{named.zh}，组未显示", f"{named.en}, its group hidden")
    groups = [key.groups for name, key in session.names.profile.keys.items() if name in keys]
    if max(groups, default=0) <= 1:
        return named
    return Text(f"{named.zh}，{_LOWEST.zh}", f"{named.en}, {_LOWEST.en}")


# -- PIN ---------------------------------------------------------------------------------------


def _which_pin(session: Session, p2: int) -> Text:
    if session.place.application == "bank":
        return Text("持卡人密码", "the holder's PIN")
    if p2 == 0x00:
        home = session.names.home if session.own else session.place.directory
        return Text(f"{home} 的密码", f"the PIN of {home}")
    return Text(
        f"{session.place.directory} 的密码 {p2:02X}", f"PIN {p2:02X} of {session.place.directory}"
    )


def _pin_detail(name: Text, raw: Masked) -> Detail:
    return Detail(name, raw=Masked.of(len(raw)))


def verify(session: Session, sent: Sent, name: Text) -> Asked:
    """VERIFY of a PIN."""
    asked = Asked(name, _which_pin(session, sent.p2), reasons=_PIN_REASONS, secret=True)
    if sent.data:
        asked.details = (_pin_detail(_PIN, sent.data),)

        def right() -> None:
            session.pin = True

        asked.succeeded = right

    def wrong(_: object) -> None:
        session.pin = False

    asked.failed = wrong
    return asked


_RELOAD = 0x00
_UNBLOCK = 0x00


def change_pin(session: Session, sent: Sent, name: Text) -> Asked:
    """CHANGE PIN (old FF new), or RELOAD PIN (new and MAC) where P1 is 00."""
    asked = Asked(name, _which_pin(session, sent.p2), reasons=_PIN_REASONS, secret=True)
    what = (
        Text("新密码和 MAC", "new PIN and MAC")
        if sent.p1 == _RELOAD
        else Text("旧密码 FF 新密码", "old PIN, FF, new PIN")
    )
    if sent.data:
        asked.details = (_pin_detail(what, sent.data),)
    return asked


def pin_service(session: Session, sent: Sent, name: Text) -> Asked:
    """PIN CHANGE/UNBLOCK: unblocked, or a new PIN set, by the issuer."""
    home = session.names.home if session.own else session.place.directory
    about = Text(f"{home}，重装密码", f"{home}, a new PIN")
    if sent.p2 == _UNBLOCK:
        about = Text(f"{home}，解锁密码", f"{home}, unblock the PIN")
    asked = Asked(name, about, reasons={**_PIN_REASONS, 0x6982: _NEEDS_PUK}, secret=True)
    if sent.plain:
        asked.details = (_pin_detail(Text("新密码密文", "new PIN, enciphered"), sent.plain),)
    asked.details += tuple(Detail(each.name, raw=Masked.of(len(each.raw))) for each in mac_of(sent))
    return asked


_NEEDS_PUK = Text("需要 PUK 的认证", "needs authentication with PUK")


# -- blocking ----------------------------------------------------------------------------------


def application_block(session: Session, sent: Sent, name: Text) -> Asked:
    """APPLICATION BLOCK: for a time, or for good where P2 is 01."""
    how = Text("永久", "permanently") if sent.p2 & 0x01 else Text("临时", "temporarily")
    place = session.place.directory
    return _blocking(sent, name, Text(f"{place}，{how.zh}", f"{place}, {how.en}"))


def application_unblock(session: Session, sent: Sent, name: Text) -> Asked:
    """APPLICATION UNBLOCK."""
    return _blocking(sent, name, same(session.place.directory))


def card_block(session: Session, sent: Sent, name: Text) -> Asked:
    """CARD BLOCK."""
    return _blocking(sent, name, Text("整张卡", "the whole card"))


def _blocking(sent: Sent, name: Text, about: Text) -> Asked:
    rest = (Detail(_DATA, raw=sent.plain),) if sent.plain else ()
    return Asked(name, about, details=(*rest, *mac_of(sent)), reasons=_BLOCKING)
