"""A ledger with a batch of small third-generation cards, an authority, and a station."""

from __future__ import annotations

from pathlib import Path

from tests.support.plant import ChipSlot, import_rows
from tests.support.profiles import only
from tests.support.watched_authority import WatchedAuthority

from sscard_ic.issuance.outcome import Outcome
from sscard_ic.issuance.run import run_batch
from sscard_ic.issuance.station import Station
from sscard_ic.keys import SoftwareVault
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.ledger import Card, Ledger
from sscard_ic.profile import load
from sscard_ic.simulator import Chip, blank


class Bench:
    """A ledger with a batch of small cards, an authority, and a station."""

    def __init__(self, folder: Path, vault: SoftwareVault, ledger: Ledger, rows: int) -> None:
        self.profile = only(load("urumqi"), "MF", "SSSE")
        self.vault = vault
        self.ledger = ledger
        self.authority = WatchedAuthority()
        self.batch = import_rows(ledger, self.profile, folder, rows)

    def blanks(self, count: int, first: int = 1) -> list[Chip]:
        numbers = range(first, first + count)
        return [blank(self.profile, number.to_bytes(6, "big")) for number in numbers]

    def run(
        self, slot: ChipSlot, authority: WatchedAuthority | None = None, **how: object
    ) -> Outcome:
        asked = authority or self.authority
        station = Station(slot, self.ledger, self.profile, self.vault, authority=asked)
        self.outcome = Outcome()
        return run_batch(
            [station],
            self.ledger,
            self.batch,
            self.profile,
            self.vault,
            authority=asked,
            outcome=self.outcome,
            **how,  # type: ignore[arg-type]
        )

    def card(self, row: int = 1) -> Card:
        return self.ledger.cards_of(self.batch)[row - 1]

    def granted(self, row: int = 1) -> CertificateGrant:
        stored = self.ledger.grant(self.card(row).id)
        assert stored is not None
        return CertificateGrant.from_json(stored)


def bears(chip: Chip, grant: CertificateGrant) -> bool:
    """Whether the certificate application of the chip holds a grant."""
    state = {path: str(value) for path, value in chip.persistent_state().items()}
    key = grant.control_key.reveal().hex().upper()
    return (
        state["certificate/pins/admin"] == grant.admin_pin.reveal().hex().upper()
        and state["certificate/keys/application"] == state["certificate/keys/environment"] == key
        and filled(state.get("certificate/files/0018", "")) == filled(grant.signature_certificate)
        and filled(state.get("certificate/files/0019", "")) == filled(grant.encryption_certificate)
    )


def filled(content: bytes | str) -> bytes:
    """The content of a file; the memory keeps no 00 at its end."""
    data = bytes.fromhex(content) if isinstance(content, str) else content
    return data.ljust(2048, b"\x00")
