"""Applications by the names that SELECT uses, and where in a card one is.

Source: ref 01 §2.1, §2.4, §2.5, 02 §1.2, §7.1, §8.1, 04 §2.1, 12 §5.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sscard_ic.base.errors import Text
from sscard_ic.explain import layout
from sscard_ic.explain.layout import Field, field
from sscard_ic.explain.words import same

Application = Literal[
    "social security", "psam", "certificate", "payment system", "bank", "issuer", "other"
]


@dataclass(frozen=True, slots=True)
class Place:
    """A directory of a card."""

    application: Application
    directory: str
    """Short name, that of the profile where it knows the directory: ``SSSE``."""
    title: Text
    assumed: bool = False
    """Nothing was selected yet: where the card's application begins."""

    @property
    def words(self) -> Text:
        """Short name and title."""
        if not self.directory:
            return self.title
        return Text(f"{self.directory} {self.title.zh}", f"{self.directory} {self.title.en}")


def _named(application: Application, directory: str, zh: str, en: str) -> Place:
    return Place(application, directory, Text(zh, en))


_PSAM = _named("psam", "PSAM.DF01", "PSAM 社保应用", "application of the PSAM")
CERTIFICATE_ENVIRONMENT = _named("certificate", "PKI", "证书应用环境", "certificate environment")
CERTIFICATE = _named("certificate", "PKI.ADF1", "证书应用", "certificate application")
_DEBIT = _named("bank", "A000000333010101", "借记应用", "bank debit application")

_ENVIRONMENT = "sh.社会保障".encode("gb2312")

NAMED: dict[bytes, Place] = {
    b"sx2." + _ENVIRONMENT: _named(
        "social security", "SSSE", "SSF33 算法环境", "environment of the algorithm SSF33"
    ),
    b"sx3." + _ENVIRONMENT: _named(
        "psam", "PSAM.SM4", "PSAM 的 SM4 环境", "SM4 environment of the PSAM"
    ),
    bytes.fromhex("D15600000590"): _PSAM,
    b"1PAY.SYS.DDF01": _named(
        "payment system", "PSE", "支付系统环境", "payment system environment"
    ),
    b"2PAY.SYS.DDF01": _named(
        "payment system", "PPSE", "近距离支付系统环境", "proximity payment system environment"
    ),
    bytes.fromhex("A000000333010101"): _DEBIT,
    bytes.fromhex("A000000333010102"): _named(
        "bank", "A000000333010102", "贷记应用", "bank credit application"
    ),
    bytes.fromhex("A000000333010103"): _named(
        "bank", "A000000333010103", "准贷记应用", "bank quasi-credit application"
    ),
    bytes.fromhex("A000000333010106"): _named(
        "bank", "A000000333010106", "纯电子现金应用", "electronic cash application"
    ),
    bytes.fromhex("A000000003000000"): _named(
        "issuer", "ISD", "发卡行安全域", "issuer security domain"
    ),
    bytes.fromhex("A000000004000000"): _named(
        "issuer", "ISD", "发卡行安全域", "issuer security domain"
    ),
    bytes.fromhex("A000000151000000"): _named(
        "issuer", "ISD", "发卡行安全域", "issuer security domain"
    ),
}
"""Names that no profile of the social security card declares; those of the certificate application
are its model's."""

_BANK_PROVIDER = bytes.fromhex("A000000333")

CHILDREN: dict[tuple[Application, int], Place] = {
    ("psam", 0xDF01): _PSAM,
}
"""Directories by application and file identifier."""

MF = 0x3F00


def named(name: bytes) -> Place | None:
    """The directory of that name, as far as it is not the profile's."""
    if (place := NAMED.get(name)) is not None:
        return place
    if name.startswith(_BANK_PROVIDER):
        return Place("bank", name.hex().upper(), Text("银行应用", "bank application"))
    return None


def name_words(raw: bytes) -> Text:
    """A DF name or application identifier: the text that it is, else nothing but its digits."""
    text = layout.characters(raw)
    return text if len(raw) > 4 and "\ufffd" not in text.en else same(raw.hex().upper())


# -- files that no card profile declares ------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ForeignFile:
    """A file of another application; ``fields`` is empty where its content is not known."""

    title: Text
    fields: tuple[Field, ...] = ()


def _validity(zh: str, en: str) -> ForeignFile:
    fields = (
        field("消费密钥索引", "purchase key index", 1, layout.number),
        field("认证密钥版本", "authentication key version", 1, layout.number),
        field("启用日期", "start date", 4, layout.moment),
        field("有效日期", "expiry date", 4, layout.moment),
    )
    return ForeignFile(Text(f"{zh}应用数据", f"application data of the {en}"), fields)


_PSAM_FILES = {
    0x0001: ForeignFile(Text("目录文件", "directory file")),
    0x0015: ForeignFile(
        Text("卡片公共信息", "public data of the PSAM"),
        (
            field("发行者标识", "issuer identifier", 1),
            field("PSAM 序列号", "PSAM serial number", 10, layout.digits),
            field("版本号", "version", 1, layout.number),
            field("密钥卡类型", "type of key card", 1, layout.number),
            field("发卡方自定义 FCI 数据", "issuer's FCI data", 2),
        ),
    ),
    0x0016: ForeignFile(
        Text("终端信息", "terminal data"),
        (field("终端机编号", "terminal number", 6, layout.digits),),
    ),
    0x0017: ForeignFile(Text("应用公共信息", "public data of the application")),
    0x0019: ForeignFile(
        Text("终端交易序号", "terminal transaction number"),
        (field("终端交易序号", "terminal transaction number", 4, layout.number),),
    ),
    0x001A: _validity("国家级", "nation"),
    0x001B: _validity("省级", "province"),
    0x001C: _validity("地市级", "city"),
    0x0011: ForeignFile(Text("国家级密钥文件", "national key file")),
    0x0012: ForeignFile(Text("省级密钥文件", "provincial key file")),
    0x0013: ForeignFile(Text("地市级密钥文件", "city key file")),
}

_INTERNAL_FILES = {
    0x0000: ForeignFile(Text("密钥文件", "key file")),
    0x2F01: ForeignFile(Text("ATR 文件", "ATR file")),
    0xEF1E: ForeignFile(Text("目录文件", "directory file")),
    0xEF23: ForeignFile(Text("FCI 文件", "FCI file")),
    0xEF80: ForeignFile(Text("密钥文件", "key file")),
    0xEF81: ForeignFile(Text("交易文件", "transaction file")),
}
"""Files of the operating system in a directory of the card (ref 11 §4, §5.2)."""

FOREIGN_FILES: dict[Application, dict[int, ForeignFile]] = {
    "social security": _INTERNAL_FILES,
    "psam": _PSAM_FILES,
}
"""Files by application and identifier."""
