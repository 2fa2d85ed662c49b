"""Commands of the terminal's security module in words (ref 12 §5.3, 02 §7.3, §7.4)."""

from __future__ import annotations

from sscard_ic.apdu.masked import Masked
from sscard_ic.apdu.psam import KeyType, steps_of, type_of
from sscard_ic.base.errors import Text
from sscard_ic.explain import layout
from sscard_ic.explain.layout import Field, field
from sscard_ic.explain.sent import Sent
from sscard_ic.explain.session import Asked, Session, Told
from sscard_ic.explain.statuses import Reasons
from sscard_ic.explain.words import NO_WORDS, Detail, bytes_of, count, joined, same, shown

_FACTOR = 8
_FACTORS = (
    Text("卡片分散因子", "card factor"),
    Text("城市分散因子", "city factor"),
    Text("省级分散因子", "province factor"),
)
"""The lowest level comes first (ref 02 §7.3)."""

_TYPES = {
    KeyType.CONTROL: Text("主控", "control"),
    KeyType.PURCHASE: Text("消费", "purchase"),
    KeyType.MAC: Text("MAC", "MAC"),
    KeyType.ENCRYPTION: Text("加密", "encryption"),
    KeyType.MAC_AND_ENCRYPTION: Text("MAC 和加密", "MAC and encryption"),
    KeyType.LOAD: Text("账户划入", "account credit"),
    KeyType.TAC: Text("TAC", "TAC"),
}
_MODES = {
    0x00: Text("加密", "encrypt"),
    0x02: Text("加密，后有数据", "encrypt, more blocks follow"),
    0x01: Text("MAC，最后一块", "MAC, last block"),
    0x03: Text("MAC，后有数据", "MAC, more blocks follow"),
    0x05: Text("MAC，含初始值", "MAC with an initial value"),
    0x07: Text("MAC 首块，含初始值", "MAC with an initial value, more blocks follow"),
}

REASONS: Reasons = {
    0x6901: Text("前一步命令未执行", "the command before it is missing"),
    0x6A80: Text("分散级数或数据不对", "wrong number of diversification steps, or wrong data"),
    0x6A88: Text("PSAM 中没有该密钥", "the PSAM has no such key"),
    0x6700: Text("长度与分散级数不符", "the length does not suit the number of steps"),
    0x9302: Text("MAC2 无效：卡不是真卡", "MAC2 is wrong: the card is not genuine"),
    0x63CF: Text("MAC2 无效：卡不是真卡", "MAC2 is wrong: the card is not genuine"),
}

_MEDICAL = 0x01
_PURCHASE_HEAD = (
    field("卡随机数", "random number of the card", 4),
    field("卡交易计数器", "counter of the card", 2, layout.number),
)
_PURCHASE_TAIL = (
    field("交易类型", "type of transaction", 1, layout.characters),
    field("交易时间", "time", 7, layout.moment),
    field("密钥版本", "key version", 1, layout.number),
    field("算法标识", "algorithm", 1),
)
_AMOUNTS = (
    field("个人账户交易金额", "account amount (A1)", 4, layout.amount),
    field("个人自付金额", "self-paid amount (A2)", 4, layout.amount),
    field("统筹基金支付金额", "pooled-fund amount (A3)", 4, layout.amount),
)
_AMOUNT = (field("交易金额", "amount", 4, layout.amount),)
_PURCHASE_ANSWER = (
    field("终端交易序号", "terminal transaction number", 4, layout.number),
    field("MAC1", "MAC1", 4),
)
_WALLET_TAIL = (field("交易类型", "type of transaction", 1), *_PURCHASE_TAIL[1:])


def deliver_key(session: Session, sent: Sent, name: Text) -> Asked:
    """DELIVERY SESSION KEY: a card key, and the process key made of it."""
    asked = Asked(name, _key(session, sent), details=_factors(sent, with_input=True))
    asked.reasons = REASONS
    return asked


