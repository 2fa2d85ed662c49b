"""The single fields of HSM service messages: which characters each holds (05 appendix A, 02 §6).

Every field is text: decimal or hexadecimal digits, a key address, an algorithm identifier. What was
found in a field is never quoted in an error, because one of them holds a PIN.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sscard_ic.base.errors import InputError, Text
from sscard_ic.crypto.suites import SUITES

Kind = Literal["decimal", "hex", "flag", "address", "time"]

SSF33 = "02"
"""The algorithm identifier that no suite of ours has (ref 02 §2.4)."""
FLAGS = (SUITES["3des"].flag, SSF33, SUITES["sm4"].flag)
_FLAG_NAMES = {"DES": FLAGS[0], "SSF33": SSF33, "SM4": FLAGS[2]}
"""One driver writes names instead of digits (ref 02 §6.2)."""

_ADDRESS = re.compile(r"[0-9A-Fa-f]{4}(?:[0-9A-Fa-f]{2})?|[A-Z][0-9A-Z_]{3,31}")
_DIGITS: dict[Kind, re.Pattern[str]] = {
    "decimal": re.compile(r"[0-9]*"),
    "hex": re.compile(r"(?:[0-9A-Fa-f]{2})*"),
}
_WORDS: dict[Kind, Text] = {
    "decimal": Text("位十进制数字", "decimal digits"),
    "hex": Text("位十六进制数字", "hexadecimal digits"),
}


class MessageError(InputError):
    """A message to or from an HSM service has another form than it should have."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its title, the characters it may hold and how many of them."""

    title: Text
    kind: Kind
    lengths: tuple[int, ...] = ()
    """Numbers of characters that are allowed; none: any number."""
    empty: bool = False
    """Whether it may be empty besides."""

    def check(self, text: str, place: Text) -> str:
        """``text`` in its usual spelling; ``place`` says where it stood, for the error.

        Raises :class:`MessageError`.
        """
        if self.empty and not text:
            return text
        return _CHECKS.get(self.kind, _digits)(self, text, place)

    def wrong(self, place: Text, wanted: Text) -> MessageError:
        """The error for a text that should have been ``wanted``."""
        return MessageError(
            Text(
                f"{place.zh}（{self.title.zh}）应为{wanted.zh}",
                f"{place.en} ({self.title.en}) should be {wanted.en}",
            )
        )


def _digits(field: Field, text: str, place: Text) -> str:
    allowed = not field.lengths or len(text) in field.lengths
    if allowed and _DIGITS[field.kind].fullmatch(text):
        return text.upper()
    words = _WORDS[field.kind]
    lengths = [str(length) for length in field.lengths]
    zh = f" {'或 '.join(lengths)} {words.zh}" if lengths else f"偶数{words.zh}"
    en = f"{' or '.join(lengths)} {words.en}" if lengths else f"an even number of {words.en}"
    raise field.wrong(
        place, Text(f"{zh}，实有 {len(text)} 个字符", f"{en}, not these {len(text)} characters")
    )


def _flag(field: Field, text: str, place: Text) -> str:
    flag = _FLAG_NAMES.get(text, text)
    if flag not in FLAGS:
        known = "01 (3DES), 02 (SSF33), 03 (SM4)"
        raise field.wrong(place, Text(f" {known}", known))
    return flag


def _address(field: Field, text: str, place: Text) -> str:
    if not _ADDRESS.fullmatch(text):
        raise field.wrong(
            place,
            Text(
                " 4 位或 6 位十六进制密钥地址，或大写的名称",
                "4 or 6 hexadecimal digits, or a name in capitals",
            ),
        )
    return text.upper()


def _time(field: Field, text: str, place: Text) -> str:
    try:
        if not re.fullmatch(r"[0-9]{14}", text):
            raise ValueError
        datetime.strptime(text, "%Y%m%d%H%M%S")
    except ValueError:
        raise field.wrong(place, Text(" YYYYMMDDhhmmss", "YYYYMMDDhhmmss")) from None
    return text


_CHECKS: dict[Kind, Callable[[Field, str, Text], str]] = {
    "flag": _flag,
    "address": _address,
    "time": _time,
}

REGION = Field(Text("发卡地区", "region of issue"), "decimal", (6,))
HISTORICAL = Field(Text("卡复位信息", "ATR information"), "hex", (26,))
FLAG = Field(Text("算法标识", "algorithm identifier"), "flag")
CODE = Field(Text("卡识别码", "card identification code"), "hex", (32,))
ADDRESS = Field(Text("密钥地址", "key address"), "address")
FACTOR = Field(Text("过程因子", "process factor"), "hex", (16,))
RAW = Field(Text("原始信息", "raw data"), "hex", (16,))
INTERNAL_FACTOR = Field(Text("内部认证过程因子", "internal process factor"), "hex", (16,))
INTERNAL_RAW = Field(Text("内部认证原始信息", "internal raw data"), "hex", (16,))
EXTERNAL_FACTOR = Field(
    Text("外部认证过程因子", "external process factor"), "hex", (16,), empty=True
)
EXTERNAL_RAW = Field(Text("外部认证原始信息", "external raw data"), "hex", (16,), empty=True)
MESSAGE_FACTOR = Field(Text("安全报文因子", "secure-messaging factor"), "hex", (16, 32))
HEADER = Field(Text("APDU 命令头", "APDU header"), "hex", (10,))
PLAIN = Field(Text("明文数据", "plaintext data"), "hex", empty=True)
NUMBER = Field(Text("终端交易序号", "terminal transaction number"), "hex", (8,))
RANDOM = Field(Text("伪随机数", "pseudo random"), "hex", (8,))
COUNTER = Field(Text("卡交易序号", "card transaction number"), "hex", (4,))
AMOUNTS = Field(Text("交易金额", "amounts"), "hex", (16, 24))
TYPE = Field(Text("交易类型", "transaction type"), "hex", (2,))
TERMINAL = Field(Text("终端机编号", "terminal number"), "decimal", (12,))
TIME = Field(Text("交易时间", "time"), "time")
PROOF = Field(Text("鉴别数据与原始信息", "authentication data and raw data"), "hex", (32,))
EXTERNAL_PROOF = Field(
    Text("外部认证鉴别数据与原始信息", "external authentication data and raw data"),
    "hex",
    (32,),
    empty=True,
)
COMMAND = Field(Text("安全报文", "secure message"), "hex")
MAC1 = Field(Text("MAC1", "MAC1"), "hex", (8,))
MAC2 = Field(Text("MAC2", "MAC2"), "hex", (8,))
TAC = Field(Text("TAC", "TAC"), "hex", (8,))
