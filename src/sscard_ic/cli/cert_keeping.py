"""Where ``sscard cert`` keeps what was granted for a card: the ledger that knows it, or a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sscard_ic.base.resources import home_dir
from sscard_ic.cli.ledgers import ledger_path, open_ledger
from sscard_ic.keys import KeyService
from sscard_ic.ledger import Ledger
from sscard_ic.lifecycle.kept_grants import FileOfGrant, GrantPlace, LedgerGrant, grant_file


def folder_of_grants() -> Path:
    """The folder with the sealed files of cards that no ledger knows."""
    return home_dir() / "certificates"


@contextmanager
def some_ledger(chosen: Path | None, keys: KeyService | None) -> Iterator[Ledger | None]:
    """The ledger asked for, or the one at home where there is one: a counter may have none."""
    if chosen is None and not ledger_path(None).exists():
        yield None
        return
    with open_ledger(chosen, keys) as ledger:
        yield ledger


def place_of(ledger: Ledger | None, keys: KeyService, serial: bytes) -> GrantPlace:
    """Where the grant of a card is kept; raises :class:`SscardError` for a card in work."""
    if ledger is not None and (known := LedgerGrant.of(ledger, serial)) is not None:
        return known
    return FileOfGrant(grant_file(folder_of_grants(), serial), keys.sealer())


def may_be_kept(chosen: Path | None, serial: bytes) -> bool:
    """Whether a ledger knows the card, or there is a file for it; needs no keys."""
    if grant_file(folder_of_grants(), serial).exists():
        return True
    with some_ledger(chosen, None) as ledger:
        return ledger is not None and ledger.card_by_chip(serial) is not None
