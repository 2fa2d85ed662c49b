"""What a key may be used for, by its purpose and its days."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Literal

from sscard_ic.base.errors import Text
from sscard_ic.keys.errors import DestroyedKeyError, ExpiredKeyError, WrongPurposeError
from sscard_ic.keys.inventory import KeyInfo, Use

Operation = Literal[
    "authenticate",
    "mac",
    "protect",
    "load",
    "open_blank",
    "purchase",
    "credit",
    "tac",
    "wrap",
    "bank_cryptogram",
    "bank_mac",
    "bank_pin",
    "bank_load",
    "card_manager",
    "bank_transport",
]
"""``load``: the key itself goes into a card, protected by one used to ``protect``.

``bank_load``: the same for the bank's application, protected by a session with its card manager.
"""

_CARD_KEYS: frozenset[Use] = frozenset(
    {"external", "internal", "mac", "master", "purchase", "load", "tac"}
)
_ALLOWED: Mapping[Operation, frozenset[Use]] = {
    "authenticate": frozenset({"external", "internal", "master"}),
    # The authentication code of the card identification code is a MAC by the IRK (ref 11 §5.5).
    "mac": frozenset({"internal", "mac", "master"}),
    # MCOS takes the PUK for the MAC of the PIN service, HDOS read keys (ref 11 §3.2, §9 B1).
    "protect": frozenset({"external", "mac", "master"}),
    "load": _CARD_KEYS,
    "open_blank": frozenset({"transport"}),
    "purchase": frozenset({"purchase"}),
    "credit": frozenset({"load"}),
    "tac": frozenset({"tac"}),
    "wrap": frozenset({"wrap"}),
    "bank_cryptogram": frozenset({"bank_cryptogram"}),
    "bank_mac": frozenset({"bank_mac"}),
    # The mask of a new PIN may come from the cryptogram key (ref 04 §6.6, variant).
    "bank_pin": frozenset({"bank_encipherment", "bank_cryptogram"}),
    "bank_load": frozenset({"bank_cryptogram", "bank_mac", "bank_encipherment"}),
    "card_manager": frozenset({"card_manager"}),
    "bank_transport": frozenset({"bank_transport"}),
}
_WORDS: Mapping[Operation, Text] = {
    "authenticate": Text("认证", "authenticate"),
    "mac": Text("计算 MAC", "compute MACs"),
    "protect": Text("保护命令", "protect commands"),
    "load": Text("装载到卡中", "be loaded into cards"),
    "open_blank": Text("打开白卡", "open blanks"),
    "purchase": Text("授权消费", "authorise purchases"),
    "credit": Text("授权账户划入", "authorise credits"),
    "tac": Text("校验 TAC", "check TACs"),
    "wrap": Text("保护传输中的密钥", "protect keys on their way"),
    "bank_cryptogram": Text("计算应用密文", "compute application cryptograms"),
    "bank_mac": Text("计算发卡行脚本的 MAC", "compute MACs of issuer scripts"),
    "bank_pin": Text("保护新 PIN", "protect new PINs"),
    "bank_load": Text(
        "装载到卡中的银行应用", "be loaded into the application of the bank on cards"
    ),
    "card_manager": Text("打开卡片管理者", "open card managers"),
    "bank_transport": Text("保护传输中的银行数据", "protect data of the bank on their way"),
}


def require_diversified(key: KeyInfo, where: str = "") -> None:
    """Refuse a key that no card key is derived from by the card's factor, or that is destroyed."""
    if key.state == "destroyed":
        raise DestroyedKeyError(key, where)
    if key.factors[-1:] != ("card",):
        raise WrongPurposeError(key, Text("分散出卡密钥", "give keys to cards"), where)


def require_usable(key: KeyInfo, day: date, where: str = "") -> None:
    """Refuse a key that is destroyed or outside its days, whatever it would be asked for."""
    if key.state == "destroyed":
        raise DestroyedKeyError(key, where)
    if not key.valid_on(day):
        raise ExpiredKeyError(key, day, where)


def require_use(key: KeyInfo, operation: Operation, day: date, where: str = "") -> None:
    """Refuse a key that is destroyed, outside its days, or meant for something else."""
    if key.state == "destroyed":
        raise DestroyedKeyError(key, where)
    if key.use not in _ALLOWED[operation]:
        raise WrongPurposeError(key, _WORDS[operation], where)
    if not key.valid_on(day):
        raise ExpiredKeyError(key, day, where)
