"""The terminal's side of an issued card, through the public objects."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from tests.support.plant import (
    FACTORY_SERIAL,
    INITIAL_PIN,
    NEW_PIN,
    Issued,
    issue,
    sample_row,
)

from sscard_ic.apdu import iso
from sscard_ic.apdu.ssc import pin_block
from sscard_ic.base import CardError, Secret
from sscard_ic.base.secret import Secretive
from sscard_ic.card import (
    Blank,
    CardIdentity,
    Habits,
    Refused,
    SocialSecurityCard,
    WrongPin,
    check_profile,
    recognise,
    reset_pin,
    unblock_pin,
)
from sscard_ic.keys import SoftwareVault
from sscard_ic.profile import find_items, load
from sscard_ic.profile.cos.t514 import T514Settings
from sscard_ic.profile.dialect import Features
from sscard_ic.profile.values import decode
from sscard_ic.reader import Tally, open_session
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.reader.wrappers import Wrapper
from sscard_ic.simulator import blank


def text(card: Issued, values: dict[str, bytes], path: str) -> str:
    (place,) = [p for p in card.profile.structure.locate_all() if p.path == path]
    return decode(place.item, values[path]).text


def files(paths: Iterable[str]) -> set[str]:
    """The files in which items lie."""
    return {".".join(path.split("#")[0].split(".")[:2]) for path in paths}


def test_basic_information_is_what_the_row_said(dalian_card: Issued) -> None:
    reading = dalian_card.card(with_keys=False).read_basic()
    row = sample_row("dalian", 1)
    assert reading.closed == {}
    assert text(dalian_card, reading.values, "SSSE.EF05.03") == "2.00"
    assert text(dalian_card, reading.values, "SSSE.EF05.07") == row["AAZ500"]
    assert text(dalian_card, reading.values, "SSSE.EF06.08") == row["AAC002"]
    assert text(dalian_card, reading.values, "SSSE.EF06.09") == row["AAC003"]
    assert text(dalian_card, reading.values, "SSSE.EF06.0A") == row["AAC004"]


def test_third_generation_without_keys_gives_what_is_free(urumqi_card: Issued) -> None:
    """ref 01 §8, §12.3: number, card number and name stay closed."""
    reading = urumqi_card.card(with_keys=False).read_basic()
    assert sorted(reading.values) == [f"SSSE.EF05.0{n}" for n in range(1, 7)]
    assert {str(rule) for rule in reading.closed.values()} == {"key:RKSSSE"}
    assert "SSSE.EF05.07" in reading.closed
    assert "SSSE.EF06.08" in reading.closed


def test_third_generation_with_keys_gives_everything(urumqi_card: Issued) -> None:
    reading = urumqi_card.card().read_basic()
    assert reading.closed == {}
    row = sample_row("urumqi", 1)
    assert text(urumqi_card, reading.values, "SSSE.EF05.07") == row["AAZ500"]
    assert text(urumqi_card, reading.values, "SSSE.EF06.09") == row["AAC003"]


def test_a_whole_card_with_the_pin_alone(dalian_card: Issued) -> None:
    card = dalian_card.card(with_keys=False)
    card.verify_pin(INITIAL_PIN)
    reading = card.read(dalian_card.profile.structure.locate_all())
    assert text(dalian_card, reading.values, "DF01.EF06.28") == sample_row("dalian", 1)["AAC067"]
    # ref 01 §10.4: opened by keys alone, or by PIN and key.
    assert files(reading.closed) == {
        "SSSE.EF07",
        "SSSE.EF08",
        "DF04.EF06",
        "DF06.EF05",
        "DF06.EF06",
        "DF07.EF05",
        "DF07.EF06",
        "DF07.EF07",
    }


def test_a_whole_card_with_keys_alone(dalian_card: Issued) -> None:
    reading = dalian_card.card().read(dalian_card.profile.structure.locate_all())
    assert files(reading.closed) == {"DF04.EF06", "DF04.EF08"}, "PIN and key; PIN"


def test_a_whole_card_with_pin_and_keys(dalian_card: Issued) -> None:
    card = dalian_card.card()
    card.verify_pin(INITIAL_PIN)
    reading = card.read(dalian_card.profile.structure.locate_all())
    assert reading.closed == {}
    assert reading.values["SSSE.EF08"].startswith(b"\xff\xd8")
    assert len(reading.values["SSSE.EF08"]) == 4096


def test_update_authenticates_the_key_of_the_file(dalian_card: Issued) -> None:
    path = "DF01.EF06.28"
    (place,) = [p for p in dalian_card.profile.structure.locate_all() if p.path == path]
    value = b"13800000000".ljust(place.item.length, b"\x00")
    dalian_card.card().update({path: value})
    assert dalian_card.card().read([place]).values == {path: value}


def test_update_without_keys_says_what_is_missing(dalian_card: Issued) -> None:
    with pytest.raises(Refused) as caught:
        dalian_card.card(with_keys=False).update({"SSSE.EF06.0A": b"2"})
    assert caught.value.sw == 0x6982
    assert "key:UKSSSE" in caught.value.what.en
    assert "key:UKSSSE" in caught.value.what.zh


def test_update_of_an_unknown_item_is_a_mistake(dalian_card: Issued) -> None:
    with pytest.raises(KeyError, match=r"SSSE\.EF99\.01"):
        dalian_card.card().update({"SSSE.EF99.01": b""})


@pytest.mark.parametrize("version", [None, 1, 2, 3])
def test_every_group_of_a_key_opens_its_file(dalian_card: Issued, version: int | None) -> None:
    """Lc 10 without version, Lc 11 with it (ref 02 §3.3, 11 §2.2)."""
    card = dalian_card.card()
    card.authenticate("UKSSSE", version)
    card.update({"SSSE.EF06.0A": b"2"})


def test_the_card_proves_itself(dalian_card: Issued) -> None:
    card = dalian_card.card()
    for version in (None, 1, 2, 3):
        card.check_authenticity("IRK", version)


def test_a_card_of_another_region_does_not_prove_itself(
    dalian_card: Issued, plant_vault: SoftwareVault
) -> None:
    identity = dalian_card.identity
    stranger = type(identity)("210100", identity.historical)
    card = SocialSecurityCard(
        dalian_card.session(), dalian_card.profile, plant_vault, identity=stranger
    )
    with pytest.raises(CardError, match="internal authentication failed"):
        card.check_authenticity()


def test_wrong_pin_tells_the_tries_left_and_is_not_repeated(dalian_card: Issued) -> None:
    card = dalian_card.card(with_keys=False)
    wrong = Secret(pin_block("999999"))
    for left in (2, 1, 0):
        with pytest.raises(WrongPin) as caught:
            card.verify_pin(wrong)
        assert caught.value.tries_left == left
        assert ("1 try left" if left == 1 else f"{left} tries left") in str(caught.value)
        assert (caught.value.hint is None) is (left == 2)
        assert "999999" not in str(caught.value)
    with pytest.raises(WrongPin) as caught:
        card.verify_pin(INITIAL_PIN)
    assert caught.value.sw == 0x6983
    assert caught.value.tries_left == 0


def test_changed_pin_replaces_the_old_one(dalian_card: Issued) -> None:
    card = dalian_card.card(with_keys=False)
    card.change_pin(INITIAL_PIN, NEW_PIN)
    card.verify_pin(NEW_PIN)
    with pytest.raises(WrongPin):
        card.verify_pin(INITIAL_PIN)


def _is_open(dalian_card: Issued, card: SocialSecurityCard) -> bool:
    """Whether the holder's PIN opens DF01 EF05 now; closed, its rule is told."""
    place = find_items(dalian_card.profile, "DF01.EF05.20")[0]
    reading = card.read([place])
    if place.path in reading.values:
        return True
    assert reading.closed == {place.path: place.read}
    return False


