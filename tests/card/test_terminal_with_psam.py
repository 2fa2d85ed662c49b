"""A terminal with a card and a PSAM and no key of its own: reading, writing, settling."""

from __future__ import annotations

from datetime import datetime

import pytest
from tests.support.plant import INITIAL_PIN, Issued
from tests.support.psams import made, vault_for, wire_to

from sscard_ic.card import SocialSecurityCard
from sscard_ic.card.medical_account import MedicalAccount
from sscard_ic.card.medical_records import OfflineData, Split
from sscard_ic.keys.psam import Psam
from sscard_ic.profile import load_psam, unset

REGIONS = pytest.mark.parametrize("region", ["dalian", "urumqi"])
NOW = datetime(2026, 11, 21, 10, 15, 30)


@pytest.fixture
def issued(request: pytest.FixtureRequest, region: str) -> Issued:
    card = request.getfixturevalue(f"{region}_card")
    assert isinstance(card, Issued)
    return card


@pytest.fixture
def psam(issued: Issued, region: str) -> Psam:
    """The PSAM of a terminal of the card's city."""
    return Psam(wire_to(made(load_psam(f"psam/{region}"))), issued.profile.keys)


@REGIONS
def test_reads_what_the_vault_reads(issued: Issued, psam: Psam) -> None:
    card = SocialSecurityCard(issued.session(), issued.profile, psam)
    reading = card.read(issued.profile.places)
    with_vault = issued.card().read(issued.profile.places)
    assert reading.values == with_vault.values
    assert reading.closed == with_vault.closed
    assert "SSSE.EF08" in reading.values


@REGIONS
def test_writes_and_proves_every_key_it_has(issued: Issued, psam: Psam) -> None:
    card = SocialSecurityCard(issued.session(), issued.profile, psam)
    card.check_authenticity()
    phone = next(p for p in issued.profile.places if p.path == "DF01.EF06.28")
    value = b"13900000000".ljust(phone.item.length, b"\x00")
    card.update({phone.path: value})
    again = SocialSecurityCard(issued.session(), issued.profile, psam)
    assert again.read([phone]).values == {phone.path: value}
    assert value != unset(phone.item)


@REGIONS
def test_settles_online(issued: Issued, psam: Psam) -> None:
    """MAC1 and the check of MAC2 come from the PSAM; the centre checks the TAC afterwards."""
    card = SocialSecurityCard(issued.session(), issued.profile, psam)
    card.verify_pin(INITIAL_PIN)
    account = MedicalAccount(card, terminal=psam)
    for number in (1, 2):
        result = account.debit(Split(3000, 8000, 4000), mode="online", time=NOW)
        assert (result.mac2_valid, result.problems) == (True, ())
        assert result.pending.number == number
    assert account.balances().pooled == 22000
    (last, _) = account.log()[:2]
    assert last.terminal == psam.terminal()


@REGIONS
def test_the_centre_accepts_what_the_psam_has_authorised(
    issued: Issued, psam: Psam, region: str
) -> None:
    card = SocialSecurityCard(issued.session(), issued.profile, psam)
    card.verify_pin(INITIAL_PIN)
    centre = vault_for(load_psam(f"psam/{region}"))
    account = MedicalAccount(card, terminal=psam, centre=centre)
    result = account.debit(Split(3000, 8000, 4000), mode="online", time=NOW)
    assert (result.mac2_valid, result.tac_valid, result.problems) == (True, True, ())


@pytest.mark.parametrize("region", ["dalian"])
def test_settles_while_the_network_is_down(issued: Issued, psam: Psam) -> None:
    """ref 12 §7.3: a PSAM alone may; it also opens what the card keeps of such settlements."""
    card = SocialSecurityCard(issued.session(), issued.profile, psam)
    card.verify_pin(INITIAL_PIN)
    account = MedicalAccount(card, terminal=psam)
    account.write_offline_data(OfflineData(allowed=True, amount=25000, count=1))
    result = account.debit(Split(account=4250), mode="temporary", time=NOW)
    assert (result.mac2_valid, result.problems) == (True, ())
    assert account.offline_data() == OfflineData(allowed=True, amount=29250, count=2)
