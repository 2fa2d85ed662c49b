"""What a terminal asks of the bank that issued a card, and what the bank answers.

Both carry the data of field 55 (域55) of an online message: BER-TLV (ref 04 §3.4). Scripts and
their results: ref 14 §3, §5.7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sscard_ic.base.errors import SscardError
from sscard_ic.base.secret import Secret
from sscard_ic.codec.pboc.bits import Kind
from sscard_ic.codec.tlv import BerTlv, TlvError, encode_ber, parse_ber

Service = Literal["purchase", "load", "unload", "limits", "pin", "block", "unblock", "card_block"]
"""What the terminal is there for; the message of a bank says so outside field 55.

``load`` and ``unload`` of electronic cash, ``limits`` of it, ``pin`` change or unblocking.
"""

APPROVED = b"00"
"""Authorisation response code (ARC) of an approval."""
AUTHENTICATION_DATA, SCRIPT_BEFORE, SCRIPT_AFTER = 0x91, 0x71, 0x72
_SCRIPT_IDENTIFIER, _SCRIPT_COMMAND = 0x9F18, 0x86
_CODE = 0x8A


class BankUnreachable(SscardError):
    """The bank did not answer: the terminal goes on as one that cannot go online."""


@dataclass(frozen=True, slots=True)
class AuthorisationRequest:
    """An online message of the terminal: ARQC, or the AAC of a card that is to be unblocked."""

    pan: str = field(repr=False)
    """Digits without filling."""
    sequence: int | None
    """PAN sequence number, tag 5F34."""
    values: Mapping[int, bytes] = field(repr=False)
    """Data by tag: 9F26 9F27 9F10 9F36 82 of the card, 9F02 9F03 9F1A 95 5F2A 9A 9C 9F37 9F33 and
    what else the cryptogram covers of the terminal. A contactless answer has no 9F27; it is set
    here by the kind in its CVR."""
    service: Service = "purchase"
    contactless: bool = False
    """No scripts and no ARPC reach such a card (ref 14 §9.9)."""
    pin: Secret | None = None
    """Online PIN as ASCII digits, where the holder gave one."""

    @property
    def field_55(self) -> bytes:
        """The data as BER-TLV, in the order of ``values``."""
        return b"".join(encode_ber(tag, value) for tag, value in self.values.items())


@dataclass(frozen=True, slots=True)
class IssuerScript:
    """One script: commands for the card, finished by the bank."""

    commands: tuple[bytes, ...] = field(repr=False)
    identifier: bytes = bytes(4)
    """Script identifier, tag 9F18, 4 bytes; zeros where the bank gives none."""
    before_second: bool = False
    """Template 71, before the second GENERATE AC; else 72, after it, as JR/T 0025 has it alone."""

    def __bytes__(self) -> bytes:
        parts = [encode_ber(_SCRIPT_IDENTIFIER, self.identifier)] if any(self.identifier) else []
        parts += [encode_ber(_SCRIPT_COMMAND, command) for command in self.commands]
        return encode_ber(SCRIPT_BEFORE if self.before_second else SCRIPT_AFTER, *parts)


@dataclass(frozen=True, slots=True)
class AuthorisationResponse:
    """The answer of the bank."""

    code: bytes
    """Authorisation response code, 2 characters: ``00`` approved."""
    authentication: bytes = b""
    """Issuer authentication data, tag 91: ARPC 8 ‖ ARC 2; empty where there are none."""
    scripts: tuple[IssuerScript, ...] = ()

    @property
    def field_55(self) -> bytes:
        """8A, 91 and the scripts as BER-TLV."""
        head = encode_ber(_CODE, self.code)
        if self.authentication:
            head += encode_ber(AUTHENTICATION_DATA, self.authentication)
        return head + b"".join(map(bytes, self.scripts))

    @classmethod
    def parse(cls, field_55: bytes) -> AuthorisationResponse:
        """The answer in ``field_55``; raises :class:`TlvError` for another structure."""
        code, authentication, scripts = b"", b"", []
        for item in parse_ber(field_55):
            if item.tag == _CODE:
                code = item.value
            elif item.tag == AUTHENTICATION_DATA:
                authentication = item.value
            elif item.tag in (SCRIPT_BEFORE, SCRIPT_AFTER):
                scripts.append(_script(item))
            else:
                raise TlvError(f"object {item.tag:X} in the answer of a bank")
        if len(code) != 2:
            raise TlvError("the answer of a bank has no response code of 2 bytes")
        return cls(code, authentication, tuple(scripts))


def _script(template: BerTlv) -> IssuerScript:
    commands = tuple(each.value for each in template.children if each.tag == _SCRIPT_COMMAND)
    named = template.find(_SCRIPT_IDENTIFIER)
    identifier = named.value if named else bytes(4)
    return IssuerScript(commands, identifier, before_second=template.tag == SCRIPT_BEFORE)


@dataclass(frozen=True, slots=True)
class ScriptResult:
    """What became of one script: 5 bytes of the issuer script results (ref 14 §3)."""

    identifier: bytes
    """Script identifier, 4 bytes."""
    outcome: Literal["not_run", "failed", "done", "unknown"]
    """``unknown``: the answer of the card was lost; whether it did the command, its next
    transaction tells. The five bytes have no word for it and say failed."""
    failed: int = 0
    """Number of the command that failed, from 1; 15 stands for all above."""

    def __bytes__(self) -> bytes:
        outcome = {"not_run": 0, "failed": 1, "done": 2, "unknown": 1}[self.outcome]
        return bytes((outcome << 4 | min(self.failed, 0xF),)) + self.identifier


@dataclass(frozen=True, slots=True)
class Confirmation:
    """How an authorised transaction ended; the bank takes back what the card did not accept."""

    kind: Kind | None
    """Last cryptogram of the card; None where it gave none any more."""
    values: Mapping[int, bytes] = field(repr=False)
    """9F26 9F27 9F10 9F36 95 as the transaction ended, as far as they are there."""
    scripts: tuple[ScriptResult, ...] = ()
