"""The debit application on the chip: SELECT and the way of a command to what carries it out."""

from __future__ import annotations

from collections.abc import Callable

from sscard_ic.apdu import Command
from sscard_ic.codec.tlv import encode_ber
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.pboc import (
    authentication,
    contactless,
    cryptograms,
    processing,
    reading,
    scripts,
    verification,
)
from sscard_ic.simulator.pboc.common import unknown
from sscard_ic.simulator.pboc.state import DebitState

Handler = Callable[[DebitState, Command], bytes]

_HANDLERS: dict[tuple[int, int], Handler] = {
    (0x80, 0xA8): processing.get_processing_options,
    (0x00, 0xB2): reading.read_record,
    (0x80, 0xCA): reading.get_data,
    (0x00, 0x20): verification.verify,
    (0x00, 0x88): authentication.authenticate_card,
    (0x00, 0x82): authentication.authenticate_issuer,
    (0x80, 0xAE): cryptograms.generate,
    (0x84, 0x1E): scripts.secured(scripts.block_application),
    (0x84, 0x18): scripts.secured(scripts.unblock_application),
    (0x84, 0x16): scripts.secured(scripts.block_card),
    (0x84, 0x24): scripts.secured(scripts.change_pin),
    (0x04, 0xDA): scripts.secured(scripts.put_data),
    (0x04, 0xDC): scripts.secured(scripts.update_record),
}
"""ref 14 §4."""
_GET_CHALLENGE = (0x00, 0x84)
_CHALLENGE_LENGTH = 8
_BLOCKED = 0x6283


class DebitApplication:
    """An issued debit application; ``state`` tells its face, its data and the transaction."""

    __slots__ = ("_state",)

    def __init__(self, state: DebitState) -> None:
        self._state = state

    def select(self, name: bytes, following: bool) -> bytes | None:
        """SELECT by the AID or its beginning: 6283 with the FCI when blocked.

        A transaction under way ends.
        """
        state = self._state
        aid = state.model.aid
        if following or not aid.startswith(name):
            return None
        state.forget()
        answer = encode_ber(0x6F, encode_ber(0x84, aid), encode_ber(0xA5, state.fci))
        if state.store.blocked:
            raise Refusal(_BLOCKED, answer)
        return answer

    def process(self, command: Command) -> bytes:
        """Any command but SELECT by name."""
        self._state.settles = False
        kind = command.cla, command.ins
        handler = _HANDLERS.get(kind)
        if kind == _GET_CHALLENGE and self._state.model.settings.challenge == "present":
            handler = _challenge
        if handler is None:
            raise unknown(command)
        return handler(self._state, command)

    def delivered(self) -> None:
        """The answer to the last command goes out whole: a payment by air may count now."""
        contactless.record_answered(self._state)

    def pass_over(self) -> None:
        """A command has come that the chip refuses itself."""
        self._state.settles = False

    def deselect(self) -> None:
        """The transaction ends."""
        self._state.forget()

    def reset(self) -> None:
        """The transaction ends."""
        self._state.forget()


def _challenge(state: DebitState, command: Command) -> bytes:
    """GET CHALLENGE: random bytes that no command of this application asks back."""
    if command.p1 or command.p2:
        raise Refusal(0x6A86)
    return state.entropy(_CHALLENGE_LENGTH)
