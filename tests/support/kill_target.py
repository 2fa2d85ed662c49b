"""What the killed process of the SIGKILL test does: run a batch on a deck of images."""

from __future__ import annotations

from multiprocessing.connection import Connection as Pipe
from pathlib import Path

from tests.support.plant import PASSPHRASE, open_ledger

from sscard_ic.issuance.station import Station
from sscard_ic.keys import SoftwareVault
from sscard_ic.profile import load
from sscard_ic.reader.virtual import deck_of


def run_station(folder: Path, batch: str, region: str, ready: Pipe) -> None:
    """Make cards until killed, or until all are made."""
    vault = SoftwareVault.open(folder / "vault.json", PASSPHRASE)
    profile = load(region)
    with open_ledger(folder / "ledger.db", vault) as ledger:
        station = Station(deck_of(folder / "deck"), ledger, profile, vault)
        ready.send("ready")
        station.run(batch)
