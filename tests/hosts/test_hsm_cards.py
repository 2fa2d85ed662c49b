"""Cards of both generations at a counter whose keys are all behind an HSM service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from itertools import count
from pathlib import Path

import pytest
from tests.support.plant import INITIAL_PIN, NEW_PIN, Issued

from sscard_ic.card import SocialSecurityCard, WrongPin
from sscard_ic.card.medical_account import MedicalAccount
from sscard_ic.card.medical_records import Split
from sscard_ic.card.messages import MessageRefused
from sscard_ic.keys.medical_vault import HostDebiter
from sscard_ic.keys.remote.client import RemoteHsm
from sscard_ic.keys.remote.errors import RefusedError
from sscard_ic.lifecycle.pin_service import reset_pin, unblock_pin

from tests.support.remote_hsm import remote_hsm  # isort: skip

TERMINAL = bytes.fromhex("210200000001")
NOON = datetime(2026, 3, 15, 12, 0, 0)


@pytest.fixture(params=["dalian_card", "urumqi_card"])
def issued(request: pytest.FixtureRequest) -> Issued:
    """A card of version 2.00 with 3DES keys, one of version 3.00 with SM4 keys."""
    found: Issued = request.getfixturevalue(request.param)
    return found


@contextmanager
def at_the_counter(
    issued: Issued, folder: Path, form: str = "bar"
) -> Iterator[tuple[SocialSecurityCard, RemoteHsm]]:
    with remote_hsm(issued.vault, issued.profile, folder, form=form) as hsm:
        yield SocialSecurityCard(issued.session(), issued.profile, hsm), hsm


@pytest.mark.parametrize("form", ["bar", "xml"])
def test_reading_and_writing(issued: Issued, tmp_path: Path, form: str) -> None:
    """IRK by type 01; RKSSSE opens the photo and 3.00's basic data, UKSSSE the update by 02."""
    with at_the_counter(issued, tmp_path, form) as (card, _):
        card.check_authenticity()
        values = card.read_basic().values
        assert values["SSSE.EF05.07"]
        assert values["SSSE.EF06.09"]
        photo = issued.profile.places_of("SSSE", "EF08")
        assert card.read(photo).values.keys() == {place.path for place in photo}
        card.update({"SSSE.EF06.09": "王五".encode("gb18030").ljust(30, b"\x00")})
        assert card.read_basic().values["SSSE.EF06.09"].startswith("王五".encode("gb18030"))


def test_the_second_group_of_a_key(issued: Issued, tmp_path: Path) -> None:
    """The third group of UKSSSE stands at 0096."""
    with at_the_counter(issued, tmp_path) as (card, _):
        card.authenticate("UKSSSE", 2)
        card.authenticate("UKSSSE", 3)


def test_the_pin_service(issued: Issued, tmp_path: Path) -> None:
    with at_the_counter(issued, tmp_path) as (_, hsm):
        reset_pin(issued.session(), issued.profile, hsm, NEW_PIN)
        card = issued.card(with_keys=False)
        with pytest.raises(WrongPin):
            card.verify_pin(INITIAL_PIN)
        with pytest.raises(WrongPin):
            card.verify_pin(INITIAL_PIN)
        with pytest.raises(WrongPin) as caught:
            card.verify_pin(INITIAL_PIN)
        assert caught.value.tries_left == 0
        unblock_pin(issued.session(), issued.profile, hsm)
        issued.card(with_keys=False).verify_pin(NEW_PIN)


def test_a_settlement(issued: Issued, tmp_path: Path) -> None:
    """Mode 1: MAC1 from the service, MAC2 and TAC compared with those that came with it."""
    with at_the_counter(issued, tmp_path) as (card, hsm):
        card.verify_pin(INITIAL_PIN)
        terminal = HostDebiter(hsm, TERMINAL, count(1).__next__)
        account = MedicalAccount(card, terminal=terminal, centre=hsm)
        bill = Split(account=1000, pooled=2000, cash=500)
        result = account.debit(bill, mode="online", time=NOON)
        assert (result.mac2_valid, result.tac_valid) == (True, True)
        assert result.clears
        assert result.pending.number == 1
        balances = account.balances()
        assert (balances.self_paid, balances.pooled) == (3500, 3000)


def test_another_variant_of_messages_than_the_card_has(dalian_card: Issued, tmp_path: Path) -> None:
    """The service decides how commands are protected; the card refuses what it does not know."""
    dialect = dalian_card.profile.dialect
    messaging = dialect.messaging.model_copy(update={"secure_messaging": "process_key"})
    other = replace(
        dalian_card.profile, dialect=dialect.model_copy(update={"messaging": messaging})
    )
    with remote_hsm(dalian_card.vault, other, tmp_path) as hsm, pytest.raises(MessageRefused):
        unblock_pin(dalian_card.session(), dalian_card.profile, hsm)


def test_a_card_of_another_province(
    dalian_card: Issued, urumqi_card: Issued, tmp_path: Path
) -> None:
    """Refused before the card has lost a try."""
    with remote_hsm(dalian_card.vault, dalian_card.profile, tmp_path) as hsm:
        card = SocialSecurityCard(urumqi_card.session(), urumqi_card.profile, hsm)
        for _ in range(5):
            with pytest.raises(RefusedError, match="only cards of 210000 are served here"):
                card.authenticate("UKSSSE")
    urumqi_card.card().authenticate("UKSSSE")
