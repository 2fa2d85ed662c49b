"""Words for what a transaction finds out: bits of TVR and TSI, cryptograms, response codes."""

from __future__ import annotations

from sscard_ic.base.errors import Text
from sscard_ic.codec.pboc.bits import Aip, Tsi, Tvr
from sscard_ic.explain.bank_words import (
    AIP_WORDS,
    CODE_WORDS,
    KIND_WORDS,
    NONE,
    TSI_WORDS,
    TVR_WORDS,
)
from sscard_ic.explain.bank_words import listed as joined

__all__ = [
    "AIP_WORDS",
    "KIND_WORDS",
    "NONE",
    "TSI_WORDS",
    "TVR_WORDS",
    "aip_text",
    "code_text",
    "joined",
    "money",
    "tsi_text",
    "tvr_text",
    "yuan",
]


def tvr_text(tvr: Tvr) -> Text:
    """The bytes, and what their bits say."""
    said = joined(words for bit, words in TVR_WORDS.items() if tvr & bit)
    return Text(f"TVR {int(tvr):010X}：{said.zh}", f"TVR {int(tvr):010X}: {said.en}")


def tsi_text(tsi: Tsi) -> Text:
    """The same of what was performed."""
    said = joined(words for bit, words in TSI_WORDS.items() if tsi & bit)
    return Text(f"TSI {int(tsi):04X}：{said.zh}", f"TSI {int(tsi):04X}: {said.en}")


def aip_text(aip: Aip) -> Text:
    """What the card supports."""
    said = joined(words for bit, words in AIP_WORDS.items() if aip & bit)
    return Text(f"AIP {int(aip):04X}：{said.zh}", f"AIP {int(aip):04X}: {said.en}")


def code_text(code: bytes) -> Text:
    """An authorisation response code."""
    shown = code.decode("ascii", errors="replace")
    words = CODE_WORDS.get(code)
    if words is None:
        return Text(f"响应码 {shown}", f"response code {shown}")
    return Text(f"响应码 {shown}（{words.zh}）", f"response code {shown} ({words.en})")


def yuan(fen: int) -> str:
    """An amount as people write it."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def money(fen: int) -> Text:
    """An amount in words."""
    return Text(f"{yuan(fen)} 元", f"{yuan(fen)} yuan")
