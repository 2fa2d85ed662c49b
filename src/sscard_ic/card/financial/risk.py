"""Processing restrictions, terminal risk management and terminal action analysis.

Source: ref 14 §3, §8.1, §11.
"""

from __future__ import annotations

from sscard_ic.base.errors import Text
from sscard_ic.card.financial.running import Running
from sscard_ic.card.financial.words import KIND_WORDS, TVR_WORDS, joined, money, tvr_text
from sscard_ic.codec.pboc.bits import Aip, Kind, Tsi, Tvr
from sscard_ic.codec.pboc.elements import number

_ATM_TYPES = (0x14, 0x15, 0x16)
_ALL = 0xFFFFFFFFFF
_LAST_ONLINE, _COUNTER = 0x9F13, 0x9F36
_BALANCE, _THRESHOLD = 0x9F79, 0x9F6D
# Application usage control, byte 1 and 2 (ref 04 §3.5).
_DOMESTIC_CASH, _INTERNATIONAL_CASH = 0x8000, 0x4000
_DOMESTIC_GOODS, _INTERNATIONAL_GOODS = 0x2000, 0x1000
_AT_ATM, _ELSEWHERE = 0x0200, 0x0100
_DOMESTIC_CASHBACK, _INTERNATIONAL_CASHBACK = 0x0080, 0x0040


def check_restrictions(run: Running) -> None:
    """Versions, usage control, dates."""
    data, found = run.data, Tvr(0)
    if 0x9F08 in data and int.from_bytes(data[0x9F08], "big") != run.terminal.version:
        found |= Tvr.VERSIONS_DIFFER
    if 0x9F07 in data and not _usage_allowed(run):
        found |= Tvr.SERVICE_NOT_ALLOWED
    today = run.purchase.at.date()
    if data.effective is not None and today < data.effective:
        found |= Tvr.NOT_YET_EFFECTIVE
    if data.expires is not None and today > data.expires:
        found |= Tvr.EXPIRED
    run.tvr |= found
    run.step("restrictions", tvr_text(found))


def _usage_allowed(run: Running) -> bool:
    usage = int.from_bytes(run.data[0x9F07], "big")
    place = _AT_ATM if run.terminal.type in _ATM_TYPES else _ELSEWHERE
    if not usage & place:
        return False
    if 0x5F28 not in run.data:
        return True
    domestic = run.data[0x5F28] == run.values[0x9F1A]
    needed = _DOMESTIC_GOODS if domestic else _INTERNATIONAL_GOODS
    if run.purchase.cash:
        needed = _DOMESTIC_CASH if domestic else _INTERNATIONAL_CASH
    if run.purchase.other:
        needed |= _DOMESTIC_CASHBACK if domestic else _INTERNATIONAL_CASHBACK
    return usage & needed == needed


def manage_risk(run: Running) -> None:
    """Exception file, floor limit, random selection, velocity; not what EC leaves out."""
    found, details = Tvr(0), []
    if run.data.pan in run.terminal.refused:
        found |= Tvr.EXCEPTION_FILE
    if run.purchase.forced:
        found |= Tvr.MERCHANT_ONLINE
    if run.path == "cash":
        details.append(
            Text(
                "电子现金交易：不检查最低限额、随机选择和频度",
                "electronic cash: no floor limit, random selection or velocity",
            )
        )
    elif run.data.aip & Aip.TERMINAL_RISK_MANAGEMENT:
        found |= _limits(run) | _velocity(run, details)
        run.tsi |= Tsi.TERMINAL_RISK
    else:
        details.append(Text("卡不要求", "the card does not ask for it"))
    run.tvr |= found
    run.step("terminal_risk", *details, tvr_text(found))


def _limits(run: Running) -> Tvr:
    terminal = run.terminal
    if run.purchase.amount >= terminal.floor_limit:
        return Tvr.FLOOR_LIMIT
    chosen = terminal.random(1)[0] * 100 < terminal.random_percent * 0x100
    return Tvr.RANDOM if chosen else Tvr(0)


