"""How the test bank and its clients write to each other: JSON over HTTP, field 55 in hexadecimal.

A form of our own: banks have theirs, which no public text describes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

from sscard_ic.base.secret import Secret
from sscard_ic.card.financial.authorisation import (
    AuthorisationRequest,
    AuthorisationResponse,
    Confirmation,
    ScriptResult,
    Service,
)
from sscard_ic.codec.pboc.bits import Kind
from sscard_ic.codec.tlv import TlvError, encode_ber, parse_ber
from sscard_ic.hosts.bank_issuer import NO_ORDER, Order

_PAN_DIGITS = range(8, 20)
_PIN_DIGITS = range(4, 13)
_LAST_SEQUENCE = 99
_IDENTIFIER_LENGTH = 4
_LAST_FAILED = 255

Outcome = Literal["not_run", "failed", "done", "unknown"]


class MessageError(ValueError):
    """A message is not of the form that it should have; says nothing of its values."""


@dataclass(frozen=True, slots=True)
class BankMessage:
    """What a client sends: an authorisation that is asked for, or the end of one."""

    request: AuthorisationRequest
    order: Order = field(default=NO_ORDER, repr=False)
    confirmation: Confirmation | None = None


def encode_message(message: BankMessage) -> Secret:
    """The body of a request; it may carry PINs."""
    request, confirmation = message.request, message.confirmation
    body: dict[str, Any] = {
        "operation": "authorise" if confirmation is None else "confirm",
        "pan": request.pan,
        "sequence": request.sequence,
        "service": request.service,
        "contactless": request.contactless,
        "data": request.field_55.hex().upper(),
    }
    if request.pin is not None:
        body["pin"] = request.pin.reveal().decode("ascii")
    if message.order != NO_ORDER:
        body["order"] = _order_json(message.order)
    if confirmation is not None:
        body["confirmation"] = {
            "kind": None if confirmation.kind is None else confirmation.kind.name,
            "data": _field_55(confirmation.values),
            "scripts": [
                {
                    "identifier": each.identifier.hex().upper(),
                    "outcome": each.outcome,
                    "failed": each.failed,
                }
                for each in confirmation.scripts
            ],
        }
    return Secret(json.dumps(body).encode())


def decode_message(body: bytes) -> BankMessage:
    """What a client sent; raises :class:`MessageError`."""
    told = _object(body)
    operation = told.get("operation")
    pan, sequence, service = told.get("pan"), told.get("sequence"), told.get("service")
    contactless = told.get("contactless")
    if (
        operation not in ("authorise", "confirm")
        or not _is_digits(pan, _PAN_DIGITS)
        or not (sequence is None or _is_number(sequence, _LAST_SEQUENCE))
        or service not in get_args(Service)
        or not isinstance(contactless, bool)
    ):
        raise MessageError
    assert isinstance(pan, str)  # said above
    request = AuthorisationRequest(
        pan,
        sequence,
        _values(told.get("data")),
        cast(Service, service),
        contactless,
        _pin(told.get("pin")),
    )
    if operation == "confirm":
        return BankMessage(request, confirmation=_confirmation(told.get("confirmation")))
    return BankMessage(request, _order(told.get("order")))


def encode_answer(response: AuthorisationResponse | None) -> bytes:
    """The body of an answer; None: a confirmation was taken in."""
    data = {} if response is None else {"data": response.field_55.hex().upper()}
    return json.dumps(data).encode()


def decode_answer(body: bytes) -> AuthorisationResponse:
    """The answer to an authorisation; raises :class:`MessageError`."""
    try:
        return AuthorisationResponse.parse(_bytes(_object(body).get("data")))
    except TlvError:
        raise MessageError from None


def _object(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise MessageError from None
    if not isinstance(told, dict):
        raise MessageError
    return told


def _order_json(order: Order) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, pin in (("new_pin", order.new_pin), ("current_pin", order.current_pin)):
        if pin is not None:
            found[name] = pin.reveal().decode("ascii")
    if order.limits:
        found["limits"] = {f"{tag:X}": value for tag, value in order.limits.items()}
    return found


def _order(told: Any) -> Order:
    if told is None:
        return NO_ORDER
    if not isinstance(told, dict) or not isinstance(limits := told.get("limits", {}), dict):
        raise MessageError
    amounts: dict[int, int] = {}
    for tag, value in limits.items():
        if not _is_number(value, 10**12 - 1) or len(tag) != 4:
            raise MessageError
        amounts[int.from_bytes(_bytes(tag), "big")] = value
    return Order(_pin(told.get("new_pin")), _pin(told.get("current_pin")), amounts)


def _confirmation(told: Any) -> Confirmation:
    if not isinstance(told, dict) or not isinstance(results := told.get("scripts"), list):
        raise MessageError
    kind = told.get("kind")
    if not (kind is None or (isinstance(kind, str) and kind in Kind.__members__)):
        raise MessageError
    scripts = tuple(_result(each) for each in results)
    return Confirmation(None if kind is None else Kind[kind], _values(told.get("data")), scripts)


def _result(told: Any) -> ScriptResult:
    if not isinstance(told, dict):
        raise MessageError
    outcome, failed = told.get("outcome"), told.get("failed")
    identifier = _bytes(told.get("identifier"))
    if outcome not in get_args(Outcome) or len(identifier) != _IDENTIFIER_LENGTH:
        raise MessageError
    if not _is_number(failed, _LAST_FAILED):
        raise MessageError
    return ScriptResult(identifier, cast(Outcome, outcome), cast(int, failed))


def _field_55(values: Any) -> str:
    return b"".join(encode_ber(tag, value) for tag, value in values.items()).hex().upper()


def _values(told: Any) -> dict[int, bytes]:
    try:
        objects = parse_ber(_bytes(told))
    except TlvError:
        raise MessageError from None
    found = {each.tag: each.value for each in objects if not each.children}
    if len(found) != len(objects):
        raise MessageError
    return found


def _pin(told: Any) -> Secret | None:
    if told is None:
        return None
    if not _is_digits(told, _PIN_DIGITS):
        raise MessageError
    return Secret(told.encode("ascii"))


def _bytes(told: Any) -> bytes:
    try:
        return bytes.fromhex(told)
    except (TypeError, ValueError):
        raise MessageError from None


def _is_digits(told: Any, lengths: range) -> bool:
    return isinstance(told, str) and told.isascii() and told.isdigit() and len(told) in lengths


def _is_number(told: Any, last: int) -> bool:
    return isinstance(told, int) and not isinstance(told, bool) and 0 <= told <= last