def test_a_wrong_pin_closes_what_the_right_one_opened(dalian_card: Issued) -> None:
    card = dalian_card.card(with_keys=False)
    card.verify_pin(INITIAL_PIN)
    assert _is_open(dalian_card, card)
    with pytest.raises(WrongPin):
        card.verify_pin(Secret(bytes.fromhex("999999")))
    assert not _is_open(dalian_card, card)
    card.verify_pin(INITIAL_PIN)
    assert _is_open(dalian_card, card)


def test_a_wrong_old_pin_closes_what_the_right_one_opened(dalian_card: Issued) -> None:
    card = dalian_card.card(with_keys=False)
    card.verify_pin(INITIAL_PIN)
    with pytest.raises(WrongPin):
        card.change_pin(Secret(bytes.fromhex("999999")), NEW_PIN)
    assert not _is_open(dalian_card, card)


@pytest.mark.parametrize("service", ["unblock", "reset"])
def test_the_pin_service_closes_what_the_pin_opened(dalian_card: Issued, service: str) -> None:
    card = dalian_card.card()
    card.verify_pin(INITIAL_PIN)
    place = find_items(dalian_card.profile, "DF04.EF08")[0]
    assert card.opens(place) or card.read([place]).closed == {}
    unblock_pin(card) if service == "unblock" else reset_pin(card, NEW_PIN)
    assert card.read([place]).closed == {place.path: place.read}