def _velocity(run: Running, details: list[Text]) -> Tvr:
    """Offline transactions since the last online one, where the card gives both limits."""
    if 0x9F14 not in run.data or 0x9F23 not in run.data:
        return Tvr(0)
    counter, last = run.card.get_data(_COUNTER), run.card.get_data(_LAST_ONLINE)
    if counter is None or last is None:
        details.append(Text("卡不提供交易计数器", "the card does not tell its counters"))
        return Tvr.LOWER_LIMIT | Tvr.UPPER_LIMIT
    now, online = int.from_bytes(counter, "big"), int.from_bytes(last, "big")
    details.append(
        Text(
            f"交易计数器 {now}，上次联机 {online}",
            f"transaction counter {now}, last online {online}",
        )
    )
    found = Tvr.NEW_CARD if online == 0 else Tvr(0)
    if now <= online:
        return found | Tvr.LOWER_LIMIT | Tvr.UPPER_LIMIT
    if now - online > run.data[0x9F14][0]:
        found |= Tvr.LOWER_LIMIT
    if now - online > run.data[0x9F23][0]:
        found |= Tvr.UPPER_LIMIT
    return found


def decide(run: Running) -> Kind:
    """Which cryptogram the terminal asks for first."""
    tvr, codes = int(run.tvr), run.terminal.action_codes
    denial = _issuer_code(run, 0x9F0E, 0) | codes.denial
    online = _issuer_code(run, 0x9F0F, _ALL) | codes.online
    default = _issuer_code(run, 0x9F0D, _ALL) | codes.default
    details = [tvr_text(run.tvr)]
    if run.purchase.service != "purchase":
        kind, why = Kind.ARQC, Text("发卡行业务必须联机", "the bank's own services go online")
    elif tvr & denial:
        kind, why = Kind.AAC, _because("拒绝", "denial", tvr & denial)
    elif run.terminal.online_only:
        kind, why = Kind.ARQC, Text("终端只能联机", "the terminal works online only")
    elif run.terminal.online_capable and tvr & online:
        kind, why = Kind.ARQC, _because("联机", "online", tvr & online)
    elif not run.terminal.online_capable and tvr & default:
        kind, why = Kind.AAC, _because("缺省", "default", tvr & default)
    elif run.path == "cash":
        kind, why = _cash_kind(run)
    else:
        kind, why = Kind.TC, Text("没有需要联机或拒绝的情况", "nothing wants it online or declined")
    asked = KIND_WORDS[kind]
    run.step(
        "terminal_action", *details, why, Text(f"请求 {asked.zh}", f"the terminal asks {asked.en}")
    )
    return kind


def declined_offline(run: Running) -> bool:
    """Whether a transaction that could not go online is declined by the default codes."""
    default = _issuer_code(run, 0x9F0D, _ALL) | run.terminal.action_codes.default
    return run.purchase.service != "purchase" or bool(int(run.tvr) & default)


def _cash_kind(run: Running) -> tuple[Kind, Text]:
    """What is left of electronic cash must not fall below the reset threshold (ref 14 §8.1)."""
    balance, threshold = _told_amount(run, _BALANCE), _told_amount(run, _THRESHOLD)
    if balance is None or threshold is None:
        run.tvr |= Tvr.DATA_MISSING
        kind = Kind.ARQC if run.terminal.online_capable else Kind.AAC
        return kind, Text("卡不提供余额", "the card does not tell its balance")
    left = balance - run.purchase.amount
    had, rest, least = money(balance), money(left), money(threshold)
    zh = f"余额 {had.zh}，交易后剩 {rest.zh}，阈值 {least.zh}"
    en = f"balance {had.en}, {rest.en} left, threshold {least.en}"
    enough = left >= threshold or not run.terminal.online_capable
    if not enough and run.purchase.pin is not None:
        run.tvr |= Tvr.ONLINE_PIN
    return (Kind.TC if enough else Kind.ARQC), Text(zh, en)


def _told_amount(run: Running, tag: int) -> int | None:
    """An amount by GET DATA; None where the card does not tell it, or tells other than digits."""
    value = run.card.get_data(tag)
    try:
        return None if value is None else number(value)
    except ValueError:
        return None


def _issuer_code(run: Running, tag: int, missing: int) -> int:
    value = run.data.values.get(tag)
    return missing if value is None else int.from_bytes(value, "big")


def _because(zh: str, en: str, bits: int) -> Text:
    said = joined(words for bit, words in TVR_WORDS.items() if bits & bit)
    return Text(f"{zh}行为代码命中：{said.zh}", f"{en} action codes hit: {said.en}")
