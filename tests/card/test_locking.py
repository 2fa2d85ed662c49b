"""Blocking applications and the card at the terminal (ref 02 §1.3, 11 §5.2)."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.changed_rules import with_messaging
from tests.support.plant import INITIAL_PIN, Issued
from tests.support.profiles import only
from tests.support.templates import Template

from sscard_ic.base import InputError
from sscard_ic.card import (
    Blocked,
    MessageRefused,
    Refused,
    SocialSecurityCard,
    block_application,
    block_card,
    unblock_application,
)
from sscard_ic.keys import SoftwareVault
from sscard_ic.profile import load


@pytest.fixture(scope="module", params=["dalian", "urumqi"])
def template(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    plant_vault: SoftwareVault,
) -> Template:
    """3DES, then SM4."""
    profile = only(load(request.param), "MF", "SSSE", "DF01", "DF04")
    return Template.make(tmp_path_factory.mktemp(request.param), plant_vault, profile)


@pytest.fixture
def made(tmp_path: Path, template: Template) -> Issued:
    return template.card(tmp_path)


def _reads(made: Issued, directory: str) -> bool:
    """Whether an item of the directory can be read."""
    path = {"SSSE": "SSSE.EF05.03", "DF01": "DF01.EF06.28", "DF04": "DF04.EF05.80"}[directory]
    places = [p for p in made.profile.places if p.path.startswith(path[:9])][:1]
    try:
        card = made.card()
        card.verify_pin(INITIAL_PIN)
        return bool(card.read(places).values)
    except Blocked:
        return False


@pytest.mark.parametrize("directory", ["DF01", "DF04"])
def test_an_application_for_a_time(made: Issued, directory: str) -> None:
    """DF04 has a lock key, DF01 only its STK."""
    assert _reads(made, directory)
    block_application(made.card(), directory)
    assert not _reads(made, directory)
    assert _reads(made, "SSSE")
    unblock_application(made.card(), directory)
    assert _reads(made, directory)


def test_the_whole_application_for_a_time(made: Issued) -> None:
    block_application(made.card(), "SSSE")
    with pytest.raises(Blocked, match="6283") as caught:
        made.card()
    assert caught.value.hint is not None
    assert "sscard card unblock" in caught.value.hint.en
    card = SocialSecurityCard(made.session(), made.profile, made.vault, blocked_too=True)
    with pytest.raises(Refused, match="6985"):
        card.read_basic()


def test_and_unblocked(made: Issued) -> None:
    """Who the card is cannot be read from it meanwhile: the caller knows, or the ledger does."""
    identity = made.card().identity
    block_application(made.card(), "SSSE")
    card = SocialSecurityCard(
        made.session(), made.profile, made.vault, identity=identity, blocked_too=True
    )
    unblock_application(card, "SSSE")
    assert _reads(made, "SSSE")


def test_for_good(made: Issued) -> None:
    block_application(made.card(), "DF04", permanently=True)
    with pytest.raises(Blocked, match="9303") as caught:
        unblock_application(made.card(), "DF04")
    assert caught.value.hint is not None
    assert "replaced" in caught.value.hint.en
    assert _reads(made, "DF01")


def test_the_card(made: Issued) -> None:
    block_card(made.card())
    for blocked_too in (False, True):
        with pytest.raises(Blocked, match="6A81"):
            SocialSecurityCard(made.session(), made.profile, blocked_too=blocked_too)


def test_twice(made: Issued) -> None:
    block_application(made.card(), "DF04")
    block_application(made.card(), "DF04", permanently=True)
    assert not _reads(made, "DF04")


def test_what_was_never_blocked(made: Issued) -> None:
    with pytest.raises(MessageRefused, match="6985"):
        unblock_application(made.card(), "DF04")


def test_the_mf_has_no_such_key(made: Issued) -> None:
    with pytest.raises(InputError, match="no maintenance key"):
        block_application(made.card(), "MF")


def test_a_lock_without_its_level_key(made: Issued) -> None:
    """A profile that knows less than the card: the refusal says what is missing."""
    profile = with_messaging(made.profile, block_needs_key=False)
    for directory, needed in (("DF04", "mac:STKDF04"), ("SSSE", "mac:STK")):
        with pytest.raises(MessageRefused, match="6982") as caught:
            block_application(SocialSecurityCard(made.session(), profile, made.vault), directory)
        assert caught.value.missing is not None
        assert caught.value.missing.en == needed


def test_another_key_costs_a_try(made: Issued) -> None:
    profile = with_messaging(made.profile, secure_messaging="process_key_challenge")
    for sw in ("6988", "6988", "6988", "6983"):
        with pytest.raises(MessageRefused, match=sw):
            block_application(SocialSecurityCard(made.session(), profile, made.vault), "DF04")
    assert _reads(made, "DF04")


def test_the_answers_of_another_cos(tmp_path: Path, template: Template) -> None:
    """MCOS answers 6A81 where others warn (ref 11 §3.1); it is unblocked all the same."""
    made = template.card(tmp_path, blocked_select=0x6A81, blocked_command=0x6A81)
    block_application(made.card(), "DF04")
    assert not _reads(made, "DF04")
    unblock_application(made.card(), "DF04")
    assert _reads(made, "DF04")
