"""Data groups of personalization in words (ref 04 §7.5, 15 §3, §7)."""

from __future__ import annotations

from collections.abc import Mapping

from sscard_ic.apdu.masked import Masked
from sscard_ic.base.errors import Text
from sscard_ic.codec.pboc.groups import DataGroup
from sscard_ic.explain import layout
from sscard_ic.explain.layout import field
from sscard_ic.explain.tlv import explain_objects
from sscard_ic.explain.words import Detail
from sscard_ic.profile.financial import GroupNumbers

_TITLES: Mapping[str, Text] = {
    "keys_3des": Text("3DES 密钥 AC、MAC、ENC", "3DES keys AC, MAC, ENC"),
    "check_3des": Text("3DES 密钥校验值", "check values of the 3DES keys"),
    "keys_sm4": Text("SM4 密钥 AC、MAC、ENC", "SM4 keys AC, MAC, ENC"),
    "check_sm4": Text("SM4 密钥校验值", "check values of the SM4 keys"),
    "sm2_private": Text("SM2 私钥", "SM2 private key"),
    "rsa_coefficient": Text("RSA 系数", "RSA coefficient"),
    "rsa_exponent_q": Text("RSA 指数 dQ", "RSA exponent dQ"),
    "rsa_exponent_p": Text("RSA 指数 dP", "RSA exponent dP"),
    "rsa_q": Text("RSA 素数 q", "RSA prime q"),
    "rsa_p": Text("RSA 素数 p", "RSA prime p"),
    "pin": Text("脱机 PIN", "offline PIN"),
    "pin_tries": Text("PIN 尝试次数", "PIN tries"),
    "fci": Text("FCI", "FCI"),
    "fci_contactless": Text("非接触 FCI", "contactless FCI"),
    "contact": Text("接触借记 AIP、AFL", "AIP and AFL of contact debit"),
    "contact_sm": Text("接触借记 AIP、AFL（SM）", "AIP and AFL of contact debit (SM)"),
    "cash": Text("电子现金 AIP、AFL", "AIP and AFL of EC"),
    "cash_sm": Text("电子现金 AIP、AFL（SM）", "AIP and AFL of EC (SM)"),
    "contactless": Text("qPBOC AIP、AFL", "AIP and AFL of qPBOC"),
    "contactless_sm": Text("qPBOC AIP、AFL（SM）", "AIP and AFL of qPBOC (SM)"),
    "issuer_data": Text("发卡行应用数据", "issuer application data"),
    "issuer_data_sm": Text("发卡行应用数据（SM）", "issuer application data (SM)"),
}
_SECRET = frozenset(
    {
        *("keys_3des", "keys_sm4", "sm2_private", "pin"),
        *("rsa_coefficient", "rsa_exponent_q", "rsa_exponent_p", "rsa_q", "rsa_p"),
    }
)
_INTERNAL = Text("应用内部数据", "internal data")
_OTHERS: Mapping[int, Text] = {
    0x3000: _INTERNAL,
    0x3001: _INTERNAL,
    0x7FFF: Text("结束数据", "completion data"),
}
_INTERNAL_FILES = (0x0D, 0x0E)
_LAST_TEMPLATE_FILE = 0x0A
_CHECK_VALUES = (
    field("AC 校验值", "check value of AC", 3),
    field("MAC 校验值", "check value of MAC", 3),
    field("ENC 校验值", "check value of ENC", 3),
)
_TRIES = (
    field("剩余或最多次数", "tries left, or limit", 1, layout.number),
    field("最多或剩余次数", "limit, or tries left", 1, layout.number),
)


def _names(numbers: GroupNumbers) -> dict[int, str]:
    return {getattr(numbers, name): name for name in _TITLES}


def group_title(number: int, numbers: GroupNumbers) -> Text:
    """Number and name of a group; the number alone where nothing is known of it."""
    code = f"{number:04X}"
    name = _names(numbers).get(number)
    words = _TITLES[name] if name is not None else _OTHERS.get(number)
    if words is None and number >> 8 in _INTERNAL_FILES:
        words = _INTERNAL
    record = DataGroup(number, b"").record
    if words is None and record is not None:
        words = Text(
            f"SFI {record[0]:02X} 记录 {record[1]}", f"SFI {record[0]:02X} record {record[1]}"
        )
    return Text(code, code) if words is None else Text(f"{code} {words.zh}", f"{code} {words.en}")


def is_open(number: int, numbers: GroupNumbers) -> bool:
    """Whether a group of this number is known to carry no key, PIN or private key."""
    name = _names(numbers).get(number)
    if name is not None:
        return name not in _SECRET
    internal = number in _OTHERS or number >> 8 in _INTERNAL_FILES
    return internal or DataGroup(number, b"").record is not None


def is_known(number: int, numbers: GroupNumbers) -> bool:
    """Whether anything is known of a group of this number."""
    return is_open(number, numbers) or number in _names(numbers)


def read_group(group: DataGroup, value: Masked, numbers: GroupNumbers, *, secret: bool) -> Detail:
    """A whole group; of a secret one its length."""
    title = group_title(group.number, numbers)
    if secret:
        return Detail(title, raw=Masked.of(len(value)))
    name = _names(numbers).get(group.number)
    if name in ("check_3des", "check_sm4"):
        return Detail(title, raw=value, parts=layout.split(value, _CHECK_VALUES))
    if name == "pin_tries" and len(value) == len(_TRIES):
        return Detail(title, raw=value, parts=layout.split(value, _TRIES))
    record = group.record
    if record is not None and record[0] > _LAST_TEMPLATE_FILE:
        return Detail(title, raw=value)
    return Detail(title, raw=value, parts=explain_objects(value))
