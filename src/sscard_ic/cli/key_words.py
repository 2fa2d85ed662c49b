"""What is known about root keys, in words and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from sscard_ic.base.errors import Text
from sscard_ic.cli.common import language, tr
from sscard_ic.crypto.factors import city_factor, province_factor
from sscard_ic.keys.inventory import Factor, KeyInfo, Level, Origin, Owner, RootAlgorithm, Use
from sscard_ic.profile.financial import BankKeyUse
from sscard_ic.profile.manual import key_words
from sscard_ic.profile.structure import Key

OWNERS: Mapping[Owner, Text] = {
    "ministry": Text("人社部", "ministry"),
    "province": Text("省", "province"),
    "city": Text("市", "city"),
    "maker": Text("制卡商", "card maker"),
    "bank": Text("银行", "bank"),
    "site": Text("本单位", "site"),
}
"""In the order of the hierarchy."""
USES: Mapping[Use, Text] = {
    "external": Text("外部认证", "external"),
    "internal": Text("内部认证", "internal"),
    "mac": Text("应用维护", "MAC"),
    "master": Text("主控", "control"),
    "purchase": Text("消费", "purchase"),
    "load": Text("账户划入", "load"),
    "tac": Text("TAC", "TAC"),
    "transport": Text("传输", "transport"),
    "wrap": Text("密钥保护", "wrap"),
    "bank_cryptogram": Text("应用密文", "cryptogram"),
    "bank_mac": Text("脚本 MAC", "script MAC"),
    "bank_encipherment": Text("脚本加密", "PIN encipherment"),
    "card_manager": Text("卡片管理者 (KMC)", "card manager"),
    "bank_transport": Text("银行数据传输", "transport of data"),
}
ALGORITHMS: Mapping[RootAlgorithm, str] = {
    "des": "DES",
    "3des": "3DES",
    "sm4": "SM4",
    "sm1": "SM1",
    "ssf33": "SSF33",
    "aes": "AES",
}
ORIGINS: Mapping[Origin, Text] = {
    "published": Text("公开测试密钥", "published"),
    "generated": Text("内部生成", "generated"),
    "components": Text("分量合成", "components"),
    "block": Text("密钥块导入", "key block"),
}
ENVIRONMENTS = {"test": Text("测试", "test"), "production": Text("生产", "production")}
_BANK_USES: Mapping[BankKeyUse, Text] = {
    "bank_cryptogram": Text(
        "银行应用密文（ARQC、TC、AAC、ARPC）", "cryptograms of the bank's application"
    ),
    "bank_mac": Text("发卡行脚本与余额的 MAC", "MACs of issuer scripts and of balances"),
    "bank_encipherment": Text("发卡行脚本中的新 PIN", "enciphers new PINs in issuer scripts"),
    "card_manager": Text("卡片管理者的密钥 (KMC)", "opens card managers (KMC)"),
    "bank_transport": Text("保护银行交来的数据", "protects data on their way from the bank"),
}
_CHAIN_LEVELS: frozenset[Level] = frozenset({"N1", "N2", "P1", "C1"})


def said(text: Text) -> str:
    """``text`` in the language of the running command."""
    return text.to(language())


def owner_words(key: KeyInfo) -> str:
    """The owner, with the level where the hierarchy has one: ``ministry N1``."""
    owner = said(OWNERS[key.owner])
    return f"{owner} {key.level}" if key.level in _CHAIN_LEVELS else owner


def state_words(key: KeyInfo, today: date) -> str:
    """Whether the key may be used, and for how long."""
    if key.state == "destroyed":
        day = "" if key.destroyed is None else f" {key.destroyed:%Y-%m-%d}"
        return tr("已销毁", "destroyed") + day
    if is_expired(key, today):
        return tr(f"{key.valid_until} 已过期", f"expired {key.valid_until}")
    if key.valid_from is not None and today < key.valid_from:
        return tr(f"{key.valid_from} 起有效", f"from {key.valid_from}")
    if key.valid_until is not None:
        return tr(f"有效至 {key.valid_until}", f"until {key.valid_until}")
    return tr("有效", "active")


def is_expired(key: KeyInfo, today: date) -> bool:
    """Whether the last day of the key is over."""
    return key.valid_until is not None and key.valid_until < today


def days_words(key: KeyInfo) -> str:
    """First and last day of use."""
    first, last = key.valid_from, key.valid_until
    if first is None and last is None:
        return tr("不限", "without limit")
    if last is None:
        return tr(f"自 {first} 起", f"from {first}")
    if first is None:
        return tr(f"至 {last} 止", f"until {last}")
    return tr(f"{first} 至 {last}", f"{first} to {last}")


def use_words(use: Use) -> str:
    """What a key is for."""
    match use:
        case "transport":
            return tr("打开制卡商的白卡", "opens the card maker's blanks")
        case "wrap":
            return tr("保护传输中的其他密钥", "protects other keys on their way")
        case (
            "bank_cryptogram" | "bank_mac" | "bank_encipherment" | "card_manager" | "bank_transport"
        ):
            return said(_BANK_USES[use])
        case _:
            return said(key_words(Key(directory="", id=0, use=use, level="maker"))[0])


def factor_words(factor: Factor, region: str | None = None) -> str:
    """What one step of diversification depends on; of ``region``, or in general."""
    match factor:
        case "card":
            return tr("卡 ATR 历史字节 6-13", "card ATR historical bytes 6-13")
        case "city":
            return f"{tr('市', 'city')} {factor_text(factor, region)}"
        case "province":
            return f"{tr('省', 'province')} {factor_text(factor, region)}"
        case "account":
            return tr("主账号与序列号", "PAN and its sequence number")
        case "chip":
            return tr("芯片的密钥数据（KEYDATA）", "key data of the chip (KEYDATA)")


def factor_text(factor: Factor, region: str | None) -> str:
    """The 8 ASCII characters of a step above the card, or how they are made (ref 02 §2.2)."""
    if region is None:
        return "PP0000sh" if factor == "province" else "CCCCCCsx"
    make = province_factor if factor == "province" else city_factor
    return make(region).decode("ascii")


def key_json(key: KeyInfo) -> dict[str, Any]:
    """Everything that may be told about a root key; ``docs/keys.md`` describes it."""
    return {
        "name": key.name,
        "version": key.version,
        "owner": key.owner,
        "level": key.level,
        "factors": list(key.factors),
        "use": key.use,
        "algorithm": key.algorithm,
        "length": key.length,
        "valid_from": key.valid_from and key.valid_from.isoformat(),
        "valid_until": key.valid_until and key.valid_until.isoformat(),
        "state": key.state,
        "destroyed": key.destroyed and key.destroyed.isoformat(),
        "origin": key.origin,
        "created": key.created and key.created.isoformat(),
        "environment": key.environment,
        "check_value": key.check_value,
    }
