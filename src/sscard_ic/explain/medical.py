"""Commands of the medical account, CLA B0, in words (ref 12 §4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sscard_ic.apdu.masked import Masked
from sscard_ic.base.errors import Text
from sscard_ic.explain import layout
from sscard_ic.explain.layout import Field, field
from sscard_ic.explain.sent import Sent
from sscard_ic.explain.session import Asked, Session, Told
from sscard_ic.explain.statuses import Reasons
from sscard_ic.explain.words import Detail, joined, same, shown
from sscard_ic.profile.medical import MedicalSettings

_INDEX = field("密钥索引", "key index", 1, layout.number)
_TERMINAL = field("终端机编号", "terminal number", 6, layout.digits)
_ACCOUNT = field("个人账户交易金额", "account amount (A1)", 4, layout.amount)
_SELF_PAID = field("个人自付金额", "self-paid amount (A2)", 4, layout.amount)
_POOLED = field("统筹基金支付金额", "pooled-fund amount (A3)", 4, layout.amount)
_CREDITED = field("划入金额", "amount", 4, layout.amount)
_BALANCE = field("个人账户余额", "account balance", 4, layout.amount)
_YEAR_SELF_PAID = field("年度个人自付累计", "annual self-paid total", 4, layout.amount)
_YEAR_POOLED = field("年度统筹支付累计", "annual pooled-fund total", 4, layout.amount)
_YEAR = field("支付年度", "payment year", 2, layout.digits)
_ONLINE = field("联网交易计数器", "online counter", 2, layout.number)
_OFFLINE = field("脱网交易计数器", "offline counter", 2, layout.number)
_COUNTER = field("交易计数器", "counter", 2, layout.number)
_VERSION = field("密钥版本", "key version", 1, layout.number)
_ALGORITHM = field("算法标识", "algorithm", 1)
_RANDOM = field("随机数", "random number", 4)
_TIME = field("交易时间", "time", 7, layout.moment)
_NUMBER = field("终端交易序号", "terminal transaction number", 4, layout.number)
_MAC1, _MAC2 = field("MAC1", "MAC1", 4), field("MAC2", "MAC2", 4)
_MAC, _TAC = field("MAC", "MAC", 4), field("TAC", "TAC", 4)
_START = field("年度起始日", "starting day of the year", 2, layout.digits)


def _month_and_day(raw: bytes) -> Text:
    return same(f"{raw[0]:02d}{raw[1]:02d}")


@dataclass(frozen=True, slots=True)
class _Form:
    """The fields of a command and of its answer, and which of them the summary says."""

    sent: tuple[Field, ...] = ()
    answered: tuple[Field, ...] = ()
    short: tuple[Field, ...] = ()

    def with_fields(self, changed: Mapping[Field, Field]) -> _Form:
        """The form with some fields read in another way."""
        parts = (self.sent, self.answered, self.short)
        return _Form(*(tuple(changed.get(each, each) for each in part) for part in parts))


_YEAR_TOTALS = {2: _YEAR_SELF_PAID, 3: _YEAR_POOLED}

_INITIALIZE_LOAD = _Form(
    (_INDEX, _CREDITED, _TERMINAL),
    (_BALANCE, _ONLINE, _VERSION, _ALGORITHM, _RANDOM, _MAC1),
    (_CREDITED, _BALANCE, _ONLINE),
)
_INITIALIZE_PURCHASE = _Form(
    (_INDEX, _ACCOUNT, _SELF_PAID, _POOLED, _TERMINAL),
    (
        *(_BALANCE, _YEAR_SELF_PAID, _YEAR_POOLED, _YEAR),
        *(_OFFLINE, _VERSION, _ALGORITHM, _RANDOM),
    ),
    (_ACCOUNT, _SELF_PAID, _POOLED, _BALANCE, _OFFLINE),
)
_FORMS: Mapping[tuple[int, int], _Form] = {
    (0x28, 0x00): _INITIALIZE_LOAD,
    (0x28, 0x01): _INITIALIZE_PURCHASE,
    (0x2A, 0x00): _Form((_TIME, _MAC2), (_TAC,), (_TIME, _TAC)),
    (0x2C, 0x01): _Form((_NUMBER, _TIME, _MAC1), (_TAC, _MAC2), (_NUMBER, _TIME, _TAC, _MAC2)),
    (0x56, 0x00): _Form((_START,), (), (_START,)),
    (0x56, 0x01): _Form((), (_START,), (_START,)),
}
"""By INS and P1."""

_PROOFS = {
    "mac_tac": _Form((_COUNTER,), (_MAC, _TAC), (_COUNTER, _MAC, _TAC)),
    "tac_mac": _Form((_COUNTER,), (_TAC, _MAC), (_COUNTER, _MAC, _TAC)),
}

_BINARY_YEAR = field("支付年度", "payment year", 2, layout.number)
_BINARY_START = field("年度起始日", "starting day of the year", 2, _month_and_day)

_GET_BALANCE, _GET_PROOF = 0x26, 0x2E
_UPDATE_DAY = b"\x56\x00"
"""INS and P1."""

_REASONS: Reasons = {
    0x6901: Text("没有先做初始化", "its INITIALIZE is missing"),
    0x6982: Text("需要密码", "needs the PIN"),
    0x6985: Text("使用条件不满足，应用可能已临时锁定", "conditions not met: perhaps blocked"),
    0x9302: Text("MAC 无效，卡未改变", "the MAC is wrong, the card is unchanged"),
    0x9401: Text("账户余额不足", "the account balance is too low"),
    0x9402: Text("交易计数器已达最大值", "the counter is at its maximum"),
    0x9403: Text("不支持该密钥索引", "the card has no key of this index"),
    0x9406: Text("所需的 MAC 不可用", "there is no such transaction to prove"),
}


def medical(session: Session, sent: Sent, name: Text) -> Asked:
    """Any command of the class."""
    form = _form(session, sent)
    details = layout.split(sent.data, form.sent) if sent.data else ()
    asked = Asked(name, _short(details, form), session.place.directory, details)
    asked.reasons = _REASONS
    account = session.names.profile.structure.medical
    if sent.header[1:3] == _UPDATE_DAY and account is not None and account.day_key:
        key = account.day_key
        needs = Text(f"需要 {key} 的认证", f"needs authentication with {key}")
        asked.reasons = {**_REASONS, 0x6982: needs}
    asked.read = lambda data: _told(data, form)
    return asked


def _form(session: Session, sent: Sent) -> _Form:
    ins = sent.header[1]
    account = session.names.profile.structure.medical
    settings = account.settings if account else MedicalSettings()
    if ins == _GET_BALANCE:
        total = _YEAR_TOTALS.get(sent.p2)
        fields = (_BALANCE,) if total is None else (total, _YEAR)
        form = _Form((), fields, fields)
    elif ins == _GET_PROOF:
        form = _PROOFS[settings.proof_order]
    else:
        form = _FORMS.get((ins, sent.p1), _Form())
    changed = {}
    if settings.year_coding == "binary":
        changed[_YEAR] = _BINARY_YEAR
    if settings.day_coding == "binary":
        changed[_START] = _BINARY_START
    return form.with_fields(changed) if changed else form


def _told(data: Masked, form: _Form) -> Told:
    if not data:
        return Told()
    details = layout.split(data, form.answered)
    return Told(_short(details, form), details)


def _short(details: tuple[Detail, ...], form: _Form) -> Text:
    """The fields that matter, one after the other."""
    wanted = {each.name for each in form.short}
    parts = []
    for detail in details:
        if detail.name in wanted and detail.raw and not detail.raw.hidden:
            value = detail.value or shown(detail.raw)
            parts.append(joined((detail.name, value), " ", " "))
    return joined(parts)