def derive_key(session: Session, sent: Sent, name: Text) -> Asked:
    """INIT FOR DES CRYPT: a card key itself."""
    asked = Asked(name, _key(session, sent), details=_factors(sent, with_input=False))
    asked.reasons = REASONS
    return asked


def _key(session: Session, sent: Sent) -> Text:
    """The card key that usage and identifier mean."""
    usage, identifier = sent.p1, sent.p2
    steps = count(steps_of(usage), "step", "级分散")
    kind = _TYPES.get(KeyType(type_of(usage))) if type_of(usage) in set(KeyType) else None
    keys = session.names.psam_keys(usage, identifier)
    named = joined([same(key) for key in keys], " 或 ", " or ")
    if not keys:
        named = Text(f"密钥 {usage:02X}/{identifier:02X}", f"key {usage:02X}/{identifier:02X}")
    used = Text(f"，用途 {kind.zh}", f", for {kind.en}") if kind else NO_WORDS
    return Text(f"{named.zh}，{steps.zh}{used.zh}", f"{named.en}, {steps.en}{used.en}")


def _factors(sent: Sent, *, with_input: bool) -> tuple[Detail, ...]:
    if not sent.data:
        return ()
    steps = min(steps_of(sent.p1), len(_FACTORS))
    if not with_input:
        steps = min(len(sent.data) // _FACTOR, len(_FACTORS))
    fields = [Field(name, _FACTOR, _factor) for name in _FACTORS[:steps]]
    if with_input:
        fields.append(field("会话因子", "session input", 0))
    return layout.split(sent.data, fields)


def _factor(raw: bytes) -> Text:
    """A factor of city or province is text (ref 01 §10.3)."""
    words = layout.characters(raw).en
    return same(words if words.isascii() else raw.hex().upper())


def cipher_data(session: Session, sent: Sent, name: Text) -> Asked:
    """CIPHER DATA with the key made before."""
    mode = _MODES.get(sent.p1, Text(f"方式 {sent.p1:02X}", f"mode {sent.p1:02X}"))
    about = joined((mode, bytes_of(len(sent.data))))
    details = (Detail(Text("数据", "data"), raw=sent.data),) if sent.data else ()
    return Asked(name, about, details=details, reasons=REASONS, read=_ciphered)


def _ciphered(data: Masked) -> Told:
    if not data:
        return Told()
    return Told(shown(data), (Detail(Text("结果", "result"), raw=data),))


def init_purchase(session: Session, sent: Sent, name: Text) -> Asked:
    """INIT SAM FOR PURCHASE: MAC1; the medical form has three amounts, that of PBOC one."""
    medical = sent.p1 == _MEDICAL
    middle = (*_AMOUNTS, *_PURCHASE_TAIL) if medical else (*_AMOUNT, *_WALLET_TAIL)
    head = (*_PURCHASE_HEAD, *middle)
    room = max(len(sent.data) - sum(each.length for each in head), 0)
    steps = min(room // _FACTOR, len(_FACTORS))
    fields = (*head, *(Field(each, _FACTOR, _factor) for each in _FACTORS[:steps]))
    about = Text("医保结算", "medical settlement") if medical else Text("电子钱包", "wallet")
    asked = Asked(name, about, reasons=REASONS)
    asked.details = layout.split(sent.data, fields) if sent.data else ()
    asked.read = _mac1
    return asked


def _mac1(data: Masked) -> Told:
    if not data:
        return Told()
    details = layout.split(data, _PURCHASE_ANSWER)
    if data.hidden:
        return Told(None, details)
    parts = [joined((each.name, each.value or shown(each.raw)), " ", " ") for each in details]
    return Told(joined(parts), details)


def verify_mac2(session: Session, sent: Sent, name: Text) -> Asked:
    """CREDIT SAM FOR PURCHASE: whether MAC2 is the card's."""
    details = layout.split(sent.data, (field("MAC2", "MAC2", 4),)) if sent.data else ()
    return Asked(name, details=details, reasons=REASONS)
