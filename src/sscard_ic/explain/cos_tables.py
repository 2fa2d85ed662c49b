"""Layouts of CREATE FILE and WRITE KEY of other card operating systems, as data.

MCOS ref 11 §3.3, §3.4; HDOS ref 11 §4; FMCOS and TimeCOS ref 02 §9.1, 11 §7; KS-A ref 02 §7.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sscard_ic.base.errors import Text
from sscard_ic.explain import layout
from sscard_ic.explain.applications import name_words
from sscard_ic.explain.layout import Field, field, reserved
from sscard_ic.explain.words import joined, same

_FREE, _NEVER = Text("自由", "free"), Text("禁止", "never")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of file or key: its name and the fields of its data."""

    name: Text
    fields: tuple[Field, ...]


# -- rights ------------------------------------------------------------------------------------


def _flags(raw: bytes) -> Text:
    """MCOS and HDOS: ``0Y`` is free, X to Y one flag of the range, X above Y never."""
    first, last = raw[0] >> 4, raw[0] & 0x0F
    if first == 0:
        return _FREE
    if first > last:
        return _NEVER
    span = str(first) if first == last else f"{first}-{last}"
    return Text(f"标志 {span}", f"flag {span}")


def _global_and_local(raw: bytes) -> Text:
    """MCOS: the range of the environment and that of the application; both must hold."""
    if raw == b"\x00\x00":
        return _FREE
    environment, application = _flags(raw[:1]), _flags(raw[1:])
    return Text(
        f"环境 {environment.zh}，应用 {application.zh}",
        f"environment {environment.en}, application {application.en}",
    )


def _register(raw: bytes) -> Text:
    """FMCOS and TimeCOS: the register must lie from Y to X; ``0Y`` looks at that of the MF."""
    upper, lower = raw[0] >> 4, raw[0] & 0x0F
    if upper == 0:
        return Text(f"MF 状态 ≥ {lower}", f"state of the MF at least {lower}")
    if upper < lower:
        return _NEVER
    if (upper, lower) == (15, 0):
        return _FREE
    return Text(f"状态 {lower}–{upper}", f"state {lower} to {upper}")


_CONTROL_BITS = (
    (0x80, Text("环境主控", "control key of the environment")),
    (0x40, Text("应用主控", "control key of the application")),
    (0x20, Text("MAC", "MAC")),
    (0x10, Text("加密", "enciphered")),
    (0x08, Text("禁止追加", "no append")),
    (0x04, Text("禁止更新", "no update")),
    (0x02, Text("密码为“或”", "or the PIN")),
    (0x01, Text("密码", "PIN")),
)


def _control(raw: bytes) -> Text:
    """MCOS: the control byte of an elementary file."""
    said = [words for bit, words in _CONTROL_BITS if raw[0] & bit]
    return joined(said) if said else Text("无", "none")


def _tries(raw: bytes) -> Text:
    return Text(
        f"最多 {raw[0] >> 4} 次，剩 {raw[0] & 15} 次",
        f"at most {raw[0] >> 4} tries, {raw[0] & 15} left",
    )


def _limit(raw: bytes) -> Text:
    return Text("不限", "unlimited") if raw[0] == 0 else same(str(raw[0]))


_FID = field("文件标识符", "file identifier", 2)
_SIZE = field("大小", "size", 2, layout.number)
_NAME = field("名称", "name", 0, name_words)
_LENGTH = field("记录长度", "record length", 1, layout.number)
_COUNT = field("记录数", "records", 1, layout.number)
_VALUE = Field(Text("密钥值", "value"), 0, secret=True)

# -- MCOS --------------------------------------------------------------------------------------

