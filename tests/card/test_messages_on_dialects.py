"""Issuer's commands, MACs and both faces on cards of every COS."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.changed_rules import with_file_rules
from tests.support.plant import INITIAL_PIN, NEW_PIN, Issued
from tests.support.profiles import of_cos, only
from tests.support.templates import Template

from sscard_ic.card import (
    Blocked,
    SocialSecurityCard,
    WrongPin,
    block_application,
    block_card,
    reset_pin,
    unblock_application,
    unblock_pin,
)
from sscard_ic.keys import SoftwareVault
from sscard_ic.profile import load
from sscard_ic.profile.loader import available
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.simulator import open_image

DIALECTS = [info.name for info in available() if info.kind == "cos"]
RULES = {
    "SSSE.EF07": {"update": "key:UKSSSE+mac:STK"},
    "DF01.EF05": {"read": "pin+mac:STKDF01"},
}
RECORD_RULES = {
    "SSSE.EF06": {"update": "key:UKSSSE+mac:STK"},
    "DF01.EF05": {"read": "pin+mac:STKDF01", "update": "key:UK1DF01 or key:UK2DF01"},
    "DF01.EF06": {"update": "key:UK4DF01+mac:STKDF01"},
}
FINGER = {"SSSE.EF07": bytes(range(256)) * 3}
SEX = {"SSSE.EF06.0A": b"2"}
KIND = {"DF01.EF05.20": b"10"}
PHONE = {"DF01.EF06.28": b"13800000000".ljust(15, b"\x00")}


@pytest.fixture(scope="module", params=DIALECTS)
def template(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    plant_vault: SoftwareVault,
) -> Template:
    profile = only(of_cos(load("dalian"), request.param), "MF", "SSSE", "DF01", "DF04")
    folder = tmp_path_factory.mktemp(request.param.rpartition("/")[2])
    rules = {**RULES, **RECORD_RULES}
    return Template.make(folder, plant_vault, with_file_rules(profile, rules))


@pytest.fixture
def made(tmp_path: Path, template: Template) -> Issued:
    return template.card(tmp_path)


def test_the_pin(made: Issued) -> None:
    for service in (unblock_pin, lambda card: reset_pin(card, NEW_PIN)):
        card = made.card(with_keys=False)
        for _ in range(20):
            with pytest.raises(WrongPin) as caught:
                card.verify_pin(NEW_PIN)
            if caught.value.sw == 0x6983:
                break
        else:
            pytest.fail("the PIN is never blocked")
        service(made.card())
        if service is unblock_pin:
            made.card(with_keys=False).verify_pin(INITIAL_PIN)
    made.card(with_keys=False).verify_pin(NEW_PIN)


def test_writing_and_reading_with_mac(made: Issued) -> None:
    for values in (FINGER, SEX, KIND, PHONE):
        made.card().update(values)
    card = made.card()
    card.verify_pin(INITIAL_PIN)
    wanted = {**FINGER, **SEX, **KIND, **PHONE}
    assert card.read([p for p in made.profile.places if p.path in wanted]).values == wanted


def test_blocking(made: Issued) -> None:
    for directory in ("DF01", "DF04"):
        block_application(made.card(), directory)
        with pytest.raises(Blocked):
            made.card().enter(directory)
        unblock_application(made.card(), directory)
        made.card().enter(directory)
    block_application(made.card(), "DF04", permanently=True)
    with pytest.raises(Blocked):
        unblock_application(made.card(), "DF04")
    block_card(made.card())
    with pytest.raises(Blocked):
        made.card()


def test_both_faces(tmp_path: Path, template: Template) -> None:
    image = template.copy(tmp_path)
    identities = []
    for interface in ("contact", "contactless"):
        chip = open_image(image, interface=interface)
        session = open_session(VirtualConnection(chip))
        card = SocialSecurityCard(session, template.profile, template.vault)
        identities.append(card.identity)
        card.authenticate("UKSSSE")
        chip.close()
    assert identities[0] == identities[1]
