"""A batch with all master keys in a token of SoftHSM: made there, never seen by this program."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import pkcs11
import pytest
from pkcs11 import Attribute, ObjectClass
from tests.support.plant import CLOCK, ChipSlot, authority_of, import_rows, sample_row
from tests.support.softhsm import (
    MODULE,
    USER_PIN,
    answering,
    in_a_process_of_its_own,
    new_token,
    softhsm_settings,
)
from tests.support.softhsm_apart import batch_cut_off, issuing_token

from sscard_ic.card import SocialSecurityCard
from sscard_ic.codec.text import decode_an
from sscard_ic.issuance.issuing_keys import issuing_keys
from sscard_ic.issuance.run import run_batch
from sscard_ic.issuance.station import Station
from sscard_ic.keys import MissingCapabilityError, UnknownKeyError
from sscard_ic.keys.pkcs11.host import Pkcs11HostService
from sscard_ic.keys.pkcs11.inside import Pkcs11TokenService
from sscard_ic.keys.pkcs11.opening import open_service
from sscard_ic.keys.pkcs11.settings import Pkcs11Settings
from sscard_ic.ledger import CardState, Ledger
from sscard_ic.profile import CardProfile, load
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.simulator import Chip, blank

CARDS = 50


@pytest.fixture(scope="module")
def settings() -> Pkcs11Settings:
    """A token in which the issuer's master keys have been made."""
    settings = softhsm_settings(new_token())
    issuing_token(settings).close()
    return settings


def blanks(profile: CardProfile, count: int, first: int = 1) -> list[Chip]:
    return [blank(profile, number.to_bytes(6, "big")) for number in range(first, first + count)]


def test_fifty_cards(settings: Pkcs11Settings, tmp_path: Path) -> None:
    profile = load("dalian")
    slots = [ChipSlot(*blanks(profile, 25, first), name=f"slot {first}") for first in (1, 26)]
    with closing(open_service(settings, USER_PIN)) as service:
        assert isinstance(service, Pkcs11HostService)
        with Ledger.open(tmp_path / "ledger.db", service.sealer(), service, CLOCK) as ledger:
            batch = import_rows(ledger, profile, tmp_path, CARDS)
            keys = issuing_keys(service)
            stations = [Station(slot, ledger, profile, keys) for slot in slots]
            with answering("C_Encrypt", 0, after=sys.maxsize) as calls:
                outcome = run_batch(stations, ledger, batch, profile, keys)
    assert (outcome.good, outcome.failures, outcome.rejected) == (CARDS, [], [])
    # Each of some sixty keys is asked for once for all cards; each blank has its transport code.
    assert calls.calls < 10 * CARDS
    made = [chip for slot in slots for chip in slot.good]
    assert len(made) == CARDS
    assert_verified(settings, tmp_path, batch, profile, made)
    assert_no_key_is_told(settings)


def assert_verified(
    settings: Pkcs11Settings, folder: Path, batch: str, profile: CardProfile, made: list[Chip]
) -> None:
    """Every card proves its keys to the token, opened again, whose card keys stay inside now."""
    inside = settings.model_copy(update={"derived_keys": "token"})
    with closing(open_service(inside, USER_PIN)) as service:
        assert isinstance(service, Pkcs11TokenService)
        with Ledger.open(folder / "ledger.db", service.sealer(), service, CLOCK) as ledger:
            assert ledger.counts(batch) == {CardState.VERIFIED: CARDS}
            cards = {card.chip_serial: card for card in ledger.cards_of(batch)}
            holders = ledger.holders([card.id for card in cards.values()])
            assert len(holders) == CARDS
            rows = set()
            for chip in made:
                card = SocialSecurityCard(open_session(VirtualConnection(chip)), profile, service)
                card.check_authenticity()
                card.authenticate("RKSSSE")
                values = card.read_basic().values
                rows.add(decode_an(values["SSSE.EF05.07"]))
            expected = {sample_row("dalian", row)["AAZ500"] for row in range(1, CARDS + 1)}
            assert rows == expected
            for card_made in cards.values():
                number = sample_row("dalian", card_made.row)["AAC002"]
                assert number.encode() in holders[card_made.id]


def assert_no_key_is_told(settings: Pkcs11Settings) -> None:
    """Every key in the token is sensitive, was always, and its bits are refused."""
    token = pkcs11.lib(str(MODULE.resolve())).get_token(token_label=settings.token_label)
    with token.open(user_pin=USER_PIN.reveal().decode()) as session:
        keys = list(session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY}))
        assert len(keys) > 40
        for key in keys:
            assert key[Attribute.SENSITIVE] is True
            assert key[Attribute.EXTRACTABLE] is False
            with pytest.raises(pkcs11.AttributeSensitive):
                key[Attribute.VALUE]
        generated = [key for key in keys if key[Attribute.NEVER_EXTRACTABLE]]
        # Blanks are made with the published transport key, which was brought in.
        labels = {key[Attribute.LABEL] for key in keys}
        assert labels - {key[Attribute.LABEL] for key in generated} == {
            "sscard:key:TRANSPORT:1:3des"
        }


@pytest.fixture
def waiting() -> ChipSlot:
    """A slot with a blank of a card of SM4."""
    return ChipSlot(*blanks(load("urumqi"), 1))


def test_no_cards_of_sm4(settings: Pkcs11Settings, waiting: ChipSlot, tmp_path: Path) -> None:
    """SoftHSM has no SM4: that is said before anything is done."""
    profile = load("urumqi")
    with closing(open_service(settings, USER_PIN)) as service:
        assert isinstance(service, Pkcs11HostService)
        with Ledger.open(tmp_path / "ledger.db", service.sealer(), service, CLOCK) as ledger:
            batch = import_rows(ledger, profile, tmp_path, 1)
            before = ledger.counts(batch)
            authority = authority_of(profile)
            station = Station(waiting, ledger, profile, service, authority=authority)
            with pytest.raises(UnknownKeyError) as caught:
                run_batch([station], ledger, batch, profile, service, authority=authority)
            assert ledger.counts(batch) == before
    assert "there is no SM4 key" in caught.value.what.en
    assert caught.value.hint is not None
    assert "mechanisms.sm4" in caught.value.hint.en
    assert waiting.wait_card()
    assert not (waiting.good or waiting.rejected or waiting.left)


def test_no_issuing_without_bits_of_card_keys(settings: Pkcs11Settings) -> None:
    inside = settings.model_copy(update={"derived_keys": "token"})
    with (
        closing(open_service(inside, USER_PIN)) as service,
        pytest.raises(MissingCapabilityError) as caught,
    ):
        issuing_keys(service)
    assert caught.value.hint is not None
    assert 'derived_keys = "host"' in caught.value.hint.en


def test_token_taken_away_in_the_middle(tmp_path: Path) -> None:
    """The run ends with one error; with the token back, every card is made, and none twice."""
    told = in_a_process_of_its_own(batch_cut_off, tmp_path)
    assert "the token was removed" in told["error"]
    assert told["made before"] == "2"
    assert told["states"] == "verified 6"
    assert told["cards"] == "6"
    assert told["numbers"] == "used 6"
