"""A whole card of each region is made, personalized and verified on every COS."""

from __future__ import annotations

import pytest
from tests.support.plant import FACTORY_SERIAL, INITIAL_PIN
from tests.support.profiles import only, with_rules

from sscard_ic.card import SocialSecurityCard
from sscard_ic.issuance.specimen import SpecimenMaker
from sscard_ic.keys import published_keys
from sscard_ic.profile import CardProfile, load
from sscard_ic.profile.cos import DIALECTS
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.simulator import Chip, blank


def made(profile: CardProfile) -> Chip:
    """A finished specimen; making it ends with reading everything back and proving every key."""
    chip = blank(profile, FACTORY_SERIAL)
    SpecimenMaker(profile).make(open_session(VirtualConnection(chip)))
    return chip


@pytest.mark.parametrize("region", ["dalian", "urumqi"])
@pytest.mark.parametrize("cos", DIALECTS)
def test_a_card_of_each_generation(cos: str, region: str) -> None:
    """2.00 with 3DES, 3.00 with SM4 and rules of single records."""
    profile = load(region, cos)
    assert profile.dialect.name == cos
    chip = made(profile)
    session = open_session(VirtualConnection(chip))
    reading = SocialSecurityCard(session, profile, published_keys(profile.keys)).read_basic()
    assert len(reading.values) == 14


@pytest.mark.parametrize(
    "rule",
    [
        "key:RK1DF01 or key:UK3DF01",
        "key:UK1DF01 and key:UK3DF01",
        "key:UKSSSE or key:RK1DF01",
        "key:UKSSSE and key:RK1DF01",
        "pin and key:RK1DF01",
    ],
)
@pytest.mark.parametrize("cos", DIALECTS)
def test_a_rule_holds_whether_the_cos_has_bytes_for_it_or_not(cos: str, rule: str) -> None:
    """What they cannot say is in the chip's mask: the file opens by its rule, by nothing less."""
    profile = only(load("dalian", cos), "MF", "SSSE", "DF01")
    profile = with_rules(profile, "DF01.EF05", read=rule)
    session = open_session(VirtualConnection(made(profile)))
    reader = SocialSecurityCard(session, profile, published_keys(profile.keys))
    place = profile.places_of("DF01", "EF05")[0]
    assert reader.identity.division_code == "210200"  # read in the SSSE, before any proof
    for key in place.read.keys if place.read.logic == "and" else place.read.keys[:1]:
        assert not reader.opens(place)
        reader.authenticate(key)
    if place.read.pin:
        assert not reader.opens(place)
        reader.verify_pin(INITIAL_PIN)
    assert reader.opens(place)
