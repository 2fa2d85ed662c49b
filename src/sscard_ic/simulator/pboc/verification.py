"""VERIFY: the offline PIN (ref 14 §5.2)."""

from __future__ import annotations

from sscard_ic.apdu import Command
from sscard_ic.codec.pboc.bits import Ada, Cvr
from sscard_ic.crypto.pboc.symmetric import pin_block
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.pboc.risk import default_action
from sscard_ic.simulator.pboc.state import DebitState

_PLAIN = 0x80
_BLOCK = 8


def verify(state: DebitState, command: Command) -> bytes:
    """VERIFY with the plain PIN block of 8 bytes.

    Refuses 6A86 (P1 P2; no enciphered PIN), 6A88 (no PIN on the card), 6700, 63Cx, 6984 (tries
    exhausted earlier: the first VERIFY of the transaction), 6983 (every later one).
    """
    if command.p1 or command.p2 != _PLAIN:
        raise Refusal(0x6A86)
    pin = state.store.pin
    if pin is None:
        raise Refusal(0x6A88)
    if len(command.data) != _BLOCK:
        raise Refusal(0x6700)
    first, state.pin_received = not state.pin_received, True
    state.cvr |= Cvr.PIN_PERFORMED
    if state.store.pin_tries == 0:
        state.cvr |= Cvr.PIN_TRIES_EXCEEDED | Cvr.PIN_FAILED
        raise Refusal(0x6984 if first else 0x6983)
    if command.data != pin_block(pin):
        raise _mismatch(state)
    state.cvr &= ~Cvr.PIN_FAILED
    state.store.pin_tries = state.store.pin_limit
    return b""


def _mismatch(state: DebitState) -> Refusal:
    left = state.store.pin_tries - 1
    state.store.pin_tries = left
    state.cvr |= Cvr.PIN_FAILED
    if left == 0:
        state.cvr |= Cvr.PIN_TRIES_EXCEEDED
        state.pin_exhausted = True
        if Ada.PIN_EXCEEDED_BLOCK in default_action(state):
            state.cvr |= Cvr.BLOCKED_BY_PIN
            state.store.block()
    return Refusal(0x63C0 | min(left, 0xF))
