"""Specimen cards: finished, or open, without a batch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sscard_ic.base import CardError, InputError
from sscard_ic.base.clock import SystemClock
from sscard_ic.card import CertificateApplication, SocialSecurityCard, recognise
from sscard_ic.crypto.certificates import Certificate, chain
from sscard_ic.hosts.test_authority import TestAuthority
from sscard_ic.issuance.certifying import CardLock
from sscard_ic.issuance.specimen import SpecimenMaker
from sscard_ic.keys import published_keys
from sscard_ic.profile import load
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import new_blank, open_virtual
from sscard_ic.simulator import describe_image


@pytest.mark.parametrize("region", ["dalian", "urumqi", "huaian"])
def test_a_personalized_specimen_is_a_whole_card(region: str, tmp_path: Path) -> None:
    profile = load(region)
    image = new_blank(profile, tmp_path)
    session = open_session(open_virtual(image))
    plan = SpecimenMaker(profile).make(session)
    assert recognise(session).name == profile.name
    card = SocialSecurityCard(session, profile, published_keys(profile.keys))
    card.check_authenticity()
    card.verify_pin(plan.pin)
    values = card.read(list(profile.places)).values
    assert plan.items["SSSE.EF06.09"] == values["SSSE.EF06.09"]
    assert all(values[path] == value for path, value in plan.items.items())
    session.close()
    assert describe_image(image).state == "issued"


def test_a_specimen_of_the_third_generation_bears_certificates(tmp_path: Path) -> None:
    """Locked with what is published: nobody would know anything else."""
    profile = load("urumqi")
    model = profile.structure.certificates
    assert model is not None
    session = open_session(open_virtual(new_blank(profile, tmp_path)))
    SpecimenMaker(profile).make(session)
    application = CertificateApplication(session, model)
    der = application.certificate("signature")
    assert der is not None
    certificate = Certificate.parse(der)
    assert certificate.public == application.public_key("signature")
    trusted = [Certificate.parse(each) for each in TestAuthority().trusted]
    assert len(chain(certificate, trusted, SystemClock().now())) == 3
    lock = CardLock.initial(model)
    assert application.accepts_pin("admin", lock.admin_pin)
    assert application.accepts_control_key("application", lock.control_key)
    assert application.accepts_control_key("environment", lock.control_key)
    session.close()


def test_an_initialised_specimen_is_open_and_bears_no_person(tmp_path: Path) -> None:
    profile = load("dalian")
    image = new_blank(profile, tmp_path)
    session = open_session(open_virtual(image))
    SpecimenMaker(profile).make(session, "initialised")
    with pytest.raises(CardError, match="no data yet"):
        recognise(session)
    session.close()
    described = describe_image(image)
    assert described.state == "open"
    assert "3F00" not in described.locked
    assert described.files


def test_specimens_are_different_people_with_different_chips(tmp_path: Path) -> None:
    profile = load("dalian")
    maker = SpecimenMaker(profile)
    made = []
    for _ in range(2):
        session = open_session(open_virtual(new_blank(profile, tmp_path)))
        made.append(maker.make(session))
        session.close()
    assert made[0].historical != made[1].historical
    assert made[0].items["SSSE.EF06.08"] != made[1].items["SSSE.EF06.08"]


def test_a_used_card_is_no_blank_for_a_specimen(tmp_path: Path) -> None:
    profile = load("dalian")
    maker = SpecimenMaker(profile)
    session = open_session(open_virtual(new_blank(profile, tmp_path)))
    maker.make(session)
    with pytest.raises(CardError, match="used already"):
        maker.make(session)
    session.close()


def test_a_profile_without_region_has_no_specimens() -> None:
    with pytest.raises(InputError, match="no issuing region"):
        SpecimenMaker(load("national/2.00"))


def test_a_region_without_sample_borrows_the_holders_of_another(tmp_path: Path) -> None:
    session = open_session(open_virtual(new_blank(load("huaian"), tmp_path)))
    plan = SpecimenMaker(load("huaian")).make(session)
    session.close()
    other = open_session(open_virtual(new_blank(load("dalian"), tmp_path)))
    lender = SpecimenMaker(load("dalian")).make(other)
    other.close()
    assert plan.division_code == "320800"
    assert plan.items["SSSE.EF05.01"].hex().startswith("320800")
    assert plan.items["SSSE.EF06.08"] == lender.items["SSSE.EF06.08"]


def test_rules_that_no_sample_satisfies(tmp_path: Path) -> None:
    profile = load("huaian")
    assert profile.region is not None
    batch = profile.region.batch.model_copy(update={"photo_longest_side": 1, "photo_from_age": 0})
    strict = replace(profile, region=profile.region.model_copy(update={"batch": batch}))
    with pytest.raises(InputError, match="no sample batch that satisfies") as caught:
        SpecimenMaker(strict)
    assert caught.value.hint is not None
