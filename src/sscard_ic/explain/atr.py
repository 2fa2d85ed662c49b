"""Answer to reset in words (ISO/IEC 7816-3; ref 01 §9.6, 11 §3.1, §4, §7)."""

from __future__ import annotations

from functools import reduce
from operator import xor

from sscard_ic.apdu.masked import Masked
from sscard_ic.base.errors import Text
from sscard_ic.explain import layout
from sscard_ic.explain.words import Detail, bytes_of, joined, same
from sscard_ic.profile.codes import CodeTable

DIRECT, INVERSE = 0x3B, 0x3F

_CONVENTIONS = {
    DIRECT: Text("正向约定", "direct convention"),
    INVERSE: Text("反向约定", "inverse convention"),
}
_CLOCK_RATE = (372, 372, 558, 744, 1116, 1488, 1860, 0, 0, 512, 768, 1024, 1536, 2048, 0, 0)
_BAUD_RATE = (0, 1, 2, 4, 8, 16, 32, 64, 12, 20, 0, 0, 0, 0, 0, 0)

_HISTORICAL = Text("历史字节", "historical bytes")
_SCHEME = 13
"""Historical bytes of a card of the scheme: T1 to T7, division 2, serial number 4."""

_MAKERS: tuple[tuple[bytes, Text], ...] = (
    (b"\x00\x81", Text("芯片商 0081 华大", "chip maker 0081 Huada")),
    (b"FC", Text("系统 HDOS 广东华大", "system HDOS of Huada Guangdong")),
    (b"WD", Text("系统 TimeCOS 握奇", "system TimeCOS of Watchdata")),
)
"""Makers by the first historical bytes (ref 11 §0, §4, §7)."""

_CHIP = Text("芯片和操作系统 T1-T7", "chip and system T1-T7")
_PLACE = Text("发卡地区 T8-T9", "place of issue T8-T9")
_UNIQUE = Text("唯一序号 TA-TD", "unique number TA-TD")
_HIDDEN = Text("未显示", "hidden")

_CUT = Text("复位应答不完整", "the answer to reset is cut")
_TOO_LONG = Text("历史字节之后还有字节", "bytes after the historical bytes")


def explain_atr(raw: Masked, divisions: CodeTable | None) -> tuple[Text, tuple[Detail, ...]]:
    """One line, and the parts of an ATR; ``divisions`` names the places of issue."""
    reading = _Reading(raw, divisions)
    reading.take()
    return joined([same(reading.protocols), *reading.words]), tuple(reading.details)


def looks_like_atr(raw: bytes) -> bool:
    """Whether the bytes are an ATR, its lengths agreeing."""
    if len(raw) < 2 or raw[0] not in _CONVENTIONS:
        return False
    reading = _Reading(Masked.of(raw), None)
    reading.take()
    return reading.whole