_RESERVED = reserved(1)
_OPENED = field("预开记录数", "records opened", 1, layout.number)
_FORM = field("记录格式", "record form", 1, layout.one_of({0: same("V"), 1: same("TLV")}))
_RIGHTS = (
    field("读控制", "read control", 1, _control),
    field("写控制", "update control", 1, _control),
    field("读权限", "read right", 2, _global_and_local),
    field("写权限", "update right", 2, _global_and_local),
    field("读传输密钥", "transport key for reading", 1),
    field("写传输密钥", "transport key for writing", 1),
)
_MCOS_DIRECTORY = (
    field("DIR 文件", "DIR file", 1),
    field("FCI 文件", "FCI file", 1),
    field("写控制", "write control", 1),
    field("重装密钥", "reload key", 1),
    field("锁定密钥", "block key", 1),
    field("主控密钥尝试次数", "tries of the control key", 1, _limit),
    _NAME,
)
MCOS_FILES: Mapping[int, Kind] = {
    0x00: Kind(
        same("MF"),
        (
            *(_FID, field("应用类型", "application type", 1), _RESERVED),
            *(field("ATR 文件", "ATR file", 1), *_MCOS_DIRECTORY),
        ),
    ),
    0x01: Kind(
        same("DDF"),
        (
            *(_FID, _SIZE, field("应用类型", "application type", 1)),
            *(reserved(2), *_MCOS_DIRECTORY),
        ),
    ),
    0x02: Kind(same("ADF"), (_FID, _SIZE, reserved(4), *_MCOS_DIRECTORY[1:])),
    0x03: Kind(Text("透明文件", "transparent file"), (_FID, _SIZE, _RESERVED, *_RIGHTS)),
    0x04: Kind(
        Text("定长记录文件", "file of fixed records"),
        (_FID, _LENGTH, _COUNT, _OPENED, _RESERVED, _FORM, *_RIGHTS),
    ),
    0x05: Kind(
        Text("变长记录文件", "file of variable records"),
        (_FID, _SIZE, _RESERVED, _FORM, *_RIGHTS, field("预开记录长度", "lengths opened", 0)),
    ),
    0x07: Kind(Text("循环文件", "cyclic file"), (_FID, _LENGTH, _COUNT, _OPENED, _FORM, *_RIGHTS)),
    0x09: Kind(Text("电子钱包", "EP purse"), (_FID, field("限额", "limit", 4, layout.amount))),
    0x0A: Kind(Text("电子存折", "ED purse"), (_FID, field("限额", "limit", 4, layout.amount))),
    0x0B: Kind(
        Text("安全文件（密钥）", "secure file (keys)"),
        (
            *(_FID, _SIZE, field("传输密钥", "transport key", 1)),
            *(field("写控制", "write control", 1), field("写权限", "right", 2, _global_and_local)),
        ),
    ),
}
"""By P2 of CREATE FILE."""

_MCOS_KEY = (
    field("标识", "identifier", 1),
    field("版本", "version", 1, layout.number),
    field("算法", "algorithm", 1),
    field("使用权限", "right to use", 2, _global_and_local),
    field("尝试次数", "tries", 1, _limit),
    field("后续状态", "state after success", 1, _flags),
    _VALUE,
)
_MCOS_USAGE = field("用途", "usage", 1)
MCOS_KEYS: Mapping[int, Kind] = {
    usage: Kind(name, (_MCOS_USAGE, *_MCOS_KEY))
    for usage, name in {
        0x00: Text("外部认证密钥", "external authentication key"),
        0x01: Text("传输密钥", "transport key"),
        0x02: Text("消费密钥", "purchase key"),
        0x09: Text("圈存密钥", "load key"),
        0x0A: Text("圈提密钥", "unload key"),
        0x0B: Text("透支密钥", "overdraft key"),
        0x0C: Text("TAC 密钥", "TAC key"),
        0x1C: Text("内部认证密钥", "internal authentication key"),
        0x1F: Text("密码", "PIN"),
    }.items()
}
"""By the usage byte of a record."""

_STATES = {
    0x0A: Text("初始", "initial"),
    0x0B: Text("开发", "development"),
    0x0C: Text("工作", "working"),
    0x0D: Text("锁定", "locked"),
    0x0E: Text("存储器损坏", "memory defect"),
}
_DIRECTORY_TYPES = {0x39: same("MF"), 0x3A: same("DDF"), 0x38: same("ADF")}
_APPLICATION_STATES = {
    0x38: Text("工作", "working"),
    0x78: Text("临时锁定", "temporarily locked"),
    0xB8: Text("永久锁定", "permanently locked"),
}
MCOS_INFO = (
    field("芯片商", "chip maker", 2),
    field("操作系统标识", "system identifier", 1),
    field("版本", "version", 1),
    field("修订", "revision", 1),
    field("存储器大小", "memory", 2, layout.number),
    field("卡状态", "state of the card", 1, layout.one_of(_STATES)),
    reserved(1),
    field("目录类型", "type of directory", 1, layout.one_of(_DIRECTORY_TYPES)),
    field("应用状态", "state of the application", 1, layout.one_of(_APPLICATION_STATES)),
    field("目录空间", "space of the directory", 2, layout.number),
    field("剩余空间", "free space", 2, layout.number),
)
"""Answer to GET INFO (ref 11 §3.2)."""

