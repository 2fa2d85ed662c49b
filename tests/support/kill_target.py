"""What the killed process of the SIGKILL test does: run a batch on a deck of images."""

from __future__ import annotations

import io
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

from tests.support.plant import PASSPHRASE, authority_of, open_ledger

from sscard_ic.issuance.station import Station
from sscard_ic.keys import SoftwareVault
from sscard_ic.profile import load
from sscard_ic.reader.virtual import deck_of


class Ticker(io.StringIO):
    """A trace of which only the number of its lines is told, to the process that will kill."""

    def __init__(self, out: Pipe) -> None:
        super().__init__()
        self._out = out

    def write(self, line: str) -> int:
        """One tick."""
        self._out.send_bytes(b".")
        return len(line)


def run_station(folder: Path, batch: str, region: str, ticks: Pipe) -> None:
    """Make cards until killed, or until all are made."""
    vault = SoftwareVault.open(folder / "vault.json", PASSPHRASE)
    profile = load(region)
    with open_ledger(folder / "ledger.db", vault) as ledger:
        deck = deck_of(folder / "deck")
        authority = authority_of(profile)
        trace = Ticker(ticks)
        Station(deck, ledger, profile, vault, authority=authority, trace=trace).run(batch)
