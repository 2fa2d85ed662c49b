"""Bit maps and structured values of the debit application in words (ref 14 §3, 04 §3.5, §6.7)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from enum import IntFlag

from sscard_ic.base.errors import Text
from sscard_ic.codec.pboc.bits import (
    ADVICE,
    NOT_REQUESTED,
    Ada,
    Aip,
    CardProcessing,
    Ctq,
    Cvr,
    Kind,
    Reason,
    Tsi,
    Ttq,
    Tvr,
    first_kind,
    scripts,
    second_kind,
)
from sscard_ic.codec.pboc.issuer_data import IssuerData
from sscard_ic.codec.tlv import TlvError
from sscard_ic.explain.words import printable, same

NONE = Text("无", "none")

TVR_WORDS: Mapping[Tvr, Text] = {
    Tvr.OFFLINE_DATA_NOT_PERFORMED: Text("未进行脱机数据认证", "no offline data authentication"),
    Tvr.SDA_FAILED: Text("静态数据认证失败", "SDA failed"),
    Tvr.DATA_MISSING: Text("缺少卡片数据", "data of the card missing"),
    Tvr.EXCEPTION_FILE: Text("卡号在终端异常文件中", "PAN on the terminal's exception file"),
    Tvr.DDA_FAILED: Text("动态数据认证失败", "DDA failed"),
    Tvr.CDA_FAILED: Text("复合动态数据认证失败", "CDA failed"),
    Tvr.VERSIONS_DIFFER: Text("应用版本不一致", "application versions differ"),
    Tvr.EXPIRED: Text("应用已过有效期", "application expired"),
    Tvr.NOT_YET_EFFECTIVE: Text("应用尚未生效", "application not yet effective"),
    Tvr.SERVICE_NOT_ALLOWED: Text("卡片不允许所请求的服务", "service not allowed by the card"),
    Tvr.NEW_CARD: Text("新卡", "new card"),
    Tvr.CVM_FAILED: Text("持卡人验证不成功", "cardholder verification not successful"),
    Tvr.CVM_UNKNOWN: Text("未知的 CVM", "unknown CVM"),
    Tvr.PIN_TRIES_EXCEEDED: Text("PIN 重试次数超限", "PIN tries exceeded"),
    Tvr.NO_PIN_PAD: Text("要求 PIN，但无密码键盘", "PIN needed, no PIN pad"),
    Tvr.PIN_NOT_ENTERED: Text("要求 PIN，但未输入", "PIN needed, none entered"),
    Tvr.ONLINE_PIN: Text("已输入联机 PIN", "online PIN entered"),
    Tvr.FLOOR_LIMIT: Text("交易超过最低限额", "floor limit exceeded"),
    Tvr.LOWER_LIMIT: Text("超过连续脱机下限", "lower consecutive offline limit exceeded"),
    Tvr.UPPER_LIMIT: Text("超过连续脱机上限", "upper consecutive offline limit exceeded"),
    Tvr.RANDOM: Text("被随机选择联机", "selected at random for online processing"),
    Tvr.MERCHANT_ONLINE: Text("商户要求联机", "merchant forced online"),
    Tvr.DEFAULT_TDOL: Text("使用缺省 TDOL", "default TDOL used"),
    Tvr.ISSUER_AUTHENTICATION_FAILED: Text("发卡行认证失败", "issuer authentication failed"),
    Tvr.SCRIPT_FAILED_BEFORE: Text("最后密文前脚本失败", "script failed before the last AC"),
    Tvr.SCRIPT_FAILED_AFTER: Text("最后密文后脚本失败", "script failed after the last AC"),
}

TSI_WORDS: Mapping[Tsi, Text] = {
    Tsi.OFFLINE_DATA: Text("脱机数据认证", "offline data authentication"),
    Tsi.CARDHOLDER_VERIFICATION: Text("持卡人验证", "cardholder verification"),
    Tsi.CARD_RISK: Text("卡片风险管理", "card risk management"),
    Tsi.ISSUER_AUTHENTICATION: Text("发卡行认证", "issuer authentication"),
    Tsi.TERMINAL_RISK: Text("终端风险管理", "terminal risk management"),
    Tsi.SCRIPT: Text("发卡行脚本", "issuer script"),
}

AIP_WORDS: Mapping[Aip, Text] = {
    Aip.SDA: Text("SDA", "SDA"),
    Aip.DDA: Text("DDA", "DDA"),
    Aip.CDA: Text("CDA", "CDA"),
    Aip.CARDHOLDER_VERIFICATION: Text("持卡人验证", "cardholder verification"),
    Aip.TERMINAL_RISK_MANAGEMENT: Text("终端风险管理", "terminal risk management"),
    Aip.ISSUER_AUTHENTICATION: Text("发卡行认证", "issuer authentication"),
}

KIND_WORDS: Mapping[Kind, Text] = {
    Kind.AAC: Text("AAC（拒绝）", "AAC (declined)"),
    Kind.TC: Text("TC（批准）", "TC (approved)"),
    Kind.ARQC: Text("ARQC（请求联机）", "ARQC (asks to go online)"),
}

CODE_WORDS: Mapping[bytes, Text] = {
    b"00": Text("批准", "approved"),
    b"10": Text("批准（部分）", "approved in part"),
    b"11": Text("批准（VIP）", "approved (VIP)"),
    b"01": Text("请联系发卡行", "refer to the issuer"),
    b"02": Text("请联系发卡行", "refer to the issuer"),
    b"05": Text("拒绝", "declined"),
    b"14": Text("没有此账户", "no such account"),
    b"30": Text("报文格式错误", "message of another form"),
    b"51": Text("余额不足", "insufficient funds"),
    b"54": Text("卡已过期", "expired card"),
    b"55": Text("密码错误", "wrong PIN"),
    b"57": Text("不允许此交易", "transaction not allowed"),
    b"61": Text("超出限额", "above the limit"),
    b"62": Text("卡已被银行停用", "card closed by its bank"),
    b"63": Text("卡片数据的密文或 MAC 不符", "wrong cryptogram or MAC of the card"),
    b"94": Text("重复交易", "transaction seen before"),
    b"Y1": Text("脱机批准", "approved offline"),
    b"Z1": Text("脱机拒绝", "declined offline"),
    b"Y3": Text("无法联机，脱机批准", "cannot go online, approved offline"),
    b"Z3": Text("无法联机，脱机拒绝", "cannot go online, declined offline"),
}

_CVR_WORDS: Mapping[Cvr, Text] = {
    Cvr.ISSUER_AUTHENTICATION_FAILED: Text("发卡行认证失败", "issuer authentication failed"),
    Cvr.PIN_PERFORMED: Text("已校验脱机 PIN", "offline PIN performed"),
    Cvr.PIN_FAILED: Text("脱机 PIN 失败", "offline PIN failed"),
    Cvr.UNABLE_ONLINE: Text("无法联机", "unable to go online"),
    Cvr.LAST_ONLINE_NOT_COMPLETED: Text("上次联机未完成", "last online transaction not completed"),
    Cvr.PIN_TRIES_EXCEEDED: Text("PIN 次数超限", "PIN tries exceeded"),
    Cvr.VELOCITY_EXCEEDED: Text("频度超限", "velocity exceeded"),
    Cvr.NEW_CARD: Text("新卡", "new card"),
    Cvr.LAST_ISSUER_AUTHENTICATION_FAILED: Text(
        "上次发卡行认证失败", "issuer authentication failed last time"
    ),
    Cvr.ISSUER_AUTHENTICATION_NOT_PERFORMED: Text(
        "联机后未做发卡行认证", "issuer authentication not performed after online"
    ),
    Cvr.BLOCKED_BY_PIN: Text("因 PIN 超限锁定应用", "application blocked because of PIN tries"),
    Cvr.LAST_SDA_FAILED: Text("上次 SDA 失败", "SDA failed last time"),
    Cvr.LAST_SCRIPT_FAILED: Text("上次脚本失败", "script failed last time"),
    Cvr.LAST_DDA_FAILED: Text("上次 DDA 失败", "DDA failed last time"),
    Cvr.DDA_PERFORMED: Text("已做 DDA", "DDA performed"),
}

TTQ_WORDS: Mapping[Ttq, Text] = {
    Ttq.MSD: Text("MSD", "MSD"),
    Ttq.CONTACTLESS_PBOC: Text("非接触式借贷记", "contactless debit"),
    Ttq.QPBOC: Text("qPBOC", "qPBOC"),
    Ttq.CONTACT_PBOC: Text("接触式借贷记", "contact debit"),
    Ttq.OFFLINE_ONLY: Text("仅脱机", "offline only"),
    Ttq.ONLINE_PIN: Text("联机 PIN", "online PIN"),
    Ttq.SIGNATURE: Text("签名", "signature"),
    Ttq.CRYPTOGRAM_REQUIRED: Text("要求联机密文", "online cryptogram required"),
    Ttq.CVM_REQUIRED: Text("要求持卡人验证", "CVM required"),
    Ttq.FDDA_01: Text("fDDA 01", "fDDA 01"),
}

_CTQ_WORDS: Mapping[Ctq, Text] = {
    Ctq.ONLINE_PIN: Text("要求联机 PIN", "online PIN required"),
    Ctq.SIGNATURE: Text("要求签名", "signature required"),
    Ctq.ONLINE_AFTER_FDDA_FAILURE: Text("fDDA 失败则联机", "online after fDDA failure"),
    Ctq.OTHER_INTERFACE_AFTER_FDDA_FAILURE: Text(
        "fDDA 失败则改用接触界面", "other interface after fDDA failure"
    ),
}

_PROCESSING_WORDS: Mapping[CardProcessing, Text] = {
    CardProcessing.LOW_VALUE: Text("小额检查", "low-value check"),
    CardProcessing.LOW_VALUE_AND_CTTA: Text("小额和 CTTA", "low value and CTTA"),
    CardProcessing.LOW_VALUE_OR_CTTA: Text("小额或 CTTA", "low value or CTTA"),
    CardProcessing.NEW_CARD: Text("新卡检查", "new-card check"),
    CardProcessing.PIN_TRIES: Text("PIN 次数检查", "PIN tries check"),
    CardProcessing.OTHER_CURRENCY_OFFLINE: Text("其他货币可脱机", "other currencies offline"),
    CardProcessing.PREFER_CONTACT_ONLINE: Text("联机优先接触界面", "contact preferred for online"),
    CardProcessing.RETURN_AVAILABLE_AMOUNT: Text("返回 9F5D", "returns 9F5D"),
    CardProcessing.PREPAID: Text("预付", "prepaid"),
    CardProcessing.OTHER_CURRENCY_REFUSED: Text("拒绝其他货币", "other currencies refused"),
    CardProcessing.NEW_CARD_OFFLINE_DECLINE: Text(
        "新卡遇仅脱机终端拒绝", "new card declined by offline-only terminals"
    ),
    CardProcessing.LOG_OFFLINE: Text("记录脱机交易", "logs offline payments"),
    CardProcessing.ONLINE_PIN: Text("联机 PIN", "online PIN"),
    CardProcessing.ONLINE_PIN_OTHER_CURRENCY: Text(
        "其他货币联机 PIN", "online PIN for other currencies"
    ),
    CardProcessing.OTHER_CURRENCY_CVM: Text("其他货币须验证", "CVM for other currencies"),
    CardProcessing.SIGNATURE: Text("签名", "signature"),
}

_ADA_WORDS: Mapping[Ada, Text] = {
    Ada.ISSUER_FAILED_ONLINE_NEXT: Text(
        "发卡行认证失败则下次联机", "issuer authentication failed: next online"
    ),
    Ada.ISSUER_FAILED_DECLINE: Text(
        "发卡行认证失败则拒绝", "issuer authentication failed: decline"
    ),
    Ada.ISSUER_MISSING_DECLINE: Text("无 ARPC 则拒绝", "no ARPC: decline"),
    Ada.DECLINED_ADVICE: Text("拒绝则通知", "declined: advice"),
    Ada.PIN_EXCEEDED_ADVICE: Text("PIN 超限拒绝则通知", "PIN tries exceeded: advice"),
    Ada.ISSUER_DECLINE_ADVICE: Text(
        "因发卡行认证拒绝则通知", "declined for issuer authentication: advice"
    ),
    Ada.NEW_CARD_ONLINE: Text("新卡联机", "new card: online"),
    Ada.NEW_CARD_DECLINE_OFFLINE: Text("新卡无法联机则拒绝", "new card not online: decline"),
    Ada.PIN_EXCEEDED_BLOCK: Text("PIN 超限则锁定", "PIN tries exceeded: block"),
    Ada.PIN_EXCEEDED_BEFORE_DECLINE: Text("PIN 早已超限则拒绝", "PIN exceeded before: decline"),
    Ada.PIN_EXCEEDED_BEFORE_ONLINE: Text("PIN 早已超限则联机", "PIN exceeded before: online"),
    Ada.PIN_EXCEEDED_BEFORE_DECLINE_OFFLINE: Text(
        "PIN 早已超限且无法联机则拒绝", "PIN exceeded before, not online: decline"
    ),
    Ada.SCRIPT_FAILED_ONLINE: Text("脚本失败过则联机", "script failed before: online"),
    Ada.PIN_EXCEEDED_BEFORE_DECLINE_AND_BLOCK: Text(
        "PIN 早已超限则拒绝并锁定", "PIN exceeded before: decline and block"
    ),
}

_REASON_WORDS: Mapping[int, Text] = {
    Reason.SERVICE_NOT_ALLOWED: Text("不允许该服务", "service not allowed"),
    Reason.PIN_TRIES_EXCEEDED: Text("PIN 次数超限", "PIN tries exceeded"),
    Reason.ISSUER_AUTHENTICATION_FAILED: Text("发卡行认证失败", "issuer authentication failed"),
}

_CVM_WORDS: Mapping[int, Text] = {
    0x00: Text("失败", "fail"),
    0x01: Text("脱机明文 PIN", "plaintext offline PIN"),
    0x02: Text("联机 PIN", "online PIN"),
    0x03: Text("脱机明文 PIN 和签名", "plaintext offline PIN and signature"),
    0x04: Text("脱机密文 PIN", "enciphered offline PIN"),
    0x05: Text("脱机密文 PIN 和签名", "enciphered offline PIN and signature"),
    0x1E: Text("签名", "signature"),
    0x1F: Text("无需 CVM", "no CVM"),
    0x20: Text("出示持卡人证件", "identity document"),
    0x3F: Text("未执行", "none performed"),
}
_CONDITION_WORDS: Mapping[int, Text] = {
    0x00: Text("总是", "always"),
    0x01: Text("ATM 取现", "ATM cash"),
    0x02: Text("非取现", "not cash"),
    0x03: Text("终端支持时", "if the terminal can"),
    0x04: Text("柜面取现", "attended cash"),
    0x05: Text("返现", "cashback"),
    0x06: Text("金额小于 X", "amount below X"),
    0x07: Text("金额大于 X", "amount above X"),
    0x08: Text("金额小于 Y", "amount below Y"),
    0x09: Text("金额大于 Y", "amount above Y"),
}
_CVM_RESULTS: Mapping[int, Text] = {
    0: Text("结果未知", "result not known"),
    1: Text("失败", "failed"),
    2: Text("成功", "successful"),
}
_ALGORITHMS: Mapping[int, str] = {0x01: "3DES", 0x02: "SSF33", 0x04: "SM4"}
_AMOUNTS: Mapping[int, tuple[Text, ...]] = {
    0x01: (Text("电子现金余额", "EC balance"),),
    0x02: (Text("累计脱机金额", "CTTA"),),
    0x03: (Text("电子现金余额", "EC balance"), Text("累计脱机金额", "CTTA")),
    0x04: (Text("累计脱机金额", "CTTA"), Text("累计脱机限额", "CTTAL")),
    0x05: (Text("可用脱机金额", "available offline amount"),),
    0x06: (Text("电子现金余额", "EC balance"),),
}
"""Amounts in the issuer discretionary data by their identifier (ref 04 §6.7)."""
_AMOUNT_LENGTH = 5
_AUC_WORDS: Mapping[int, Text] = {
    0x8000: Text("国内取现", "domestic cash"),
    0x4000: Text("国际取现", "international cash"),
    0x2000: Text("国内商品", "domestic goods"),
    0x1000: Text("国际商品", "international goods"),
    0x0800: Text("国内服务", "domestic services"),
    0x0400: Text("国际服务", "international services"),
    0x0200: Text("ATM", "ATMs"),
    0x0100: Text("ATM 以外的终端", "other than ATMs"),
    0x0080: Text("国内返现", "domestic cashback"),
    0x0040: Text("国际返现", "international cashback"),
}

_LONG_DIGITS = re.compile(r"[0-9]{12,}")
_SHOWN_FIRST, _SHOWN_LAST = 6, 4
"""Digits of a PAN that are shown."""


def listed(words: Iterable[Text]) -> Text:
    """The words one after the other; "none" where there are none."""
    every = list(words)
    if not every:
        return NONE
    return Text("、".join(each.zh for each in every), ", ".join(each.en for each in every))


def _flags(table: Mapping[IntFlag, Text] | Mapping[int, Text]) -> Callable[[bytes], Text]:
    def words(raw: bytes) -> Text:
        value = int.from_bytes(raw, "big")
        return listed(text for bit, text in table.items() if value & bit)

    return words


aip = _flags({int(bit): text for bit, text in AIP_WORDS.items()})
tvr = _flags({int(bit): text for bit, text in TVR_WORDS.items()})
tsi = _flags({int(bit): text for bit, text in TSI_WORDS.items()})
ttq = _flags({int(bit): text for bit, text in TTQ_WORDS.items()})
ctq = _flags({int(bit): text for bit, text in _CTQ_WORDS.items()})
processing = _flags({int(bit): text for bit, text in _PROCESSING_WORDS.items()})
default_action = _flags({int(bit): text for bit, text in _ADA_WORDS.items()})
usage = _flags(_AUC_WORDS)


def kind_of(value: int) -> Text:
    """The cryptogram that two bits mean."""
    return same(["AAC", "TC", "ARQC", "RFU"][value & 3])


def information(raw: bytes) -> Text:
    """CID: kind, advice, reason."""
    value = int.from_bytes(raw, "big")
    parts = [kind_of(value >> 6)]
    if value & ADVICE:
        parts.append(Text("需通知", "advice wanted"))
    if (reason := _REASON_WORDS.get(value & 0x07)) is not None:
        parts.append(reason)
    return listed(parts)


def verification_results(cvr: int) -> Text:
    """CVR without its length byte."""
    first, second = kind_of(first_kind(cvr) if cvr >> 20 & 3 < 3 else 3), second_kind(cvr)
    parts = [Text(f"第一次 {first.zh}", f"first {first.en}")]
    if second != NOT_REQUESTED:
        words = kind_of(second)
        parts.append(Text(f"第二次 {words.zh}", f"second {words.en}"))
    parts += [text for bit, text in _CVR_WORDS.items() if cvr & bit]
    if count := scripts(cvr):
        parts.append(Text(f"上次 {count} 条脚本", f"{count} script commands last time"))
    return listed(parts)


def issuer_data(raw: bytes) -> Text:
    """9F10: derivation index, version, CVR, algorithm, amounts of the discretionary data."""
    try:
        data = IssuerData.parse(raw)
    except TlvError:
        return same(raw.hex().upper())
    algorithm = _ALGORITHMS.get(data.algorithm, f"{data.algorithm:02X}")
    results = verification_results(data.cvr)
    head = f"DKI {data.derivation_index:02X}, CVN {data.version:02X}, {algorithm}, CVR: "
    tail = _amounts(data.discretionary)
    return Text(
        f"{head.replace(', ', '，').replace(': ', '：')}{results.zh}{tail.zh}",
        f"{head}{results.en}{tail.en}",
    )


def _amounts(data: bytes) -> Text:
    if not data:
        return same("")
    names = _AMOUNTS.get(data[0], ())
    zh = en = ""
    for place, name in enumerate(names):
        at = 1 + place * _AMOUNT_LENGTH
        digits = data[at : at + _AMOUNT_LENGTH].hex()
        if len(digits) == 2 * _AMOUNT_LENGTH and digits.isdecimal():
            fen = int(digits)
            zh += f"；{name.zh} {fen // 100}.{fen % 100:02d} 元"
            en += f"; {name.en} {fen // 100}.{fen % 100:02d} yuan"
    return Text(zh, en)


def method(raw: bytes) -> Text:
    """9F34: method, condition, result."""
    if len(raw) != 3:
        return same(raw.hex().upper())
    result = _CVM_RESULTS.get(raw[2], same(f"{raw[2]:02X}"))
    rule = _rule(raw[0], raw[1])
    return Text(f"{rule.zh}，{result.zh}", f"{rule.en}, {result.en}")


def methods(raw: bytes) -> Text:
    """8E: the rules in their order; X and Y where they are not zero."""
    if len(raw) < 8 or len(raw) % 2:
        return same(raw.hex().upper())
    rules = [_rule(raw[at], raw[at + 1]) for at in range(8, len(raw), 2)]
    limits = [
        same(f"{name} = {value}")
        for name, value in (
            ("X", int.from_bytes(raw[:4], "big")),
            ("Y", int.from_bytes(raw[4:8], "big")),
        )
        if value
    ]
    every = limits + rules
    return Text("；".join(each.zh for each in every), "; ".join(each.en for each in every))


def _rule(code: int, condition: int) -> Text:
    what = _CVM_WORDS.get(code & 0x3F, same(f"{code:02X}"))
    when = _CONDITION_WORDS.get(condition, same(f"{condition:02X}"))
    goes_on = code & 0x40 and code & 0x3F != 0x3F
    zh = "，失败则下一条" if goes_on else ""
    en = ", else the next" if goes_on else ""
    return Text(f"{what.zh}（{when.zh}{zh}）", f"{what.en} ({when.en}{en})")


def response_code(raw: bytes) -> Text:
    """8A: an authorisation response code."""
    shown = printable(raw.decode("ascii", errors="replace"))
    words = CODE_WORDS.get(raw)
    return same(shown) if words is None else Text(f"{shown} {words.zh}", f"{shown} {words.en}")


def authentication(raw: bytes) -> Text:
    """91: ARPC and response code."""
    arpc, code = raw[:8].hex().upper(), response_code(raw[8:10])
    return (
        Text(f"ARPC {arpc}，{code.zh}", f"ARPC {arpc}, {code.en}") if len(raw) > 8 else same(arpc)
    )


def masked_number(raw: bytes) -> Text:
    """A PAN, first six and last four digits of it."""
    return same(mask(raw.hex().upper().rstrip("F")))


def masked_track(raw: bytes) -> Text:
    """Track 2: the PAN masked, expiry and service code, nothing of what follows."""
    digits, separator, rest = raw.hex().upper().rstrip("F").partition("D")
    hidden = "*" * max(len(rest) - 7, 0)
    return same(f"{mask(digits)}{separator}{rest[:7]}{hidden}")


def masked_first_track(raw: bytes) -> Text:
    """Track 1 data: every long row of digits masked as a PAN is."""
    text = raw.rstrip(b"\x00").decode("gb18030", errors="replace")
    return same(printable(_LONG_DIGITS.sub(lambda found: mask(found[0]), text)))


def mask(digits: str) -> str:
    """``digits`` with stars but for the first six and the last four; all stars where few."""
    if len(digits) <= _SHOWN_FIRST + _SHOWN_LAST:
        return "*" * len(digits)
    hidden = len(digits) - _SHOWN_FIRST - _SHOWN_LAST
    return digits[:_SHOWN_FIRST] + "*" * hidden + digits[-_SHOWN_LAST:]
