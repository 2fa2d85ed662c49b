"""Which applications of banks a card has, and what one tells when it is selected.

Source: ref 14 §1, 04 §2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sscard_ic.apdu import Response, pboc
from sscard_ic.base.errors import Text
from sscard_ic.card.financial.commands import (
    BLOCKED,
    CARD_BLOCKED,
    BankCardBlocked,
    BankChannel,
    NoBankApplication,
    UnusableCard,
)
from sscard_ic.codec.pboc.dol import Dol
from sscard_ic.codec.text import decode_an
from sscard_ic.codec.tlv import BerTlv, TlvError, parse_ber

_FAMILY_LENGTH = 7
"""Bytes of an AID that terminals know: provider and kind of application (ref 14 §1)."""
_CONFIRMATION, _PRIORITY = 0x80, 0x0F
_LAST_RECORD = 255
_MOST_APPLICATIONS = 64
"""Answers to SELECT next that are followed: more than a card has room for."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An application that card and terminal both know."""

    aid: bytes
    label: str
    priority: int = 0
    """1 first, 15 last; 0 none given."""
    confirmation: bool = False
    """Whether the holder must agree before it is selected."""


@dataclass(frozen=True, slots=True)
class ApplicationInfo:
    """What a selected application tells (FCI)."""

    aid: bytes
    """DF name, tag 84."""
    label: str
    preferred_name: str
    languages: tuple[str, ...]
    priority: int
    pdol: bytes = field(repr=False)
    """9F38; empty where there is none."""
    log_entry: tuple[int, int] | None
    """SFI and records of the transaction log, 9F4D."""
    load_log_entry: tuple[int, int] | None
    """The same of the log of loads, DF4D."""
    blocked: bool = False
    """Whether SELECT said 6283."""

    @classmethod
    def parse(cls, fci: bytes, *, blocked: bool = False) -> ApplicationInfo:
        """What an FCI says; raises :class:`UnusableCard` for another structure."""
        try:
            (template,) = parse_ber(fci)
        except (TlvError, ValueError):
            raise _odd_answer("SELECT") from None
        name = template.find(0x84)
        if template.tag != 0x6F or name is None:
            raise _odd_answer("SELECT")
        told = {each.tag: each.value for each in _primitives(template)}
        pdol = told.get(0x9F38, b"")
        try:
            Dol.parse(pdol)
        except TlvError:
            raise _odd_answer("PDOL") from None
        languages = told.get(0x5F2D, b"").decode("ascii", errors="replace")
        return cls(
            name.value,
            decode_an(told.get(0x50, b"")),
            decode_an(told.get(0x9F12, b"")),
            tuple(languages[at : at + 2] for at in range(0, len(languages), 2)),
            told.get(0x87, b"\x00")[0] & _PRIORITY if told.get(0x87) else 0,
            pdol,
            _entry(told.get(0x9F4D)),
            _entry(told.get(0xDF4D)),
            blocked,
        )

    @property
    def list(self) -> Dol:
        """What GPO has to bring."""
        return Dol.parse(self.pdol)


def contact_candidates(channel: BankChannel, pse: bytes, aid: bytes) -> tuple[Candidate, ...]:
    """By the directory PSE, else by asking for the AIDs known; the first to be used first."""
    response = channel.ask_whole(pboc.select(pse))
    if response.sw == CARD_BLOCKED:
        raise BankCardBlocked
    found: list[Candidate] = []
    if response.sw == 0x9000:
        found = [each for each in _of_directory(channel, response.data) if _known(each.aid, aid)]
    return _ordered(found or _by_name(channel, aid))


def contactless_candidates(channel: BankChannel, ppse: bytes, aid: bytes) -> tuple[Candidate, ...]:
    """By the directory PPSE, which a contactless card must have, else by the AIDs known."""
    response = channel.ask_whole(pboc.select(ppse))
    if response.sw == CARD_BLOCKED:
        raise BankCardBlocked
    found: list[Candidate] = []
    if response.sw == 0x9000:
        entries = _entries(_objects(response.data, "PPSE"))
        found = [each for each in entries if _known(each.aid, aid)]
    return _ordered(found or _by_name(channel, aid))