# -- HDOS --------------------------------------------------------------------------------------

_HDOS_TYPE = field("类型", "type", 1)
_HDOS_RIGHTS = (
    field("读权限", "read right", 1, _flags),
    field("写权限", "update right", 1, _flags),
)
_BY_SIZE = (_HDOS_TYPE, _SIZE, *_HDOS_RIGHTS)
_BY_COUNT = (_HDOS_TYPE, _COUNT, _LENGTH, *_HDOS_RIGHTS)
HDOS_FILES: Mapping[int, Kind] = {
    0x00: Kind(Text("透明文件", "transparent file"), _BY_SIZE),
    0x01: Kind(Text("变长记录文件", "file of variable records"), _BY_SIZE),
    0x02: Kind(Text("定长记录文件", "file of fixed records"), _BY_COUNT),
    0x03: Kind(Text("循环文件", "cyclic file"), _BY_COUNT),
    0x04: Kind(
        Text("目录", "directory"),
        (
            *(_HDOS_TYPE, field("DIR 文件", "DIR file", 1)),
            *(field("兼容标志", "compatibility flag", 1), _RESERVED),
            *(field("建立和擦除权限", "right to create and erase", 1, _flags), _NAME),
        ),
    ),
    0x05: Kind(
        Text("密钥文件", "key file"),
        (
            *(_HDOS_TYPE, field("密钥个数", "number of keys", 1, layout.number)),
            *(_RESERVED, _RESERVED, field("增加权限", "right to add", 1, _flags)),
        ),
    ),
    0x06: Kind(Text("电子存折", "ED purse"), (_HDOS_TYPE, field("参数", "parameters", 4))),
    0x07: Kind(Text("电子钱包", "EP purse"), (_HDOS_TYPE, field("参数", "parameters", 4))),
}
"""By the low five bits of the type byte."""

_HDOS_KEY = (
    field("标识", "identifier", 1),
    field("类型", "type", 1),
    field("算法", "algorithm", 1),
    field("版本", "version", 1, layout.number),
    field("后续状态", "state after success", 1),
    field("使用权限", "right to use", 1, _flags),
    field("修改权限", "right to change", 1, _flags),
    field("错误计数器", "error counter", 1, _tries),
    _VALUE,
)
HDOS_KEYS: Mapping[int, Kind] = {
    number: Kind(name, _HDOS_KEY)
    for number, name in {
        0x00: Text("主控或外部认证密钥", "control or external authentication key"),
        0x01: Text("应用维护密钥", "application maintenance key"),
        0x02: Text("消费密钥", "purchase key"),
        0x03: Text("密码解锁密钥", "PIN unblocking key"),
        0x04: Text("密码重装密钥", "PIN reloading key"),
        0x05: Text("圈存密钥", "load key"),
        0x06: Text("TAC 密钥", "TAC key"),
        0x07: Text("圈提密钥", "unload key"),
        0x08: Text("透支密钥", "overdraft key"),
        0x09: Text("内部认证密钥", "internal authentication key"),
        0x0A: Text("密码", "PIN"),
    }.items()
}
"""By the type byte of a record, its second one."""

# -- FMCOS and TimeCOS -------------------------------------------------------------------------

