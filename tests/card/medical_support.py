"""Terminals, centres and journals for tests of the medical account."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.plant import INITIAL_PIN, Issued

from sscard_ic.base.secret import Secretive
from sscard_ic.card.medical_account import MedicalAccount
from sscard_ic.card.medical_records import NoJournal, OfflineData, Pending, Result
from sscard_ic.card.social_security import SocialSecurityCard
from sscard_ic.issuance.specimen import SpecimenMaker
from sscard_ic.keys import CardKey, SoftwareVault, published_keys
from sscard_ic.keys.medical_vault import HostDebiter, MedicalHost
from sscard_ic.keys.policy import Operation
from sscard_ic.profile import CardProfile, load
from sscard_ic.profile.medical import MedicalSettlement
from sscard_ic.reader import Connection, open_session
from sscard_ic.reader.virtual import VirtualConnection, new_blank, open_virtual
from sscard_ic.reader.wrappers import Wrapper
from sscard_ic.simulator import VirtualCard, open_image

TERMINAL = bytes.fromhex("210200000001")
NOON = datetime(2026, 3, 15, 12, 0, 0)
LIMITS = MedicalSettlement(mode=2, offline_amount_limit=30000, offline_count_limit=3)


REGION = """\
kind = "region"
zh = "试验"
en = "trial"
extends = "{region}"
cos = "{cos}"
"""


@cache
def _made(
    cos: str, region: str
) -> tuple[TemporaryDirectory[str], Path, CardProfile, SoftwareVault]:
    folder = TemporaryDirectory()
    file = Path(folder.name) / "region.toml"
    file.write_text(REGION.format(cos=cos, region=region), encoding="utf-8")
    profile = load(str(file))
    image = new_blank(profile, Path(folder.name))
    connection = open_virtual(image)
    try:
        SpecimenMaker(profile).make(open_session(connection))
    finally:
        connection.close()
    return folder, image, profile, published_keys(profile.keys)


def issued_copy(folder: Path, cos: str = "cos/t514", region: str = "regions/dalian") -> Issued:
    """A fresh issued card of a region's sample, with published keys; its image in ``folder``."""
    _, image, profile, vault = _made(cos, region)
    copy = folder / image.name
    shutil.copyfile(image, copy)
    return Issued(open_image(copy), profile, vault)


class FixedHost(MedicalHost):
    """A host whose card keys are given by name."""

    def __init__(self, keys: dict[str, bytes]) -> None:
        self._keys = keys

    def _card_key(self, key: CardKey, operation: Operation) -> bytes:
        return self._keys[key.name]


class OfflineTerminal(HostDebiter):
    """A debiter that needs no centre, as a PSAM is one."""

    works_offline = True


def numbering(first: int = 1) -> Callable[[], int]:
    """Transaction numbers from ``first`` on."""
    numbers = count(first)
    return lambda: next(numbers)


def terminal_of(
    host: MedicalHost, *, offline: bool = False, indexes: Sequence[int] = (1,)
) -> HostDebiter:
    """A terminal that authorises with the keys of ``host``."""
    kind = OfflineTerminal if offline else HostDebiter
    return kind(host, TERMINAL, numbering(), indexes)


def settling(profile: CardProfile, rules: MedicalSettlement) -> CardProfile:
    """The profile with other rules of settlement."""
    assert profile.region is not None
    region = profile.region.model_copy(update={"medical_settlement": rules})
    return replace(profile, region=region)


class ListJournal(NoJournal):
    """A journal in memory."""

    def __init__(self) -> None:
        self.open: list[Pending] = []
        self.ended: list[tuple[Pending, Result | None]] = []
        self.blocked = False

    def begin(self, pending: Pending) -> None:
        """Note it."""
        self.open.append(pending)

    def end(self, pending: Pending, result: Result | None) -> None:
        """Note its end."""
        self.open.clear()
        self.ended.append((pending, result))

    def unfinished(self, division_code: str, card_factor: bytes) -> Pending | None:
        """The one that is open."""
        return self.open[0] if self.open else None

    def blocks_offline(self, division_code: str, card_factor: bytes) -> bool:
        """As told."""
        return self.blocked


def account_of(
    issued: Issued,
    *,
    profile: CardProfile | None = None,
    offline: bool = False,
    journal: ListJournal | None = None,
    card: VirtualCard | None = None,
    keys: SoftwareVault | None = None,
    wrap: Callable[[Connection], Connection] = lambda connection: connection,
) -> MedicalAccount:
    """The account on a fresh power-up, PIN verified; the vault is terminal and centre."""
    vault = keys or issued.vault
    session = open_session(wrap(VirtualConnection(card or issued.chip)))
    cards = SocialSecurityCard(session, profile or issued.profile, vault)
    cards.verify_pin(INITIAL_PIN)
    return MedicalAccount(
        cards, terminal=terminal_of(vault, offline=offline), centre=vault, journal=journal
    )


def allow_offline(issued: Issued, amount: int = 0, number: int = 0) -> None:
    """Write the data of temporary offline settlement."""
    account_of(issued).write_offline_data(OfflineData(allowed=True, amount=amount, count=number))


class Recorded(Wrapper):
    """Keeps the commands that are sent."""

    def __init__(self, inner: Connection) -> None:
        super().__init__(inner)
        self.sent: list[str] = []

    def transmit(self, command: Secretive) -> bytes:
        """Note it and pass it on."""
        raw = command if isinstance(command, bytes) else command.reveal()
        self.sent.append(raw.hex().upper())
        return self.inner.transmit(command)