def select(channel: BankChannel, aid: bytes) -> ApplicationInfo:
    """Select an application; raises :class:`NoBankApplication` where it is not there."""
    response = channel.ask_whole(pboc.select(aid))
    if response.sw == CARD_BLOCKED:
        raise BankCardBlocked
    if response.sw not in (0x9000, BLOCKED) or not response.data:
        raise NoBankApplication
    return _named(aid, response)


def _of_directory(channel: BankChannel, fci: bytes) -> Iterator[Candidate]:
    file = next((each for each in _primitives(*_objects(fci, "PSE")) if each.tag == 0x88), None)
    if file is None or len(file.value) != 1 or not 1 <= file.value[0] <= 10:
        # No payment directory: the MF of social security cards bears the name of the PSE, too.
        return
    for number in range(1, _LAST_RECORD + 1):
        response = channel.ask(pboc.read_record(file.value[0], number))
        if response.sw != 0x9000:
            return
        yield from _entries(_objects(response.data, "PSE"))


def _by_name(channel: BankChannel, aid: bytes) -> list[Candidate]:
    """Asks for the family, once for each match, then for the whole AID (ref 14 §1)."""
    family = aid[:_FAMILY_LENGTH]
    found: list[Candidate] = []
    for name in (family, aid):
        response = channel.ask_whole(pboc.select(name))
        while response.sw in (0x9000, BLOCKED):
            told = _named(name, response)
            if any(each.aid == told.aid for each in found):
                break
            if len(found) == _MOST_APPLICATIONS:
                raise _endless()
            found.append(Candidate(told.aid, told.label, told.priority))
            if name == aid:
                break
            response = channel.ask_whole(pboc.select(name, next_match=True))
        if response.sw == CARD_BLOCKED:
            raise BankCardBlocked
        if found:
            break
    return found


def _named(asked: bytes, response: Response) -> ApplicationInfo:
    """What an application tells whose name is, or begins with, that asked for (ref 14 §1)."""
    info = ApplicationInfo.parse(response.data, blocked=response.sw == BLOCKED)
    if not info.aid.startswith(asked):
        raise UnusableCard(
            Text(
                f"选择 {asked.hex().upper()}，卡却应答 DF 名 {info.aid.hex().upper()}",
                f"{asked.hex().upper()} was selected, the card answers the DF name "
                f"{info.aid.hex().upper() or '-'}",
            )
        )
    return info


def _endless() -> UnusableCard:
    return UnusableCard(
        Text(
            f"卡对“选择下一个”应答了超过 {_MOST_APPLICATIONS} 个应用",
            f"the card answers SELECT next with more than {_MOST_APPLICATIONS} applications",
        )
    )


def _ordered(found: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """By priority, each AID once."""
    if not found:
        raise NoBankApplication
    once = {each.aid: each for each in reversed(found)}
    found = [each for each in found if once[each.aid] is each]
    return tuple(sorted(found, key=lambda each: each.priority or _PRIORITY + 1))


def _known(aid: bytes, ours: bytes) -> bool:
    return aid.startswith(ours[:_FAMILY_LENGTH])


def _objects(data: bytes, what: str) -> tuple[BerTlv, ...]:
    try:
        return parse_ber(data)
    except TlvError:
        raise _odd_answer(what) from None


def _entries(objects: Sequence[BerTlv]) -> Iterator[Candidate]:
    """The application templates 61 at any depth."""
    for each in objects:
        if each.tag != 0x61:
            yield from _entries(each.children)
            continue
        told = {child.tag: child.value for child in each.children}
        if 0x4F in told:
            indicator = told.get(0x87, b"")[:1] or b"\x00"
            yield Candidate(
                told[0x4F],
                decode_an(told.get(0x50, b"")),
                indicator[0] & _PRIORITY,
                confirmation=bool(indicator[0] & _CONFIRMATION),
            )


def _primitives(*objects: BerTlv) -> Iterator[BerTlv]:
    for each in objects:
        if each.children:
            yield from _primitives(*each.children)
        else:
            yield each


def _entry(value: bytes | None) -> tuple[int, int] | None:
    return (value[0], value[1]) if value and len(value) == 2 else None


def _odd_answer(what: str) -> UnusableCard:
    return UnusableCard(
        Text(f"卡对 {what} 的应答格式不符", f"the card's answer to {what} has another structure")
    )
