"""PIN CHANGE/UNBLOCK: the PIN unblocked or set anew by the issuer (ref 02 §5.4)."""

from __future__ import annotations

from sscard_ic.apdu import Command
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.authentication import PIN_BYTES, is_pin
from sscard_ic.simulator.card_state import CardState
from sscard_ic.simulator.keys import StoredKey

_MAIN_PIN = 0x00
_UNBLOCK = 0x00


def change_or_unblock(card: CardState, command: Command) -> bytes:
    """PIN CHANGE/UNBLOCK: P2 00 unblocks, the one set for it gives a new PIN, too.

    Refuses 6700, 6A86, 6A88, 6985 (not in the PIN's directory), 6982 (PUK), 6983, 6984, 6987 and
    6988 (MAC), 6A80 (no PIN in the enciphered data). The PIN is not verified afterwards.
    """
    settings = card.dialect.messaging
    if command.p1 or command.p2 not in (_UNBLOCK, settings.pin_reset_p2):
        raise Refusal(0x6A86)
    pin = card.interpreter.find_key(card, card.dialect.key_types.pin, _MAIN_PIN, None)
    if pin.directory is not card.directory:
        raise Refusal(0x6985)
    unlock = pin.record.unlock or card.mask.unlock
    if settings.pin_service_needs_puk and not unlock.met(card.security):
        raise Refusal(0x6982)
    protection = card.check_message(_service_key(card, pin))
    if command.p2 == _UNBLOCK:
        if command.data:
            raise Refusal(0x6700)
    else:
        try:
            new = protection.decipher(command.data)
        except ValueError:
            raise Refusal(0x6A80) from None
        if len(new) not in PIN_BYTES or not is_pin(new):
            raise Refusal(0x6A80)
        card.set_value(pin, new)
    pin.succeeded()
    card.security.drop_pin()
    return b""


def _service_key(card: CardState, pin: StoredKey) -> StoredKey:
    id_ = pin.record.service_id
    if id_ is None:
        return card.interpreter.maintenance_key(card, pin.directory)
    return card.interpreter.mac_key(card, pin.directory, id_)
