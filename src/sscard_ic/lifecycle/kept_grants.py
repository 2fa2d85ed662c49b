"""What a certificate authority granted for a card, kept sealed as long as the card lives.

Administrator PIN and control keys of the certificate application come with a grant, and nobody
else knows them: a grant is kept before the card is touched, and afterwards, for the next one.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from sscard_ic.base.errors import SscardError, Text
from sscard_ic.base.files import replace_file
from sscard_ic.base.sealing import Sealer
from sscard_ic.base.secret import Secret
from sscard_ic.issuance.certificate_locks import CardLock
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.keys.certificate_keys import CertificatePin, ControlKey
from sscard_ic.ledger import Card, CardState, Ledger, Phase, Step

_FOLDER_MODE = 0o700
_STATION = "counter"


@dataclass(frozen=True, slots=True)
class KeptGrant:
    """A grant and, until it is loaded, what the card was locked with before."""

    grant: CertificateGrant
    loaded: bool = False
    earlier: tuple[CardLock, ...] = ()
    """Newest first; an interrupted load leaves the card with any of them, or the grant's own."""

    @property
    def locks(self) -> tuple[CardLock, ...]:
        """What the card may be locked with now, likeliest first."""
        return (CardLock.of(self.grant), *self.earlier)

    def with_earlier(self, locks: Sequence[CardLock]) -> KeptGrant:
        """The same with other ``locks`` that the card may have; its own is left out of them."""
        own = CardLock.of(self.grant)
        return replace(self, earlier=tuple(dict.fromkeys(lock for lock in locks if lock != own)))

    def done(self) -> KeptGrant:
        """The same, loaded: what was before is forgotten."""
        return replace(self, loaded=True, earlier=())

    def to_json(self) -> bytes:
        """For a place that seals it; holds keys and PINs in the clear."""
        earlier = [
            {"admin_pin": _text(lock.admin_pin.value), "control_key": _text(lock.control_key.value)}
            for lock in self.earlier
        ]
        grant = json.loads(self.grant.to_json())
        return json.dumps({"grant": grant, "loaded": self.loaded, "earlier": earlier}).encode()

    @classmethod
    def from_json(cls, data: bytes) -> KeptGrant:
        """The record of :meth:`to_json`, or the grant alone that a station stores and loads."""
        found = json.loads(data)
        if "grant" not in found:
            return cls(CertificateGrant.from_json(data), loaded=True)
        grant = CertificateGrant.from_json(json.dumps(found["grant"]).encode())
        earlier = tuple(
            CardLock(
                CertificatePin(_secret(lock["admin_pin"])), ControlKey(_secret(lock["control_key"]))
            )
            for lock in found["earlier"]
        )
        return cls(grant, found["loaded"], earlier)


class GrantPlace(Protocol):
    """Where the grant of one card is kept."""

    @property
    def place(self) -> str:
        """For people."""
        ...

    def find(self) -> KeptGrant | None:
        """What is kept for the card; raises :class:`SscardError` when it cannot be unsealed."""
        ...

    def keep(self, kept: KeptGrant) -> None:
        """Replace what is kept; it is on the disk when this returns."""
        ...

    def begin(self) -> None:
        """Note that the card is given what is kept for it."""
        ...

    def end(self) -> None:
        """Note that it bears all of it."""
        ...


def grant_file(folder: Path, serial: bytes) -> Path:
    """The file for the card with this serial number, in a folder of grants."""
    return folder / f"{serial.hex().upper()}.grant"


@dataclass(frozen=True, slots=True)
class FileOfGrant:
    """A sealed file for one card, which only its owner reads."""

    path: Path
    sealer: Sealer

    @property
    def place(self) -> str:
        """Its path."""
        return str(self.path)

    def find(self) -> KeptGrant | None:
        """What the file holds; None where there is none."""
        try:
            sealed = self.path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            plain = self.sealer.unseal(sealed, self._context)
        except SscardError as error:
            error.where = str(self.path)
            raise
        return KeptGrant.from_json(plain)

    def keep(self, kept: KeptGrant) -> None:
        """Write the file in one step; the folder is made when there is none."""
        self.path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        replace_file(self.path, self.sealer.seal(kept.to_json(), self._context))

    def begin(self) -> None:
        """Nothing: the file says itself whether the grant is loaded."""

    def end(self) -> None:
        """Nothing: the file says itself whether the grant is loaded."""

    @property
    def _context(self) -> str:
        return f"certificates/{self.path.stem}"


@dataclass(frozen=True, slots=True)
class LedgerGrant:
    """The ledger's record of one card that a batch made."""

    ledger: Ledger
    card: Card

    @classmethod
    def of(cls, ledger: Ledger, serial: bytes) -> LedgerGrant | None:
        """That of the card with this serial; None where the ledger does not know it.

        Raises :class:`SscardError` for a card that is still in work.
        """
        card = ledger.card_by_chip(serial)
        if card is None:
            return None
        if card.state.rank < CardState.VERIFIED.rank:
            raise SscardError(
                Text(
                    f"此卡正在制作（{card.state.text.zh}），证书由批次写入",
                    f"this card is in work ({card.state.text.en}); its batch loads certificates",
                ),
                where=f"{card.batch}:{card.row}",
                hint=Text(
                    f"请继续：sscard batch run {card.batch}",
                    f"go on with: sscard batch run {card.batch}",
                ),
            )
        return cls(ledger, card)

    @property
    def place(self) -> str:
        """Batch and row."""
        return f"{self.card.batch}:{self.card.row}"

    def find(self) -> KeptGrant | None:
        """What the ledger holds for the card."""
        stored = self.ledger.grant(self.card.id)
        return None if stored is None else KeptGrant.from_json(stored)

    def keep(self, kept: KeptGrant) -> None:
        """Store it."""
        self.ledger.store_grant(self.card.id, kept.to_json())

    def begin(self) -> None:
        """A line of the card's journal."""
        self._journal(Phase.BEGIN)

    def end(self) -> None:
        """A line of the card's journal."""
        self._journal(Phase.END)

    def _journal(self, phase: Phase) -> None:
        self.ledger.journal(
            self.card.id,
            Step.CERTIFY,
            phase,
            station=_STATION,
            chip_serial=self.card.chip_serial,
        )


def _text(secret: Secret) -> str:
    return base64.b64encode(secret.reveal()).decode("ascii")


def _secret(text: str) -> Secret:
    return Secret(base64.b64decode(text))