def test_the_master_file_ends_what_the_pin_opened(dalian_card: Issued) -> None:
    """Some systems forget the PIN there (ref 11 §2.3); no session relies on the others."""
    card = dalian_card.card(with_keys=False)
    card.verify_pin(INITIAL_PIN)
    card.enter("MF")
    assert not _is_open(dalian_card, card)


def test_recognition(dalian_card: Issued, urumqi_card: Issued) -> None:
    assert recognise(dalian_card.session()).name == "regions/dalian"
    assert recognise(urumqi_card.session()).name == "regions/urumqi"
    check_profile(dalian_card.session(), load("2.00"))
    with pytest.raises(CardError, match=r"version 2\.00 and region 210200"):
        check_profile(dalian_card.session(), load("urumqi"))


def test_a_blank_is_no_social_security_card() -> None:
    chip = blank(load("dalian"), FACTORY_SERIAL)
    with pytest.raises(CardError, match="no social security application"):
        recognise(open_session(VirtualConnection(chip)))


def test_an_initialised_card_without_data_is_told_so(plant_vault: SoftwareVault) -> None:
    profile = load("dalian")
    chip = blank(profile, FACTORY_SERIAL)
    session = open_session(VirtualConnection(chip))
    maker = Blank(session, profile, plant_vault, FACTORY_SERIAL)
    assert maker.unlock()
    maker.initialise(CardIdentity("210200", bytes(13)), INITIAL_PIN)
    with pytest.raises(CardError, match="bears no data yet"):
        recognise(session)


EXCHANGES = {
    (True, True): 4,
    (False, True): 6,
    (True, False): 16,
    (False, False): 18,
}


@pytest.mark.parametrize(("sfi", "all_records"), EXCHANGES)
@pytest.mark.parametrize("protocol", ["T=0", "T=1"])
def test_exchanges_of_basic_information(
    tmp_path: Path, plant_vault: SoftwareVault, sfi: bool, all_records: bool, protocol: str
) -> None:
    """SSSE, EF05, EF06 of 2.00; the first card of a type may cost two more."""
    features = Features.model_validate(
        {"sfi": sfi, "all_records": all_records, "protocol": protocol}
    )
    card = issue(tmp_path, plant_vault, "dalian", features=features)
    habits = Habits()
    counted = []
    for _ in range(2):
        tally = Tally()
        session = open_session(VirtualConnection(card.chip), tally=tally)
        reading = SocialSecurityCard(session, card.profile, habits=habits).read_basic()
        assert len(reading.values) == 14
        counted.append(tally.exchanges)
    assert counted[1] <= EXCHANGES[sfi, all_records]
    assert counted[0] <= EXCHANGES[sfi, all_records] + 2