class _Reading:
    """Takes an ATR apart from its first byte on."""

    def __init__(self, raw: Masked, divisions: CodeTable | None) -> None:
        self.details: list[Detail] = []
        self.words: list[Text] = []
        """What belongs into one line: maker and place of issue."""
        self.whole = True
        self._raw, self._head = raw, raw.head
        self._divisions = divisions
        self._offered: list[int] = []

    @property
    def protocols(self) -> str:
        """Those that the ATR offers; T=0 where it names none."""
        return ", ".join(f"T={number}" for number in dict.fromkeys(self._offered or [0]))

    def take(self) -> None:
        """Read as far as the bytes go, or show."""
        head = self._head
        if len(head) < 2:
            name = same("TS") if head or not self._raw else same("ATR")
            self._say(name, self._convention(), 0, len(self._raw))
            self._miss(same("T0"))
            return
        count = head[1] & 0x0F
        self._say(same("TS"), self._convention(), 0, 1)
        zh, en = f"{count} 个历史字节", f"{bytes_of(count).en} historical"
        self._say(same("T0"), Text(zh, en), 1, 2)
        at = self._interfaces(head[1] >> 4)
        if at is None:
            return
        self._historical(at, count)
        self._end(at + count)

    def _convention(self) -> Text:
        other = Text("不是复位应答的首字节", "not the first byte of an ATR")
        return _CONVENTIONS.get(self._head[0], other) if self._head else _HIDDEN

    def _say(self, name: Text, words: Text | None, start: int, stop: int) -> None:
        self.details.append(Detail(name, words, self._raw.cut(start, stop)))

    def _miss(self, name: Text) -> None:
        self.whole = False
        self.details.append(Detail(name, remarks=(_CUT,)))

    def _interfaces(self, indicator: int) -> int | None:
        """The interface bytes; the place behind them, None when one is missing."""
        at, number, protocol = 2, 1, 0
        while indicator:
            for bit, letter in enumerate("ABCD"):
                if not indicator >> bit & 1:
                    continue
                name = same(f"T{letter}{number}")
                if at >= len(self._head):
                    self._miss(name)
                    return None
                words = _interface(letter, number, self._head[at], protocol)
                self._say(name, words, at, at + 1)
                at += 1
            if not indicator & 0x08:
                break
            protocol, indicator = self._head[at - 1] & 0x0F, self._head[at - 1] >> 4
            self._offered.append(protocol)
            number += 1
        return at

    def _historical(self, at: int, count: int) -> None:
        raw = self._raw.cut(at, at + count)
        parts: list[Detail] = []
        maker = _maker(raw.head)
        if maker is not None:
            self.words.append(maker)
            parts.append(Detail(Text("制造商", "maker"), maker))
        if len(raw) == count == _SCHEME:
            place, issue = _issue(raw.cut(7, 9), self._divisions)
            parts += (Detail(_CHIP, None, raw.cut(0, 7)), place)
            parts.append(Detail(_UNIQUE, None, raw.cut(9, _SCHEME)))
            self.words += issue
        if len(raw) < count:
            self.whole = False
        remarks = (_CUT,) if len(raw) < count else ()
        self.details.append(Detail(_HISTORICAL, None, raw, remarks, tuple(parts)))

    def _end(self, at: int) -> None:
        """The check byte, which an ATR has unless it offers T=0 alone."""
        rest = self._raw.cut(at, len(self._raw))
        if any(self._offered):
            if not rest:
                self._miss(same("TCK"))
                return
            words = None
            if not self._raw.hidden:
                right = reduce(xor, self._head[1 : at + 1]) == 0
                words = Text("正确", "right") if right else Text("错误", "wrong")
            self._say(same("TCK"), words, at, at + 1)
            rest = rest.cut(1, len(rest))
        if rest:
            self.whole = False
            self.details.append(Detail(layout.MORE, raw=rest, remarks=(_TOO_LONG,)))


def _issue(raw: Masked, divisions: CodeTable | None) -> tuple[Detail, list[Text]]:
    """The place of issue, T8 and T9: the first four digits of its division code."""
    if raw.hidden:
        return Detail(_PLACE, None, raw), []
    digits = layout.digits(raw.head).en
    meaning = divisions.meaning(digits.ljust(6, "0")) if divisions else None
    words = Text(f"地区 {digits}", f"region {digits}")
    if meaning is not None:
        words = Text(f"{words.zh} {meaning.zh}", f"{words.en} {meaning.en}")
    return Detail(_PLACE, words, raw), [words]


def _maker(head: bytes) -> Text | None:
    for sign, words in _MAKERS:
        if head.startswith(sign):
            return words
    return None


def _interface(letter: str, number: int, byte: int, protocol: int) -> Text | None:
    """What an interface byte says; None where it depends on things that do not matter here."""
    if letter == "D":
        return Text(f"协议 T={byte & 0x0F}", f"protocol T={byte & 0x0F}")
    if (letter, number) == ("A", 1):
        clock, baud = _CLOCK_RATE[byte >> 4], _BAUD_RATE[byte & 0x0F]
        if not clock or not baud:
            return Text("保留值", "reserved")
        return same(f"F {clock}, D {baud}")
    if (letter, number) == ("B", 1):
        return Text("编程电压（已废止）", "programming voltage, deprecated")
    if (letter, number) == ("C", 1):
        return Text(f"额外保护时间 {byte}", f"extra guard time {byte}")
    if (letter, number) == ("A", 2):
        return Text(f"专用模式 T={byte & 0x0F}", f"specific mode T={byte & 0x0F}")
    if (letter, number) == ("C", 2) and protocol == 0:
        return Text(f"等待时间 WI {byte}", f"waiting time WI {byte}")
    if letter == "A" and protocol == 1:
        return Text(f"最大信息长度 {byte}", f"information field size {byte}")
    return None
