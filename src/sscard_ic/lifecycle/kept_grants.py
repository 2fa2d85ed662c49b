"""What a certificate authority granted for a card, kept sealed as long as the card lives.

Administrator PIN and control keys of the certificate application come with a grant, and nobody
else knows them: a grant is kept before the card is touched, and afterwards, for the next one.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from sscard_ic.base.errors import SscardError, Text
from sscard_ic.base.files import replace_file
from sscard_ic.base.sealing import Sealer
from sscard_ic.base.secret import Secret
from sscard_ic.issuance.certificate_checks import CertificateHolder
from sscard_ic.issuance.certificate_locks import LOCK_WORDS, CardLock, KnownLock, KnownLocks
from sscard_ic.issuance.holder import Holder
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.ledger import Card, CardState, Ledger, Phase, Step

_FOLDER_MODE = 0o700
_STATION = "counter"


@dataclass(frozen=True, slots=True)
class KeptGrant:
    """A grant, whether it is loaded whole, and what is known of the card's locks now."""

    grant: CertificateGrant
    locks: KnownLocks
    loaded: bool = False

    @classmethod
    def whole(cls, grant: CertificateGrant) -> KeptGrant:
        """A grant that is loaded: the card is locked with what it brought."""
        return cls(grant, KnownLocks.of([CardLock.of(grant)]), loaded=True)

    def done(self) -> KeptGrant:
        """The same, loaded: what was before is forgotten."""
        return self.whole(self.grant)

    def knowing(self, locks: KnownLocks) -> KeptGrant:
        """The same, with what has been learnt of the card's locks."""
        return replace(self, locks=locks)

    def to_json(self) -> bytes:
        """For a place that seals it; holds keys and PINs in the clear."""
        grant = json.loads(self.grant.to_json())
        locks = {name: _lock_json(self.locks.known(name)) for name in LOCK_WORDS}
        return json.dumps({"grant": grant, "loaded": self.loaded, "locks": locks}).encode()

    @classmethod
    def from_json(cls, data: bytes) -> KeptGrant:
        """The record of :meth:`to_json`, or the grant alone that a station stores and loads."""
        found = json.loads(data)
        if "grant" not in found:
            return cls.whole(CertificateGrant.from_json(data))
        grant = CertificateGrant.from_json(json.dumps(found["grant"]).encode())
        locks = KnownLocks(**{name: _lock(found["locks"][name]) for name in LOCK_WORDS})
        return cls(grant, locks, found["loaded"])


class GrantPlace(Protocol):
    """Where the grant of one card is kept."""

    @property
    def place(self) -> str:
        """For programs: a path, or batch and row."""
        ...

    @property
    def words(self) -> Text:
        """For people."""
        ...

    def find(self) -> KeptGrant | None:
        """What is kept for the card; raises :class:`SscardError` when it cannot be unsealed."""
        ...

    def keep(self, kept: KeptGrant) -> None:
        """Replace what is kept; it is on the disk when this returns."""
        ...

    def begin(self, note: str = "") -> None:
        """Note that the card is given what is kept for it; ``note`` says what else it is."""
        ...

    def end(self, note: str = "") -> None:
        """Note that it has all of it."""
        ...

    def failed(self, note: str = "") -> None:
        """Note that the card has refused it."""
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

    @property
    def words(self) -> Text:
        """Its path."""
        return Text(self.place, self.place)

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

    def begin(self, note: str = "") -> None:
        """Nothing: the file says itself whether the grant is loaded."""

    def end(self, note: str = "") -> None:
        """Nothing: the file says itself whether the grant is loaded."""

    def failed(self, note: str = "") -> None:
        """Nothing: the file says itself what the card has."""

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

        Raises :class:`SscardError` for a card that is still in work, and for one that was given up.
        """
        card = ledger.card_by_chip(serial)
        if card is None:
            return None
        if card.state is CardState.FAILED:
            raise SscardError(
                Text(
                    "台账中此卡已作废，不再写入证书",
                    "the ledger has this card as failed: it gets no certificates",
                ),
                where=f"{card.batch}:{card.row}",
                hint=Text(
                    f"换一张卡重做：sscard batch run {card.batch} --retry-failed",
                    f"make it again with another blank: sscard batch run {card.batch} "
                    "--retry-failed",
                ),
            )
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

    def holder(self) -> CertificateHolder:
        """Who the card was ordered for; without region."""
        return CertificateHolder.of(Holder.from_json(self.ledger.holder(self.card.id)).fields, "")

    @property
    def place(self) -> str:
        """Batch and row."""
        return f"{self.card.batch}:{self.card.row}"

    @property
    def words(self) -> Text:
        """Batch and row, and that they are of the ledger."""
        batch, row = self.card.batch, self.card.row
        return Text(f"台账（批次 {batch} 第 {row} 行）", f"the ledger, batch {batch} row {row}")

    def find(self) -> KeptGrant | None:
        """What the ledger holds for the card."""
        stored = self.ledger.grant(self.card.id)
        return None if stored is None else KeptGrant.from_json(stored)

    def keep(self, kept: KeptGrant) -> None:
        """Store it."""
        self.ledger.store_grant(self.card.id, kept.to_json())

    def begin(self, note: str = "") -> None:
        """A line of the card's journal."""
        self._journal(Phase.BEGIN, note)

    def end(self, note: str = "") -> None:
        """A line of the card's journal."""
        self._journal(Phase.END, note)

    def failed(self, note: str = "") -> None:
        """A line of the card's journal."""
        self._journal(Phase.FAILED, note)

    def _journal(self, phase: Phase, note: str) -> None:
        self.ledger.journal(
            self.card.id,
            Step.CERTIFY,
            phase,
            station=_STATION,
            chip_serial=self.card.chip_serial,
            note=note,
        )


def _lock_json(known: KnownLock) -> dict[str, Any]:
    return {
        "values": [_text(value) for value in known.values],
        "refused": [_text(value) for value in known.refused],
        "left": known.left,
    }


def _lock(found: Mapping[str, Any]) -> KnownLock:
    return KnownLock(
        tuple(_secret(text) for text in found["values"]),
        tuple(_secret(text) for text in found["refused"]),
        found["left"],
    )


def _text(secret: Secret) -> str:
    return base64.b64encode(secret.reveal()).decode("ascii")


def _secret(text: str) -> Secret:
    return Secret(base64.b64decode(text))
