"""What the session has told of a bank application: its lists, its transaction, its channel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sscard_ic.apdu.masked import Masked
from sscard_ic.base.errors import Text
from sscard_ic.codec.pboc.dol import Dol
from sscard_ic.codec.tlv import TlvError
from sscard_ic.explain import layout
from sscard_ic.explain.tags import TAGS
from sscard_ic.explain.tlv import UNKNOWN, find
from sscard_ic.explain.words import Detail
from sscard_ic.profile.card_profile import CardProfile
from sscard_ic.profile.financial import GroupNumbers

PDOL, CDOL1, CDOL2, DDOL = "9F38", "8C", "8D", "9F49"
LOG_FORMAT, LOAD_FORMAT = "9F4F", "DF4F"
_LISTS = (PDOL, CDOL1, CDOL2, DDOL, LOG_FORMAT, LOAD_FORMAT)
_LOGS = {"9F4D": LOG_FORMAT, "DF4D": LOAD_FORMAT}
"""Where a log is (SFI, records), and the tag of its format."""


@dataclass(slots=True)
class BankState:
    """Since the application was selected."""

    lists: dict[str, Dol] = field(default_factory=dict)
    """Data object lists by tag, as the card gave them."""
    logs: dict[int, str] = field(default_factory=dict)
    """Tag of the format by SFI."""
    cryptograms: int = 0
    """Answers to GENERATE AC in this transaction."""

    def learn(self, details: Iterable[Detail]) -> None:
        """Take the lists out of what the card has just given."""
        listed = list(details)
        for tag in _LISTS:
            found = find(listed, tag)
            if found is not None and found.raw and not found.raw.hidden:
                try:
                    self.lists[tag] = Dol.parse(found.raw.head)
                except TlvError:
                    continue
        for tag, form in _LOGS.items():
            entry = find(listed, tag)
            if entry is not None and entry.raw.head:
                self.logs[entry.raw.head[0]] = form


@dataclass(slots=True)
class ChannelState:
    """Of a secure channel, since INITIALIZE UPDATE."""

    level: int | None = None
    """Security level; None: no EXTERNAL AUTHENTICATE was seen."""
    number: int | None = None
    """A data group that goes on in the next STORE DATA."""
    left: int = 0
    """Bytes of it that are still to come."""
    secret: bool = False
    lost: bool = False
    """Where a group begins is not known any more."""


def values_of(dol: Dol | None, data: Masked, name: Text) -> tuple[Detail, ...]:
    """The values of a list one by one; the bytes as they are where the list is not known."""
    if dol is None:
        return (Detail(name, raw=data),) if data else ()
    if len(data) != dol.length:
        remark = Text(
            f"列表要求 {dol.length} 字节，此处 {len(data)} 字节",
            f"the list asks for {dol.length} bytes, here are {len(data)}",
        )
        return (Detail(name, raw=data, remarks=(remark,)),)
    details, at = [], 0
    for number, length in dol:
        code = f"{number:X}"
        tag = TAGS.get(code)
        raw = data.cut(at, at + length)
        words = layout.said(tag.words, raw) if tag else None
        details.append(Detail(tag.name if tag else UNKNOWN, words, raw, tag=code))
        at += length
    return tuple(details)


def group_numbers(profile: CardProfile) -> GroupNumbers:
    """Numbers of data groups by the profile, or as they usually are."""
    return GroupNumbers() if profile.financial is None else profile.financial.numbers