_FMCOS_TYPE = field("类型", "type", 1)
_FMCOS_RIGHTS = (
    field("读权限", "read right", 1, _register),
    field("写权限", "update right", 1, _register),
    reserved(1),
    field("线路保护", "line protection", 1),
)
FMCOS_FILES: Mapping[int, Kind] = {
    0x28: Kind(Text("透明文件", "transparent file"), (_FMCOS_TYPE, _SIZE, *_FMCOS_RIGHTS)),
    0x2A: Kind(
        Text("定长记录文件", "file of fixed records"),
        (_FMCOS_TYPE, _COUNT, _LENGTH, *_FMCOS_RIGHTS),
    ),
    0x2C: Kind(
        Text("变长记录文件", "file of variable records"), (_FMCOS_TYPE, _SIZE, *_FMCOS_RIGHTS)
    ),
    0x2E: Kind(Text("循环文件", "cyclic file"), (_FMCOS_TYPE, _COUNT, _LENGTH, *_FMCOS_RIGHTS)),
    0x2F: Kind(
        Text("电子钱包", "purse"),
        (
            *(_FMCOS_TYPE, _SIZE, field("使用权限", "right to use", 1, _register)),
            *(reserved(2), field("明细文件", "log file", 1)),
        ),
    ),
    0x38: Kind(
        Text("目录", "directory"),
        (
            *(_FMCOS_TYPE, _SIZE, field("建立权限", "create right", 1, _register)),
            *(field("擦除权限", "erase right", 1, _register), reserved(3), _NAME),
        ),
    ),
    0x3F: Kind(
        Text("密钥文件", "key file"),
        (
            *(_FMCOS_TYPE, _SIZE, field("DIR 或 FCI 文件", "DIR or FCI file", 1)),
            *(field("增加权限", "right to add", 1, _register), reserved(2)),
        ),
    ),
}
"""By the type byte without its two protection bits."""

_FMCOS_KEY_HEAD = (
    _FMCOS_TYPE,
    field("使用权限", "right to use", 1, _register),
    field("修改权限", "right to change", 1, _register),
)
_VERSIONED = (
    *(*_FMCOS_KEY_HEAD, field("版本", "version", 1, layout.number)),
    *(field("算法", "algorithm", 1), _VALUE),
)
_COUNTED = (
    *(*_FMCOS_KEY_HEAD, field("后续状态", "state after success", 1)),
    *(field("错误计数器", "error counter", 1, _tries), _VALUE),
)
FMCOS_KEYS: Mapping[int, Kind] = {
    0x30: Kind(Text("DES 加密密钥", "DES encryption key"), _VERSIONED),
    0x31: Kind(Text("DES 解密密钥", "DES decryption key"), _VERSIONED),
    0x32: Kind(Text("DES MAC 密钥", "DES MAC key"), _VERSIONED),
    0x34: Kind(Text("内部密钥（TAC）", "internal key (TAC)"), _VERSIONED),
    0x36: Kind(Text("线路保护密钥", "line protection key"), _COUNTED),
    0x37: Kind(Text("密码解锁密钥", "PIN unblocking key"), _COUNTED),
    0x38: Kind(Text("密码重装密钥", "PIN reloading key"), _COUNTED),
    0x39: Kind(Text("外部认证密钥", "external authentication key"), _COUNTED),
    0x3A: Kind(Text("密码", "PIN"), _COUNTED),
    0x3B: Kind(Text("密钥解锁密钥", "unlocking key"), _COUNTED),
    0x3C: Kind(Text("修改透支限额密钥", "overdraft key"), _VERSIONED),
    0x3D: Kind(Text("圈提密钥", "unload key"), _VERSIONED),
    0x3E: Kind(Text("消费密钥", "purchase key"), _VERSIONED),
    0x3F: Kind(Text("圈存密钥", "load key"), _VERSIONED),
}
"""By the type byte without its two protection bits, which TimeCOS sets (F9 for 39)."""

# -- PSAM, dialect KS-A -------------------------------------------------------------------------

KSA_FILES: Mapping[int, Kind] = {
    0x30: Kind(Text("密钥文件", "key file"), ()),
    0x31: Kind(Text("透明文件", "transparent file"), ()),
    0x34: Kind(Text("目录文件", "directory file"), ()),
}
"""By the type byte, the third of the data."""

KSA_FILE = (
    *(_FID, field("类型", "type", 1), field("形式", "form", 1), _SIZE),
    *(field("读权限", "read right", 1), field("写权限", "update right", 1)),
)
KSA_DIRECTORY = (
    *(_FID, field("类型", "type", 1), field("参数", "parameters", 12)),
    *(field("名称长度", "length of the name", 1, layout.number), field("名称", "name", 16)),
    field("参数", "parameters", 10),
)