def test_a_card_that_truncates_mixed_files_is_read_completely(
    tmp_path: Path, plant_vault: SoftwareVault
) -> None:
    settings = T514Settings(mixed_all="truncate")
    card = issue(tmp_path, plant_vault, "urumqi", settings=settings)
    assert len(card.card().read_basic().values) == 14
    assert len(card.card(with_keys=False).read_basic().values) == 6


@pytest.mark.parametrize("region", ["dalian", "urumqi"])
@pytest.mark.parametrize("loading", ["plain", "enciphered", "enciphered_mac"])
def test_every_way_of_loading_keys_makes_the_same_card(
    tmp_path: Path, plant_vault: SoftwareVault, loading: str, region: str
) -> None:
    """Under control keys of 3DES and of SM4."""
    settings = T514Settings.model_validate({"key_loading": loading})
    card = issue(tmp_path, plant_vault, region, settings=settings)
    records = {
        path: state
        for path, state in card.chip.persistent_state().items()
        if "/EF80/" in path and not path.endswith("/tries")
    }
    keys = sum(key.groups for key in card.profile.keys.values())
    assert len(records) == keys + 1


def test_raw_reads_by_tag(dalian_card: Issued) -> None:
    """00B2 tag, current file and by SFI (ref 01 §11.1)."""
    session = dalian_card.session()
    SocialSecurityCard(session, dalian_card.profile)
    assert session.transmit(bytes(iso.read_record_by_tag(0x05, 6, sfi=5)))[:2] == b"\x05\x04"
    session.transmit(bytes(iso.select_fid(0xEF06, 2)))
    assert session.transmit(bytes(iso.read_record_by_tag(0x0A)))[:2] == b"\x0a\x01"


def test_a_card_unlike_the_others_of_its_type_is_read_all_the_same(
    tmp_path: Path, plant_vault: SoftwareVault
) -> None:
    able = issue(tmp_path, plant_vault, "dalian")
    plain = issue(tmp_path, plant_vault, "dalian", features=Features(sfi=False, all_records=False))
    habits = Habits()
    for card in (able, plain, able, plain):
        session = open_session(VirtualConnection(card.chip))
        reading = SocialSecurityCard(session, card.profile, habits=habits).read_basic()
        assert len(reading.values) == 14


def test_one_odd_answer_teaches_nothing(dalian_card: Issued) -> None:
    class Odd(Wrapper):
        def transmit(self, command: Secretive) -> bytes:
            raw = command.reveal() if isinstance(command, Secret) else command
            return b"\x6f\x00" if raw[1] == 0xB2 else self.inner.transmit(command)

    habits = Habits()
    session = open_session(Odd(VirtualConnection(dalian_card.chip)))
    with pytest.raises(Refused, match="6F00"):
        SocialSecurityCard(session, dalian_card.profile, habits=habits).read_basic()
    assert (habits.sfi, habits.all_records) == (None, None)


@pytest.mark.parametrize("length", [0, 4, 7, 16])
def test_a_challenge_of_another_length_is_refused(dalian_card: Issued, length: int) -> None:
    class Odd(Wrapper):
        def transmit(self, command: Secretive) -> bytes:
            raw = command.reveal() if isinstance(command, Secret) else command
            return bytes(length) + b"\x90\x00" if raw[1] == 0x84 else self.inner.transmit(command)

    session = open_session(Odd(VirtualConnection(dalian_card.chip)))
    card = SocialSecurityCard(session, dalian_card.profile, dalian_card.vault)
    with pytest.raises(CardError, match=f"challenge has {length} bytes"):
        card.authenticate("UKSSSE")
