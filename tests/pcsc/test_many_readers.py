"""Different cards in many readers at once: each reader shows its own (ref 09 §1.6).

Read by a foreign client and by the driver of this project, with a thread for each reader.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from tests.pcsc.conftest import InsertAll
from tests.pcsc.plain_client import LEAVE, PlainClient
from tests.support.plant import ChipSlot, Issued, import_rows, open_ledger

from sscard_ic.card import SocialSecurityCard
from sscard_ic.issuance.prepare import prepare_batch
from sscard_ic.issuance.station import Station
from sscard_ic.keys import SoftwareVault
from sscard_ic.profile import load
from sscard_ic.reader import Connection, open_session
from sscard_ic.reader.pcsc import open_pcsc
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.simulator import Chip, blank
from sscard_ic.testing.service import PcscService, ReaderSlot

SSSE = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
ISSUER = ["00B2012C12", "00B2052C06"]
"""Identification code and date of issue; everybody may read them on every card."""
HOLDER = [*ISSUER, "00B2013414", "00B2023420"]
"""Social security number and name as well; everybody may read them on a card of version 2.00."""


def contents(ask: Callable[[str], str], reads: list[str]) -> list[str]:
    assert ask(SSSE).startswith("61")
    answers = [ask(command) for command in reads]
    assert all(answer.endswith("9000") for answer in answers), answers
    return answers


def contents_in_process(chip: Chip, reads: list[str]) -> list[str]:
    chip.power_on()
    found = contents(lambda command: chip.transmit(bytes.fromhex(command)).hex().upper(), reads)
    chip.power_off()
    return found


def contents_in(slot: ReaderSlot, reads: list[str]) -> list[str]:
    with PlainClient() as client:
        card = client.connect(slot.name)
        found = contents(card, reads)
        card.disconnect(LEAVE)
    return found


def basic_data(connection: Connection) -> dict[str, bytes]:
    """The same and more by the reader side of this project."""
    session = open_session(connection)
    try:
        return SocialSecurityCard(session, load("dalian")).read_basic().values
    finally:
        session.close()


@pytest.fixture
def holders(tmp_path: Path, plant_vault: SoftwareVault) -> list[Chip]:
    """Finished cards of sixteen holders."""
    profile = load("dalian")
    slot = ChipSlot(*(blank(profile, number.to_bytes(6, "big")) for number in range(16)))
    with open_ledger(tmp_path / "ledger.db", plant_vault) as ledger:
        batch = import_rows(ledger, profile, tmp_path, 16)
        prepare_batch(ledger, batch, profile, plant_vault)
        Station(slot, ledger, profile, plant_vault).run(batch)
    assert len(slot.good) == 16
    return slot.good


def test_two_cards_in_one_driver(
    service: PcscService, insert_all: InsertAll, dalian_card: Issued, urumqi_card: Issued
) -> None:
    """Both slots of one copy of the driver, whose state is one array indexed by slot."""
    chips = dict(zip(service.slots[:2], (dalian_card.chip, urumqi_card.chip), strict=True))
    expected = [contents_in_process(chip, ISSUER) for chip in chips.values()]
    insert_all(chips)
    for _ in range(2):
        assert [contents_in(slot, ISSUER) for slot in chips] == expected
    assert expected[0] != expected[1]


def test_sixteen_cards_in_sixteen_readers(
    service: PcscService, client: PlainClient, insert_all: InsertAll, holders: list[Chip]
) -> None:
    chips = dict(zip(service.slots, holders, strict=True))
    expected = [contents_in_process(chip, HOLDER) for chip in holders]
    basic = [basic_data(VirtualConnection(chip)) for chip in holders]
    insert_all(chips)
    atrs = [client.await_card(slot.name) for slot in chips]
    assert atrs == [chip.atr for chip in holders]
    assert len(set(atrs)) == 16
    together = Barrier(16, timeout=60)

    def read(slot: ReaderSlot) -> tuple[list[str], dict[str, bytes]]:
        together.wait()
        return contents_in(slot, HOLDER), basic_data(open_pcsc(slot.name))

    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(read, chips))
    assert [foreign for foreign, _ in found] == expected
    assert [own for _, own in found] == basic
    assert len({tuple(contents) for contents in expected}) == 16
