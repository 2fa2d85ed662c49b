"""What an explanation is made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from sscard_ic.apdu.masked import Masked
from sscard_ic.apdu.status import StatusWord
from sscard_ic.base.errors import Text

NOTHING = Masked()
NO_WORDS = Text("", "")

Kind = Literal["exchange", "command", "answer", "status word", "ATR", "reset", "TLV", "data"]


@dataclass(frozen=True, slots=True)
class Detail:
    """One part of a command, an answer or an object: its name, its bytes, what they say."""

    name: Text
    value: Text | None = None
    """In words; None where the bytes say nothing more than themselves, or are hidden."""
    raw: Masked = NOTHING
    remarks: tuple[Text, ...] = ()
    """What is odd about the bytes."""
    parts: tuple[Detail, ...] = ()
    tag: str = ""
    """What names the part on the card: a tag in hex digits; empty where nothing does."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What some bytes say. Nothing in it holds what was hidden, nor a key or PIN."""

    kind: Kind
    summary: Text
    """One line that says it all."""
    name: Text | None = None
    """The name of the command."""
    place: str = ""
    """Directory, file and item that a command is about, as far as known: ``SSSE.EF05.03``."""
    command: Masked = NOTHING
    details: tuple[Detail, ...] = ()
    """Of the command, or of an object that stands alone."""
    data: Masked = NOTHING
    """The data of the answer."""
    answer: tuple[Detail, ...] = ()
    """What they say."""
    sw: StatusWord | None = None
    meaning: Text | None = None
    """Of the status word, here and now."""
    remarks: tuple[Text, ...] = ()
    """What is odd about the whole."""


def same(text: str) -> Text:
    """A text that is the same in every language."""
    return Text(text, text)


def printable(text: str) -> str:
    """The text without what would move a terminal's cursor: cards may hold anything."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else "\ufffd" for each in text)


def joined(texts: Iterable[Text], zh: str = "，", en: str = ", ") -> Text:
    """The texts one after the other."""
    listed = list(texts)
    return Text(zh.join(text.zh for text in listed), en.join(text.en for text in listed))


def count(number: int, unit: str, zh: str) -> Text:
    """``7 records``: a number of things, in English with its plural."""
    return Text(f"{number} {zh}", f"{number} {unit}{'' if number == 1 else 's'}")


def bytes_of(number: int) -> Text:
    """``n bytes``."""
    return count(number, "byte", "字节")


def shown(raw: Masked) -> Text:
    """The bytes themselves, hidden ones as their number."""
    return same(str(raw))
