"""A dump costs little more than the floor that its profile sets; what it meets is told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.card.writing_support import Lacking, Wire, WrongKey, without
from tests.support.plant import INITIAL_PIN, Issued, issue
from tools.bench.support import floors

from sscard_ic.card import Habits, KeyRefused, SocialSecurityCard
from sscard_ic.card.dump import Dump, dump_card
from sscard_ic.keys import SoftwareVault
from sscard_ic.profile import load
from sscard_ic.profile.dialect import Features
from sscard_ic.reader import Tally, open_session
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.simulator import Chip

ALL = Features()
NEITHER = Features(sfi=False, all_records=False)
EXCHANGES = {("dalian", ALL): 93, ("dalian", NEITHER): 292, ("urumqi", ALL): 94}


def dumped(chip: Chip, region: str, keys: object | None, habits: Habits) -> tuple[Dump, Tally]:
    tally = Tally()
    session = open_session(VirtualConnection(chip), tally=tally)
    card = SocialSecurityCard(session, load(region), keys, habits=habits)  # type: ignore[arg-type]
    card.verify_pin(INITIAL_PIN)
    return dump_card(card, with_account=True), tally


@pytest.mark.parametrize(("region", "features"), EXCHANGES)
def test_exchanges(
    plant_vault: SoftwareVault, tmp_path: Path, region: str, features: Features
) -> None:
    issued = issue(tmp_path, plant_vault, region, features=features)
    habits = Habits()
    dumped(issued.chip, region, plant_vault, habits)
    dump, tally = dumped(issued.chip, region, plant_vault, habits)
    assert dump.contents.closed == {}
    assert dump.contents.account == {"balance": 0, "self_paid": 0, "pooled": 0, "year": 0}
    assert tally.exchanges == EXCHANGES[region, features]
    floor = floors.dumping_exchanges(
        issued.profile, sfi=features.sfi, all_records=features.all_records
    )
    assert tally.exchanges <= 1.2 * floor


def fill_logs(issued: Issued, records: int) -> Mapping[str, bytes]:
    """Some records in every log that a terminal may write; what they are by path."""
    card = issued.card()
    logs = [p for p in issued.profile.places if p.file.structure == "cyclic" and p.occurrence == 1]
    written = {}
    for place in [p for p in logs if p.update.keys]:
        for number in range(records, 0, -1):
            record = bytes((0x30 + number,)) * place.item.length
            if number <= place.item.repeat:
                card.append(place.directory_name, place.file_name, record)
                written[place.path.replace("#1", f"#{number}")] = record
    assert len(written) > records
    return written


@pytest.mark.parametrize("records", [1, 4])
def test_logs_with_records(dalian_card: Issued, plant_vault: SoftwareVault, records: int) -> None:
    written = fill_logs(dalian_card, records)
    dump, tally = dumped(dalian_card.chip, "dalian", plant_vault, Habits())
    found = dump.contents.values
    assert {path: found.get(path) for path in written} == written
    assert {path for path in found if "#" in path and path not in written} == {
        path for path in found if "#" in path and path[:9] not in {w[:9] for w in written}
    }
    floor = floors.dumping_exchanges(dalian_card.profile, sfi=True, all_records=True)
    assert tally.exchanges <= 1.2 * floor


def test_the_pin_spares_keys(dalian_card: Issued, plant_vault: SoftwareVault) -> None:
    proofs = {}
    for pin in (True, False):
        wire = Wire(dalian_card.session())
        card = SocialSecurityCard(wire, dalian_card.profile, plant_vault)
        if pin:
            card.verify_pin(INITIAL_PIN)
        contents = dump_card(card).contents
        proofs[pin] = {command[3] for command in wire.sent if command[1] == 0x82}
        assert wire.count(0x82) == wire.count(0x84)
        assert set(contents.closed.values()) == (set() if pin else {"pin", "pin and key:RK1DF04"})
    assert proofs[True] < proofs[False]


def test_a_lacking_key_closes_its_items_and_no_others(
    dalian_card: Issued, plant_vault: SoftwareVault
) -> None:
    whole, _ = dumped(dalian_card.chip, "dalian", plant_vault, Habits())
    some, _ = dumped(dalian_card.chip, "dalian", Lacking(plant_vault, "RK2DF07"), Habits())
    closed = some.contents.closed
    assert closed
    assert {rule for rule in closed.values() if "RK2DF07" in rule} == set(closed.values())
    assert {**some.contents.values, **dict.fromkeys(closed)}.keys() == {
        **whole.contents.values,
        **dict.fromkeys(closed),
    }.keys()
    assert [(name, why.en) for name, why in some.lacking.items()] == [
        ("RK2DF07", "there is no 3DES key RK2DF07 version 1")
    ]


def test_a_wrong_key_ends_it_at_once(dalian_card: Issued, plant_vault: SoftwareVault) -> None:
    with pytest.raises(KeyRefused) as caught:
        dumped(dalian_card.chip, "dalian", WrongKey(plant_vault, "RK2DF07"), Habits())
    assert caught.value.tries_left == 2


def test_a_region_without_a_file(plant_vault: SoftwareVault, tmp_path: Path) -> None:
    """Records that are not there are left out, and files as well."""
    profile = load("dalian")
    own = without(profile, "DF02.EF06", 0x60)
    chip = issue(tmp_path, plant_vault, own).chip
    dump, _ = dumped(chip, "dalian", plant_vault, Habits())
    assert "DF02.EF06.60" not in dump.contents.values
    assert "DF02.EF06.4F" in dump.contents.values
