"""What the bank finds out about a transaction from the data of field 55 (ref 14 §6)."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from sscard_ic.card.financial.authorisation import AuthorisationRequest
from sscard_ic.codec.pboc.bits import (
    NOT_REQUESTED,
    Cvr,
    Kind,
    first_kind,
    scripts,
    second_kind,
)
from sscard_ic.codec.pboc.elements import number
from sscard_ic.codec.pboc.issuer_data import IssuerData
from sscard_ic.codec.tlv import TlvError
from sscard_ic.crypto.pboc.symmetric import cryptogram_input
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.keys.bank_capabilities import BankCard, BankIssuer
from sscard_ic.profile.financial import FinancialApplication

_ALGORITHMS: dict[int, Algorithm] = {0x01: "3des", 0x04: "sm4"}
_KINDS = {0x00: Kind.AAC, 0x40: Kind.TC, 0x80: Kind.ARQC}
_KIND_BITS = 0xC0
_ONE_VALUE, _TWO_VALUES, _MAC_LENGTH = 1 + 5 + 4, 1 + 10 + 4, 4
_BALANCE_FIRST = frozenset({0x01, 0x03})
"""Identifiers of discretionary data whose first amount is the EC balance (ref 14 §6.2)."""


class WrongMessageError(ValueError):
    """Data that the bank needs is missing or of another form; says which, never its value."""


@dataclass(frozen=True, slots=True)
class CardMessage:
    """What a card says of itself in an online message; nothing of it is proved yet."""

    card: BankCard = field(repr=False)
    kind: Kind
    cryptogram: bytes = field(repr=False)
    atc: int
    covered: bytes = field(repr=False)
    """What the cryptogram is computed over."""
    data: IssuerData = field(repr=False)
    amount: int
    """9F02 in fen."""

    @property
    def scripts_received(self) -> int:
        """Script commands that the card got in its last online transaction, 15 at most."""
        return scripts(self.data.cvr)

    @property
    def online_completed(self) -> bool:
        """Whether its last online transaction came to its end."""
        return not self.data.cvr & Cvr.LAST_ONLINE_NOT_COMPLETED

    @property
    def script_failed(self) -> bool:
        """Whether one of them failed."""
        return bool(self.data.cvr & Cvr.LAST_SCRIPT_FAILED)


def read_message(request: AuthorisationRequest, model: FinancialApplication) -> CardMessage:
    """The parts of ``request``; raises :class:`WrongMessageError`."""
    values = request.values
    atc = int.from_bytes(_needed(request, 0x9F36, 2), "big")
    aip, cryptogram = _needed(request, 0x82, 2), _needed(request, 0x9F26, 8)
    try:
        data = IssuerData.parse(values.get(0x9F10, b""))
        algorithm = _ALGORITHMS[data.algorithm]
        results = data.card_verification_results
        covered = cryptogram_input(data.version, values, aip, atc, results)
        amount = number(values.get(0x9F02, b""))
    except TlvError:
        raise WrongMessageError("9F10") from None
    except KeyError:
        raise WrongMessageError("9F10: algorithm") from None
    except ValueError:
        raise WrongMessageError("9F10: version, or 9F02") from None
    settings = model.settings
    card = BankCard(
        request.pan,
        request.sequence,
        algorithm,
        model.keys,
        settings.sm_mac,
        settings.sm_arpc,
    )
    return CardMessage(card, _kind(request, data), cryptogram, atc, covered, data, amount)


def is_genuine(issuer: BankIssuer, message: CardMessage) -> bool:
    """Whether the card itself computed the cryptogram of ``message``."""
    expected = issuer.application_cryptogram(message.card, message.atc, message.covered)
    return hmac.compare_digest(expected, message.cryptogram)


def proved_end(message: CardMessage) -> Kind:
    """Kind of the last cryptogram by the card verification results, which it covers.

    The information data (9F27) are covered by none. Worth what :func:`is_genuine` says.
    """
    first, second = first_kind(message.data.cvr), second_kind(message.data.cvr)
    if first is not Kind.ARQC or second == NOT_REQUESTED:
        return first
    return Kind.TC if second == Kind.TC else Kind.AAC


def has_amounts(message: CardMessage) -> bool:
    """Whether the issuer discretionary data hold amounts with a MAC."""
    return len(message.data.discretionary) in (_ONE_VALUE, _TWO_VALUES)


def amounts_are_genuine(issuer: BankIssuer, message: CardMessage) -> bool:
    """Whether the MAC over the amounts in the discretionary data is the card's."""
    values, mac = _amounts(message)
    expected = issuer.discretionary_mac(message.card, message.atc, values)
    return hmac.compare_digest(expected, mac)


def proved_balance(message: CardMessage) -> int | None:
    """EC balance in fen in the discretionary data; None where they hold none.

    Worth what :func:`amounts_are_genuine` says.
    """
    if not has_amounts(message) or message.data.discretionary[0] not in _BALANCE_FIRST:
        return None
    try:
        return number(_amounts(message)[0][:5])
    except ValueError:
        return None


def _amounts(message: CardMessage) -> tuple[bytes, bytes]:
    content = message.data.discretionary
    return content[1:-_MAC_LENGTH], content[-_MAC_LENGTH:]


def _kind(request: AuthorisationRequest, data: IssuerData) -> Kind:
    """By the information data where they are there, else by the CVR of a contactless answer."""
    information = request.values.get(0x9F27)
    if information is not None:
        found = _KINDS.get(information[0] & _KIND_BITS) if len(information) == 1 else None
        if found is None:
            raise WrongMessageError("9F27")
        return found
    try:
        return first_kind(data.cvr)
    except ValueError:
        raise WrongMessageError("9F10: CVR") from None


def _needed(request: AuthorisationRequest, tag: int, length: int) -> bytes:
    value = request.values.get(tag, b"")
    if len(value) != length:
        raise WrongMessageError(f"{tag:02X}")
    return value
