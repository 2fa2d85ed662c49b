"""An application between INSTALL and the end of its personalization (ref 04 §4.1, 15 §7.2)."""

from __future__ import annotations

from collections.abc import Callable

from sscard_ic.apdu import Command
from sscard_ic.codec.tlv import encode_ber
from sscard_ic.simulator.pboc.channel import CardChannel
from sscard_ic.simulator.pboc.common import unknown
from sscard_ic.simulator.pboc.intake import Intake
from sscard_ic.simulator.pboc.registry import Installed, Registry

_CONDITIONS = 0x6985
_STORE_DATA = 0xE2


class PersoApplication:
    """SELECT, INITIALIZE UPDATE, EXTERNAL AUTHENTICATE and STORE DATA, no more.

    Data groups it has taken stay over a reset; a group that was under way does not.
    """

    __slots__ = ("_channel", "_installed", "_intake", "_registry")

    def __init__(
        self, installed: Installed, registry: Registry, entropy: Callable[[int], bytes]
    ) -> None:
        self._installed = installed
        self._registry = registry
        self._channel = CardChannel(registry, entropy)
        self._intake = self._new_intake()

    @property
    def issued(self) -> bool:
        """Whether the last STORE DATA has come."""
        return self._installed.store.issued

    def select(self, name: bytes, following: bool) -> bytes | None:
        """SELECT by the AID or its beginning: an FCI with the name alone; a channel ends."""
        aid = self._installed.aid
        if following or not aid.startswith(name):
            return None
        self.deselect()
        return encode_ber(0x6F, encode_ber(0x84, aid), encode_ber(0xA5))

    def process(self, command: Command) -> bytes:
        """Any command but SELECT by name; STORE DATA outside a channel is refused 6985."""
        kind = command.cla, command.ins
        if kind == (0x80, 0x50):
            return self._channel.initialize(command)
        if kind == (0x84, 0x82):
            answer = self._channel.authenticate(command)
            self._intake = self._new_intake()
            return answer
        if command.ins != _STORE_DATA or command.cla not in (0x80, 0x84):
            raise unknown(command)
        if self._intake.take(self._channel.unwrap(command, _CONDITIONS)):
            self._installed.store.issue()
            self._channel.close()
        return b""

    def pass_over(self) -> None:
        """Nothing here waits for the very next command."""

    def deselect(self) -> None:
        """The channel ends, and a group that was under way is dropped."""
        self._channel.close()

    def reset(self) -> None:
        """The channel ends, and a group that was under way is dropped."""
        self._channel.close()

    def _new_intake(self) -> Intake:
        return Intake(self._installed, self._registry.model, self._channel.decipher)
