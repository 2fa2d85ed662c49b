"""3DES and SM4 cards at one terminal: recognition, one vault for both, and keys it lacks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.card.test_key_groups import Listening
from tests.support.plant import FACTORY_SERIAL, INITIAL_PIN, Issued
from tests.support.vaults import of_3des_alone

from sscard_ic.base import CardError, InputError
from sscard_ic.card import Blank, CardIdentity, SocialSecurityCard, check_profile, recognise
from sscard_ic.card.application import announced_flag
from sscard_ic.keys import SoftwareVault, UnknownKeyError
from sscard_ic.profile import CardProfile, load
from sscard_ic.reader import Connection, open_session
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.simulator import blank

_HISTORICAL = bytes.fromhex("00814842428653511900000001")


def _started(
    vault: SoftwareVault, division: str, *, flag: str = "03", announces: bool = True
) -> Connection:
    """A 3.00 card with keys and identification, of a region that has no profile."""
    profile = load("urumqi")
    assert profile.region is not None
    issuer = profile.region.issuer.model_copy(update={"division_code": division, "algorithm": flag})
    settings = profile.dialect.settings.model_copy(update={"fci_algorithm": announces})
    profile = replace(
        profile,
        region=profile.region.model_copy(update={"issuer": issuer}),
        dialect=profile.dialect.model_copy(update={"settings": settings}),
    )
    session = open_session(VirtualConnection(blank(profile, FACTORY_SERIAL)))
    identity = CardIdentity(division, _HISTORICAL)
    maker = Blank(session, profile, vault, FACTORY_SERIAL)
    maker.check_fresh()
    maker.initialise(identity, INITIAL_PIN)
    card = SocialSecurityCard(session, profile, vault, identity=identity)
    code = bytes.fromhex(f"{division}D15600000500000001FFFFFFFF")
    card.update({"SSSE.EF05.01": code, "SSSE.EF05.03": b"3.00"})
    maker.finish(identity)
    session.reset(cold=True)
    return session


def _proves(card: SocialSecurityCard) -> None:
    card.check_authenticity()
    card.authenticate("UKSSSE")
    card.update({"SSSE.EF06.0A": b"2"})


def test_one_vault_serves_both_generations(dalian_card: Issued, urumqi_card: Issued) -> None:
    assert dalian_card.vault is urumqi_card.vault
    for issued, algorithm in ((dalian_card, "3des"), (urumqi_card, "sm4")):
        assert recognise(issued.session()).algorithm == algorithm
        card = issued.card()
        _proves(card)
        assert card.card_key("UKSSSE").algorithm == algorithm


def test_key_records_say_the_algorithm(dalian_card: Issued, urumqi_card: Issued) -> None:
    """11 §5.3: 00 3DES with 16 bytes, 01 DES with 8; SM4 is the setting key_record_sm4."""
    expected = {"dalian": {("00", "10"), ("01", "08")}, "urumqi": {("03", "10")}}
    for issued in (dalian_card, urumqi_card):
        records = [
            str(state)
            for path, state in issued.chip.persistent_state().items()
            if "/EF80/" in path and not path.endswith("/tries")
        ]
        medical = {"08", "09", "0A"}
        found = {(r[10:12], r[14:16]) for r in records if r[:2] not in medical | {"01"}}
        assert found == expected[issued.profile.name.rsplit("/", 1)[-1]]


@pytest.mark.parametrize("flag", ["01", "03"])
def test_a_region_without_profile_goes_by_the_card(plant_vault: SoftwareVault, flag: str) -> None:
    session = _started(plant_vault, "511900", flag=flag)
    profile = recognise(session)
    assert (profile.name, profile.algorithm_flag) == ("national/3.00", flag)
    _proves(SocialSecurityCard(session, profile, plant_vault))
    card = SocialSecurityCard(session, load("3.00"), plant_vault)
    _proves(card)
    assert card.profile.algorithm_flag == flag


def test_a_silent_card_counts_as_3des(plant_vault: SoftwareVault) -> None:
    """02 §1.2: no 9F0C86 in the FCI."""
    session = _started(plant_vault, "511900", flag="01", announces=False)
    assert recognise(session).algorithm == "3des"
    _proves(SocialSecurityCard(session, load("3.00"), plant_vault))


def test_a_silent_card_of_beijing_counts_as_ssf33(plant_vault: SoftwareVault) -> None:
    """02 §1.2, §2.4: what is free is read; a key is a clear error before anything is sent."""
    session = _started(plant_vault, "110100", flag="01", announces=False)
    profile = recognise(session)
    assert profile.algorithm_flag == "02"
    for used in (profile, load("3.00")):
        listening = Listening(session)
        card = SocialSecurityCard(listening, used, plant_vault)
        free = [p for p in used.places if p.path in ("SSSE.EF05.01", "SSSE.EF05.03")]
        assert card.read(free).values["SSSE.EF05.03"] == b"3.00"
        with pytest.raises(InputError, match=r"SSF33.*not public"):
            card.authenticate("UKSSSE")
        assert listening.proofs() == []
        assert not [raw for raw in listening.sent if raw.startswith("0084")]


@pytest.mark.parametrize(
    ("fci", "flag"),
    [
        ("6F16840F7378312E73682EC9E7BBE1B1A3D5CFA50388011E", None),
        ("6F1A840F7378312E73682EC9E7BBE1B1A3D5CFA50788011E9F0C8603", "03"),
        ("A5079F0C860188011E", "01"),
        ("9F0C8602", "02"),
        ("9F0C8604", None),
        ("9F0C86", None),
        ("", None),
    ],
)
def test_flag_in_the_fci(fci: str, flag: str | None) -> None:
    assert announced_flag(bytes.fromhex(fci)) == flag


def test_the_fci_of_an_sm4_card_announces_it(urumqi_card: Issued, dalian_card: Issued) -> None:
    """01 §2.3 shows the FCI of a 3DES card; design of ours: 9F0C 86 03 ends A5 with SM4."""
    command = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF00")
    name = "840F7378312E73682EC9E7BBE1B1A3D5CF"
    fci = urumqi_card.session().transmit(command).hex().upper()
    assert fci == f"6F1A{name}A50788011E9F0C86039000"
    assert dalian_card.session().transmit(command).hex().upper() == f"6F16{name}A50388011E9000"


def test_a_card_of_another_algorithm_than_the_profile(urumqi_card: Issued) -> None:
    profile = urumqi_card.profile
    assert profile.region is not None
    issuer = profile.region.issuer.model_copy(update={"algorithm": "01"})
    other = replace(profile, region=profile.region.model_copy(update={"issuer": issuer}))
    with pytest.raises(CardError, match=r"region 650100, algorithm 03, not of regions/urumqi"):
        check_profile(urumqi_card.session(), other)
    check_profile(urumqi_card.session(), profile)


def test_a_key_that_the_vault_lacks_stops_before_the_card(urumqi_card: Issued) -> None:
    listening = Listening(urumqi_card.session())
    card = SocialSecurityCard(listening, urumqi_card.profile, of_3des_alone(urumqi_card.vault))
    assert card.identity.division_code == "650100"
    before = len(listening.sent)
    for ask in (card.authenticate, card.check_authenticity):
        name = "IRK" if ask == card.check_authenticity else "RK1DF01"
        with pytest.raises(UnknownKeyError, match=f"no SM4 key {name} version 1") as caught:
            ask(name)
        assert f"没有 SM4 密钥 {name}" in caught.value.render("zh")
    assert len(listening.sent) == before


def test_a_blank_is_not_begun_without_all_keys(plant_vault: SoftwareVault) -> None:
    profile: CardProfile = load("urumqi")
    listening = Listening(open_session(VirtualConnection(blank(profile, FACTORY_SERIAL))))
    maker = Blank(listening, profile, of_3des_alone(plant_vault), FACTORY_SERIAL)
    assert maker.unlock()
    before = len(listening.sent)
    with pytest.raises(UnknownKeyError, match="no SM4 key"):
        maker.initialise(CardIdentity("650100", _HISTORICAL), INITIAL_PIN)
    assert len(listening.sent) == before
