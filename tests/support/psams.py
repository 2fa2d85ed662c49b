"""PSAMs made from published roots through the builder, and a wire that remembers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sscard_ic.base.secret import Secret, Secretive
from sscard_ic.card.psam import PsamBlank
from sscard_ic.keys import SoftwareVault, published_keys
from sscard_ic.profile import load_psam
from sscard_ic.profile.psam import PsamProfile
from sscard_ic.reader import Connection, open_session
from sscard_ic.reader.connection import TransmissionProtocol
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.simulator import Chip, blank_psam

SERIAL = bytes.fromhex("0000000000A1")


def profile_with(name: str, **changes: Any) -> PsamProfile:
    """A profile of the package with other fields of its model."""
    profile = load_psam(name)
    return replace(profile, model=profile.model.model_copy(update=changes))


def vault_for(profile: PsamProfile) -> SoftwareVault:
    """The published roots of the cards' keys and of the PSAM's own."""
    return published_keys({**profile.card.keys, **profile.control_roots})


def made(profile: PsamProfile, terminal: str = "") -> Chip:
    """A finished PSAM in memory, without power."""
    chip = blank_psam(profile, SERIAL)
    session = open_session(VirtualConnection(chip))
    number = terminal or f"{profile.region.issuer.division_code}000001"
    PsamBlank(session, profile, vault_for(profile)).make(number)
    chip.power_off()
    return chip


class Wire:
    """Passes everything on and remembers the commands as hex."""

    def __init__(self, inner: Connection) -> None:
        self._inner = inner
        self.sent: list[str] = []

    @property
    def atr(self) -> bytes:
        return self._inner.atr

    @property
    def protocol(self) -> TransmissionProtocol:
        return self._inner.protocol

    def transmit(self, command: Secretive) -> bytes:
        raw = command.reveal() if isinstance(command, Secret) else command
        self.sent.append(raw.hex().upper())
        return self._inner.transmit(command)

    def reset(self, cold: bool) -> bytes:
        return self._inner.reset(cold)

    def close(self) -> None:
        self._inner.close()


def wire_to(chip: Chip) -> Wire:
    """A session with a fresh power-up; what is remembered is what went to the session."""
    return Wire(open_session(VirtualConnection(chip)))
