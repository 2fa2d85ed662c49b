"""What data groups become in the memory of an application (ref 15 §3, §7.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sscard_ic.codec.pboc.groups import DataGroup
from sscard_ic.codec.tlv import BerTlv, TlvError, encode_ber, parse_ber
from sscard_ic.profile.financial import FinancialApplication
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.pboc.stored import StoredApplication

Handler = Callable[[bytes], None]

UNKNOWN, WRONG, INCOMPLETE = 0x6A88, 0x6A80, 0x6A86
_COMPLETION = 0x7FFF
"""A group that may come last; no application of the bank needs it (ref 15 §2.4)."""
LAST_TEMPLATE_FILE = 0x0A
"""Records of files up to this one are templates 70 (ref 15 §3.3)."""
_LONGEST_RECORD = 254
"""Ref 14 §7.1."""
_RECORD, _FCI, _NAME, _PROPRIETARY = 0x70, 0x6F, 0x84, 0xA5


class Contents:
    """Records, FCI: what every application of the bank has."""

    __slots__ = ("_aid", "_handlers", "_kept", "model")

    def __init__(self, store: StoredApplication, aid: bytes, model: FinancialApplication) -> None:
        self._kept = store
        self._aid = aid
        self.model = model
        numbers = model.numbers
        self._handlers: dict[int, Handler] = {
            numbers.fci: lambda value: store.put_fci("contact", self._template(value)),
            numbers.fci_contactless: lambda value: store.put_fci(
                "contactless", self._template(value)
            ),
            _COMPLETION: lambda value: None,
        }

    def store(self, group: DataGroup) -> None:
        """Keep a group; refuses 6A88 for an unknown number and 6A80 for a wrong content.

        What is refused changes nothing.
        """
        if group.record is not None:
            self._put_record(*group.record, group.value)
            return
        handler = self._handlers.get(group.number)
        if handler is None:
            raise Refusal(UNKNOWN)
        handler(group.value)

    def require_complete(self) -> None:
        """Refuse 6A86 while something is missing that the application cannot be without."""
        if self._kept.fci("contact") is None and self._kept.fci("contactless") is None:
            raise Refusal(INCOMPLETE)

    def _put_record(self, sfi: int, number: int, value: bytes) -> None:
        if len(value) > _LONGEST_RECORD:
            raise Refusal(WRONG)
        if sfi <= LAST_TEMPLATE_FILE:
            content = objects(value)
            if len(content) != 1 or content[0].tag != _RECORD:
                raise Refusal(WRONG)
        elif not value:
            raise Refusal(WRONG)
        self._kept.put_record(sfi, number, value)

    def _template(self, value: bytes) -> bytes:
        """Content of A5, which comes whole, within 6F, or without its head (ref 15 §7.2, §7.5)."""
        found = objects(value)
        if len(found) == 1 and found[0].tag == _FCI:
            name, *rest = found[0].children or (BerTlv(0),)
            if name != BerTlv(_NAME, self._aid):
                raise Refusal(WRONG)
            found = tuple(rest)
        if len(found) == 1 and found[0].tag == _PROPRIETARY:
            found = found[0].children
        if not found or any(each.tag in (_FCI, _NAME, _PROPRIETARY) for each in found):
            raise Refusal(WRONG)
        return joined(found)


def objects(value: bytes) -> tuple[BerTlv, ...]:
    """The objects in ``value``; refuses 6A80 for what is none."""
    try:
        return parse_ber(value)
    except TlvError:
        raise Refusal(WRONG) from None


def joined(found: Iterable[BerTlv]) -> bytes:
    """The objects one behind the other."""
    return b"".join(encode_ber(each.tag, each.value or joined(each.children)) for each in found)
