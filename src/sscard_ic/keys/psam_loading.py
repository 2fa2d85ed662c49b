"""Loading keys into a PSAM: what is asked for, and the finished commands (ref 02 §7.5, 12 §5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from sscard_ic.apdu.command import Command
from sscard_ic.base.secret import Secret
from sscard_ic.crypto.secure_messaging import MessageKey, covered
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.keys.capabilities import CardKey


@dataclass(frozen=True, slots=True)
class PsamRoot:
    """Names a root as a PSAM holds it: ``steps`` derivations above the key of a card.

    ``division_code`` is the 6-digit code of the city the PSAM belongs to; it decides how the
    levels above are derived.
    """

    name: str
    version: int
    division_code: str
    steps: int
    algorithm: Algorithm


@runtime_checkable
class PsamLoader(Protocol):
    """Builds the finished commands that personalize a PSAM; whoever sends them sees no key.

    ``transport`` names the key that protects them; ``challenge`` is the PSAM's last one, 4 or 8
    bytes.
    """

    def load_psam_key(
        self, head: bytes, header: bytes, key: PsamRoot | CardKey, transport: str, challenge: bytes
    ) -> Secret:
        """The command ``head`` (CLA INS P1 P2) that loads a record: 8-byte ``header`` and key.

        A :class:`CardKey` is a key of the PSAM itself.
        """
        ...

    def sign_psam_command(self, head: bytes, transport: str, challenge: bytes) -> Secret:
        """The command ``head`` with nothing but its MAC."""
        ...


def loading_command(head: bytes, record: bytes, protector: MessageKey) -> Secret:
    """Enciphered record ‖ MAC, as ref 02 §7.5 loads it; an empty ``record`` leaves the MAC."""
    data = protector.encipher(record) if record else b""
    cla, ins, p1, p2 = head
    return Secret(bytes(Command(cla, ins, p1, p2, data + protector.mac(covered(head, data)))))
