"""Control keys of application and environment at the terminal (ref 02 §8.6, §8.9)."""

from __future__ import annotations

import pytest
from tests.card.certificate.bench import (
    APPLICATION,
    ENVIRONMENT,
    INITIAL_KEY,
    NEW_KEY,
    USER,
    WRONG_KEY,
    bench,
    scripted,
)

from sscard_ic.base import Secret
from sscard_ic.card import ControlKeyRefused
from sscard_ic.card.certificate_commands import Place
from sscard_ic.keys.certificate_keys import ControlKey

PLACES = pytest.mark.parametrize("place", ["application", "environment"])
CHALLENGES = pytest.mark.parametrize("length", [8, 16])


@PLACES
@CHALLENGES
def test_accepts(place: Place, length: int) -> None:
    made = bench(challenge=length)
    assert not made.application.accepts_control_key(place, WRONG_KEY)
    assert made.application.accepts_control_key(place, INITIAL_KEY)
    select = 1 if place == "environment" else 0
    assert len(made.sent()) == select + 2 * 2


@PLACES
@CHALLENGES
def test_replace(place: Place, length: int) -> None:
    made = bench(challenge=length)
    made.application.replace_control_key(place, INITIAL_KEY, NEW_KEY)
    assert made.heads() == ["00A40400", "00840000", "00820000", "00840000", "84D40100"]
    again = made.again()
    assert again.accepts_control_key(place, NEW_KEY)
    assert not again.accepts_control_key(place, INITIAL_KEY)
    other: Place = "environment" if place == "application" else "application"
    assert again.accepts_control_key(other, INITIAL_KEY)


def test_each_directory_is_selected_by_its_name() -> None:
    made = bench()
    made.application.replace_control_key("environment", INITIAL_KEY, NEW_KEY)
    made.application.replace_control_key("application", INITIAL_KEY, NEW_KEY)
    selects = [raw.hex().upper() for raw in made.sent() if raw[1] == 0xA4]
    assert selects == [ENVIRONMENT[0], APPLICATION[0]]


def test_the_commands_of_the_two_directories_differ() -> None:
    """One field program sent those of the ADF again (ref 02 §8.6)."""
    made = bench()
    made.application.replace_control_key("application", INITIAL_KEY, NEW_KEY)
    made.application.replace_control_key("environment", INITIAL_KEY, NEW_KEY)
    commands = [raw for raw in made.sent() if raw[1] in (0x82, 0xD4)]
    assert len(set(commands)) == len(commands) == 4


@PLACES
def test_without_a_proof_where_the_card_asks_for_none(place: Place) -> None:
    made = bench(change_needs_authentication=False)
    made.application.replace_control_key(place, INITIAL_KEY, NEW_KEY)
    assert made.heads() == ["00A40400", "00840000", "84D40100"]
    assert made.application.accepts_control_key(place, NEW_KEY)


def test_another_header() -> None:
    made = bench(control_key_header=bytes.fromhex("010203"))
    made.application.replace_control_key("application", INITIAL_KEY, NEW_KEY)
    assert made.application.accepts_control_key("application", NEW_KEY)


@PLACES
def test_a_wrong_old_key(place: Place) -> None:
    made = bench()
    with pytest.raises(ControlKeyRefused, match="authenticate the control key") as caught:
        made.application.replace_control_key(place, WRONG_KEY, NEW_KEY)
    assert caught.value.tries_left == 5
    assert caught.value.place == place
    assert "84D40100" not in made.heads()
    assert made.application.accepts_control_key(place, INITIAL_KEY)


@PLACES
def test_a_wrong_old_key_without_a_proof(place: Place) -> None:
    made = bench(change_needs_authentication=False)
    with pytest.raises(ControlKeyRefused, match="replace the control key") as caught:
        made.application.replace_control_key(place, WRONG_KEY, NEW_KEY)
    assert caught.value.hint is not None
    assert "another control key" in caught.value.hint.en
    assert made.application.accepts_control_key(place, INITIAL_KEY)


@PLACES
def test_down_to_the_lock(place: Place) -> None:
    made = bench()
    for _ in range(6):
        assert not made.application.accepts_control_key(place, WRONG_KEY)
    for attempt in (
        lambda: made.application.accepts_control_key(place, INITIAL_KEY),
        lambda: made.application.replace_control_key(place, INITIAL_KEY, NEW_KEY),
    ):
        with pytest.raises(ControlKeyRefused, match="6983") as caught:
            attempt()
        assert caught.value.tries_left == 0
        assert caught.value.hint is not None
        assert "locked" in caught.value.hint.en
    other: Place = "environment" if place == "application" else "application"
    assert made.application.accepts_control_key(other, INITIAL_KEY)


def test_the_profile_says_no_proof_and_the_card_wants_one() -> None:
    challenge = "0102030405060708"
    card, application = scripted(
        APPLICATION,
        ("0084000008", challenge + "9000"),
        (
            "84D40100240442E6C8EFED3EC6939E885593E6A1908494392804BBBD5E5CD4F2BC71465E36813EEA72",
            "6982",
        ),
        challenge=8,
        change_needs_authentication=False,
    )
    old, new = (ControlKey(Secret(bytes(range(first, first + 16)))) for first in (0, 16))
    with pytest.raises(ControlKeyRefused, match="6982") as caught:
        application.replace_control_key("application", old, new)
    assert caught.value.hint is not None
    assert "change_needs_authentication" in caught.value.hint.en
    card.close()


def test_what_needs_the_directory_finds_it_again() -> None:
    """The environment has no files: the session goes back by itself."""
    made = bench()
    assert made.application.accepts_control_key("environment", INITIAL_KEY)
    made.sent()
    assert made.application.public_key("signature") is None
    assert made.heads() == ["00A40400", "00A40000", "00B00000"]
    assert made.application.accepts_control_key("environment", INITIAL_KEY)
    made.application.verify_pin("user", USER)
