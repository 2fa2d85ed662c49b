"""Cardholder verification by the card's CVM list (ref 14 §3, §11)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from sscard_ic.base.errors import Text
from sscard_ic.card.financial.application import WrongBankPin
from sscard_ic.card.financial.running import Running
from sscard_ic.codec.pboc.bits import Aip, Tsi, Tvr

Verdict = Literal["done", "failed", "unknown"]
"""``unknown``: what the terminal alone cannot tell, as a signature or an online PIN."""

_FAIL, _PLAIN_PIN, _ONLINE_PIN, _PLAIN_AND_SIGNATURE = 0x00, 0x01, 0x02, 0x03
_SIGNATURE, _NO_CVM, _DOCUMENT = 0x1E, 0x1F, 0x20
_NAMES: Mapping[int, Text] = {
    _FAIL: Text("验证失败", "fail"),
    _PLAIN_PIN: Text("脱机明文 PIN", "plaintext PIN by the card"),
    _ONLINE_PIN: Text("联机 PIN", "PIN by the bank"),
    _PLAIN_AND_SIGNATURE: Text("脱机明文 PIN 加签名", "plaintext PIN and signature"),
    _SIGNATURE: Text("签名", "signature"),
    _NO_CVM: Text("无需 CVM", "no verification"),
    _DOCUMENT: Text("出示持卡人证件", "identity document shown"),
}
_NEXT_IF_FAILED = 0x40
_CODE = 0x3F
_NONE_PERFORMED = bytes((0x3F, 0x00, 0x01))
_RESULTS: Mapping[Verdict, int] = {"unknown": 0, "failed": 1, "done": 2}
_CVM_RESULTS = 0x9F34
_PIN_TRIES = 0x9F17
_ATM = (0x14, 0x15, 0x16)


@dataclass(frozen=True, slots=True)
class _Rule:
    code: int
    condition: int

    @property
    def method(self) -> int:
        return self.code & _CODE

    @property
    def goes_on(self) -> bool:
        """Whether the next rule is tried when this one fails."""
        return bool(self.code & _NEXT_IF_FAILED)

    @property
    def name(self) -> Text:
        code = f"{self.code:02X}{self.condition:02X}"
        words = _NAMES.get(self.method, Text("未知方法", "unknown method"))
        return Text(f"{code} {words.zh}", f"{code} {words.en}")


def verify_cardholder(run: Running) -> None:
    """Go through the CVM list; sets TVR, TSI and 9F34."""
    cvm_list = run.data.get(0x8E)
    if not run.data.aip & Aip.CARDHOLDER_VERIFICATION or len(cvm_list) < 8:
        run.values[_CVM_RESULTS] = _NONE_PERFORMED
        if run.data.aip & Aip.CARDHOLDER_VERIFICATION:
            run.tvr |= Tvr.DATA_MISSING
        text = Text("卡不支持，或没有 CVM 列表", "the card does not support it, or has no CVM list")
        run.step("cardholder", text)
        return
    details = list(_apply(run, cvm_list))
    run.tsi |= Tsi.CARDHOLDER_VERIFICATION
    run.step("cardholder", *details)


def _apply(run: Running, cvm_list: bytes) -> Iterator[Text]:
    limits = int.from_bytes(cvm_list[:4], "big"), int.from_bytes(cvm_list[4:8], "big")
    last = _NONE_PERFORMED
    for at in range(8, len(cvm_list) - 1, 2):
        rule = _Rule(cvm_list[at], cvm_list[at + 1])
        if not _applies(run, rule, limits):
            yield Text(f"{rule.name.zh}：条件不满足", f"{rule.name.en}: not for this transaction")
            continue
        verdict, why = _perform(run, rule)
        last = bytes((rule.code, rule.condition, _RESULTS[verdict]))
        yield Text(f"{rule.name.zh}：{why.zh}", f"{rule.name.en}: {why.en}")
        if verdict != "failed":
            run.values[_CVM_RESULTS] = last
            return
        if not rule.goes_on:
            break
    run.values[_CVM_RESULTS] = last
    run.tvr |= Tvr.CVM_FAILED


def _applies(run: Running, rule: _Rule, limits: tuple[int, int]) -> bool:
    """Whether the condition of a rule holds (ref 14 §3)."""
    purchase, condition = run.purchase, rule.condition
    if condition == 0x00:
        return True
    if condition == 0x03:
        return _supports(run, rule.method)
    atm = run.terminal.type in _ATM
    if condition in (0x01, 0x04, 0x05):
        wanted = {0x01: purchase.cash and atm, 0x04: purchase.cash and not atm}
        return wanted.get(condition, purchase.other > 0)
    if condition == 0x02:
        return not purchase.cash and purchase.other == 0
    same = run.data.get(0x9F42) == run.values[0x5F2A]
    amount = purchase.amount
    bounds = {
        0x06: amount < limits[0],
        0x07: amount > limits[0],
        0x08: amount < limits[1],
        0x09: amount > limits[1],
    }
    return same and bounds.get(condition, False)


def _supports(run: Running, method: int) -> bool:
    can = run.terminal.capabilities
    return {
        _FAIL: True,
        _PLAIN_PIN: can.plain_pin,
        _ONLINE_PIN: can.online_pin,
        _PLAIN_AND_SIGNATURE: can.plain_pin and can.signature,
        _SIGNATURE: can.signature,
        _NO_CVM: can.no_cvm,
        _DOCUMENT: can.document,
    }.get(method, False)


def _perform(run: Running, rule: _Rule) -> tuple[Verdict, Text]:
    method = rule.method
    if method not in _NAMES:
        run.tvr |= Tvr.CVM_UNKNOWN
        return "failed", Text("终端不认识", "not known to the terminal")
    if not _supports(run, method):
        if method in (_PLAIN_PIN, _ONLINE_PIN, _PLAIN_AND_SIGNATURE):
            run.tvr |= Tvr.NO_PIN_PAD
        return "failed", Text("终端不支持", "not supported by the terminal")
    if method == _FAIL:
        return "failed", Text("按卡的要求失败", "fails, as the card wants")
    if method in (_PLAIN_PIN, _PLAIN_AND_SIGNATURE):
        return _offline_pin(run, signed=method == _PLAIN_AND_SIGNATURE)
    if method == _ONLINE_PIN:
        return _online_pin(run)
    if method == _SIGNATURE:
        run.signature = True
        return "unknown", Text("持卡人须签名", "the holder has to sign")
    if method == _DOCUMENT:
        return "done", Text(
            "操作员核对卡内 9F61、9F62 与证件（测试终端视为相符）",
            "the attendant compares 9F61 and 9F62 with the document (taken as equal here)",
        )
    return "done", Text("通过", "passed")


def _online_pin(run: Running) -> tuple[Verdict, Text]:
    if run.path == "cash":
        # It is to stay offline; the PIN comes when it goes online after all (ref 14 §8.1).
        return "unknown", Text(
            "电子现金：联机时才需要", "electronic cash: only when it goes online"
        )
    if run.purchase.pin is None:
        run.tvr |= Tvr.PIN_NOT_ENTERED
        return "failed", Text("未输入 PIN", "no PIN was entered")
    run.tvr |= Tvr.ONLINE_PIN
    return "unknown", Text("PIN 由发卡行核对", "the bank checks the PIN")


def _offline_pin(run: Running, *, signed: bool) -> tuple[Verdict, Text]:
    if run.purchase.pin is None:
        run.tvr |= Tvr.PIN_NOT_ENTERED
        return "failed", Text("未输入 PIN", "no PIN was entered")
    tries = run.card.get_data(_PIN_TRIES)
    if tries == b"\x00":
        run.tvr |= Tvr.PIN_TRIES_EXCEEDED
        return "failed", Text("PIN 已锁定", "the PIN is locked")
    try:
        run.card.verify_pin(run.purchase.pin)
    except WrongBankPin as wrong:
        if wrong.tries_left == 0:
            run.tvr |= Tvr.PIN_TRIES_EXCEEDED
        return "failed", Text(f"卡不接受（{wrong.sw}）", f"the card refused it ({wrong.sw})")
    if signed:
        run.signature = True
    return "done", Text("卡核对通过", "the card accepted it")
