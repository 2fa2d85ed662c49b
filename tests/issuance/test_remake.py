"""A virtual card made of a dump holds what the dump says, and tells what it cannot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.old_region import write_old_region
from tests.support.plant import FACTORY_SERIAL, INITIAL_PIN

from sscard_ic.base.errors import CardError, InputError
from sscard_ic.card import SocialSecurityCard
from sscard_ic.card.dump import dump_card
from sscard_ic.issuance.remake import NotRestored, remake
from sscard_ic.keys import published_keys
from sscard_ic.profile import CardProfile, load
from sscard_ic.profile.contents import Contents, parse_contents
from sscard_ic.profile.values import unset
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.simulator import Chip, blank

ATR = bytes.fromhex("3B6D00000081484242865321020000A1B2")
CODE = bytes.fromhex("210200D15600000500000001FFFFFFFF")


def full(profile: CardProfile) -> Contents:
    """An example in every item, every log filled, the newest record unlike the others."""
    values = dict(profile.example_values())
    for place in profile.places:
        if place.file.structure == "cyclic" and place.item.repeat > 1:
            values[place.path] = bytes((place.occurrence,)) * place.item.length
    return Contents(profile.name, ATR, values | {"SSSE.EF05.01": CODE})


def made(profile: CardProfile, contents: Contents) -> tuple[Chip, NotRestored]:
    chip = blank(profile, FACTORY_SERIAL)
    return chip, remake(open_session(VirtualConnection(chip)), profile, contents)


def dump_of(chip: Chip, profile: CardProfile) -> Contents:
    session = open_session(VirtualConnection(chip))
    card = SocialSecurityCard(session, profile, published_keys(profile.keys))
    card.verify_pin(INITIAL_PIN)
    return dump_card(card, with_account=True).contents


def set_values(profile: CardProfile, values: Mapping[str, bytes]) -> Mapping[str, bytes]:
    items = {place.path: place.item for place in profile.places}
    return {path: raw for path, raw in values.items() if raw != unset(items[path])}


@pytest.mark.parametrize("name", ["dalian", "urumqi", "old"])
def test_it_holds_all_of_the_dump(name: str, tmp_path: Path) -> None:
    profile = load(str(write_old_region(tmp_path)) if name == "old" else name)
    contents = full(profile)
    chip, lost = made(profile, contents)
    assert lost == NotRestored((), False)
    found = dump_of(chip, profile)
    assert set_values(profile, found.values) == set_values(profile, contents.values)
    assert found.atr[-13:] == ATR[-13:]
    assert found.closed == {}
    chip.close()


def test_a_dump_of_it_makes_the_same_card_again() -> None:
    profile = load("dalian")
    chip, _ = made(profile, full(profile))
    first = dump_of(chip, profile)
    again, _ = made(profile, first)
    assert dump_of(again, profile) == first


def test_malformed_values_are_kept_as_they_are() -> None:
    """The real card of ref 01 §12.1: a version with a 00, ASCII where digits belong."""
    profile = load("dalian")
    odd = {
        "SSSE.EF05.03": b"2.0\x00",
        "SSSE.EF05.05": b"2012",
        "SSSE.EF05.06": b"2022",
        "SSSE.EF06.0A": b"\xff",
        "SSSE.EF05.01": CODE,
    }
    chip, _ = made(profile, Contents(profile.name, ATR, odd))
    found = dump_of(chip, profile).values
    assert {path: found[path] for path in odd} == odd


def test_what_is_not_restored() -> None:
    profile = load("dalian")
    rules = {"DF04.EF06.90": "pin and key:RK1DF04"}
    account = {"balance": 100, "self_paid": 0, "pooled": 0, "year": 2026}
    contents = Contents(profile.name, ATR, {"SSSE.EF05.01": CODE}, rules, account)
    chip, lost = made(profile, contents)
    assert lost == NotRestored(("DF04.EF06.90",), True)
    found = dump_of(chip, profile)
    assert found.values["DF04.EF06.90"] == bytes(1)
    assert found.account == {"balance": 0, "self_paid": 0, "pooled": 0, "year": 0}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": {"DF09.EF01": b"x"}}, "does not fit the profile"),
        ({"values": {"SSSE.EF06.0A": b"12"}}, "does not fit the profile"),
        ({"values": {"SSSE.EF06.0A": b""}}, "does not fit the profile"),
        ({"values": {"SSSE.EF05.01": b"\xff" * 16}}, "a division code has 6 digits"),
        ({"atr": b""}, "the answer to reset is cut"),
        ({"atr": bytes.fromhex("3B00")}, "a card factor has 8 bytes, not 0"),
        ({"atr": bytes.fromhex("3B6D00000081")}, "the answer to reset is cut"),
    ],
)
def test_a_dump_that_makes_no_card(changes: dict[str, object], message: str) -> None:
    profile = load("dalian")
    contents = replace(full(profile), **changes)  # type: ignore[arg-type]
    with pytest.raises((InputError, CardError)) as caught:
        made(profile, contents)
    assert message in caught.value.what.en


def test_a_profile_without_a_region() -> None:
    profile = load("1.00")
    with pytest.raises(InputError):
        made(profile, full(profile))


def test_a_dump_document_makes_the_card() -> None:
    """Through JSON and back."""
    profile = load("dalian")
    chip, _ = made(profile, full(profile))
    first = dump_of(chip, profile)
    document = first.to_json(profile)
    assert parse_contents(json.dumps(document), "x") == first
