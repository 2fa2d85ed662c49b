"""Cards on TimeCOS and FMCOS: what the builder sends, and what a terminal does with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from tests.support.plant import FACTORY_SERIAL, INITIAL_PIN, NEW_PIN
from tests.support.profiles import only

from sscard_ic.base.errors import CardError
from sscard_ic.card import (
    Blank,
    Blocked,
    CardIdentity,
    Refused,
    SocialSecurityCard,
    WrongPin,
    block_application,
    reset_pin,
    unblock_application,
    unblock_pin,
)
from sscard_ic.card.cos import builder_for
from sscard_ic.card.cos.steps import Create, LoadKey, LoadPin, Prove, Send, Step
from sscard_ic.issuance.specimen import SpecimenMaker
from sscard_ic.keys import SoftwareVault, published_keys
from sscard_ic.profile import AccessRule, CardProfile, load
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.simulator import Chip, blank

COSES = ("timecos", "fmcos")
IDENTITY = CardIdentity("210200", bytes.fromhex("00814842428653" + "210200000001"))
WRONG_PIN_TRIES = 3


def script(profile: CardProfile) -> Sequence[Step]:
    return builder_for(profile).initialisation()


def created(profile: CardProfile) -> dict[str, str]:
    """Every CREATE FILE by what it is for."""
    return {
        step.what.en.removeprefix("create "): bytes(step.command).hex().upper()
        for step in script(profile)
        if isinstance(step, Create)
    }


def loaded(profile: CardProfile, name: str) -> list[LoadKey]:
    return [step for step in script(profile) if isinstance(step, LoadKey) and step.key == name]


def with_settings(profile: CardProfile, **settings: object) -> CardProfile:
    changed = profile.dialect.settings.model_copy(update=settings)
    return replace(profile, dialect=profile.dialect.model_copy(update={"settings": changed}))


class TestScript:
    def test_it_begins_with_erasing(self) -> None:
        first = [
            bytes(step.command).hex().upper()
            for step in script(load("dalian", "timecos"))[:3]
            if isinstance(step, Send | Create)
        ]
        assert first == ["00A40000023F00", "800E000000", "80E00000073F001C1EEFFFFF"]

    def test_rights(self) -> None:
        """PIN 2, RK1DF01 1, UKSSSE 4 after PUK 1 and BK 3 (ref 11 §2: PIN or RK is right 21)."""
        files = created(load("dalian", "timecos"))
        assert files["file SSSE/EF05"][16:20] == "F044"
        assert files["file DF01/EF05"][16:20] == "2133"
        assert files["file DF03/EF05"][16:18] == "32"
        assert files["file DF03/EF06"][16:18] == "21"
        assert files["file DF04/EF06"][16:18] == "EF"
        assert files["file DF04/EF08"][10:20] == "2E1E1C22EF"
        assert files["directory DF01"][10:26] == "38FFFFEFEFFFFFFF"

    def test_states_and_groups(self) -> None:
        profile = load("dalian", "timecos")
        heads = [(step.head.hex(), step.header.hex().upper()) for step in loaded(profile, "UKSSSE")]
        assert heads == [
            ("80d40104", "F9F0EF0433"),
            ("80d40124", "F9F0EF0433"),
            ("80d40144", "F9F0EF0433"),
        ]
        assert [step.header.hex().upper() for step in loaded(profile, "RK1DF01")] == [
            "F9F0EF0133"
        ] * 3
        assert [step.head.hex() for step in loaded(profile, "DPK")] == [
            "80d40101",
            "80d40102",
            "80d40103",
        ]
        (stk,) = loaded(profile, "STK")
        assert (stk.header.hex().upper(), stk.filled) == ("F6F0EFFF33", 8)
        assert [step.header.hex().upper() for step in loaded(profile, "IRK")] == [
            "F0F0EF0100",
            "F0F0EF0200",
            "F0F0EF0300",
        ]
        assert loaded(load("dalian", "fmcos"), "IRK")[0].header[0] == 0xF4

    def test_the_pin_record(self) -> None:
        """Change right 11: the state of PUK, which PIN CHANGE/UNBLOCK asks for."""
        (step,) = [s for s in script(load("dalian", "timecos")) if isinstance(s, LoadPin)]
        assert (step.header.hex().upper(), step.filled) == ("3AF0110233", 6)

    def test_control_keys_come_under_the_one_above(self) -> None:
        profile = load("dalian", "timecos")
        under = {
            name: next((step.mode, step.under) for step in loaded(profile, name))
            for name in ("MKMF", "MKSSSE", "MKDF01", "RK1DF01")
        }
        assert under == {
            "MKMF": ("plain", None),
            "MKSSSE": ("enciphered_mac", "MKMF"),
            "MKDF01": ("enciphered_mac", "MKSSSE"),
            "RK1DF01": ("enciphered_mac", "MKDF01"),
        }

    def test_plain_loading_sets_no_type_bits(self) -> None:
        profile = with_settings(load("dalian", "timecos"), key_loading="plain")
        (step,) = loaded(profile, "BK")
        assert (step.mode, step.under, step.header[0]) == ("plain", None, 0x39)

    def test_sm4_keys_bear_their_algorithm(self) -> None:
        profile = load("urumqi", "timecos")
        assert {step.header.hex().upper() for step in loaded(profile, "BK")} == {"F9F0EF033303"}
        assert loaded(profile, "IRK")[0].header.hex().upper() == "F0F0EF0103"
        assert loaded(profile, "STK")[0].header.hex().upper() == "F6F0EFFF3303"

    def test_the_end_is_the_answer_to_reset(self) -> None:
        steps = builder_for(load("dalian", "timecos")).finish(IDENTITY.historical)
        assert [type(step) for step in steps] == [Send, Prove, Send, Send]
        last = steps[-1]
        assert isinstance(last, Send)
        assert bytes(last.command)[5:] == IDENTITY.historical


@pytest.mark.parametrize(
    "rule",
    ["key:UK1DF01+mac:STKDF01", "pin and key:RK1DF01", "key:UK1DF01 or key:UK2DF01", "key:UKSSSE"],
)
def test_a_rule_that_no_register_carries_closes_the_file(rule: str) -> None:
    profile = load("dalian", "timecos")
    asked = AccessRule.parse(rule)
    assert not profile.dialect.carries(profile.structure, "DF01", asked)


def _keys() -> SoftwareVault:
    return published_keys(load("dalian").keys)


def _maker(chip: Chip, profile: CardProfile) -> Blank:
    session = open_session(VirtualConnection(chip))
    return Blank(session, profile, _keys(), FACTORY_SERIAL)


def _small(cos: str) -> CardProfile:
    return only(load("dalian", cos), "MF", "SSSE", "DF01", "DF04")


def _tries(chip: Chip) -> object:
    return chip.persistent_state().get("ssc/3F00/0000/390001/tries")


@pytest.mark.parametrize("cos", COSES)
class TestLifeCycle:
    def test_another_factory_s_key_is_refused_and_tried_once(self, cos: str) -> None:
        chip = blank(_small(cos), FACTORY_SERIAL, transport_key=bytes(16))
        with pytest.raises(Refused) as refused:
            _maker(chip, _small(cos)).check_fresh()
        assert refused.value.tries_left == 2
        assert _tries(chip) == 2

    def test_a_finished_card_is_told_without_a_try(self, cos: str) -> None:
        chip = blank(_small(cos), FACTORY_SERIAL)
        maker = _maker(chip, _small(cos))
        maker.check_fresh()
        maker.initialise(IDENTITY, INITIAL_PIN)
        with pytest.raises(CardError):
            maker.check_ended()
        maker.finish(IDENTITY)
        before = chip.persistent_state()
        finished = _maker(chip, _small(cos))
        assert not finished.unlock(IDENTITY)
        assert not finished.unlock()
        finished.check_ended()
        finished.check_directories()
        with pytest.raises(CardError, match="used already"):
            finished.check_fresh()
        assert chip.persistent_state() == before
        assert chip.atr.endswith(IDENTITY.historical)
        open_to_all = with_settings(_small(cos), create_after_end=0x9000)
        with pytest.raises(CardError, match="MF is not closed"):
            _maker(chip, open_to_all).check_ended()

    def test_a_begun_card_is_no_blank(self, cos: str) -> None:
        chip = blank(_small(cos), FACTORY_SERIAL)
        maker = _maker(chip, _small(cos))
        assert maker.unlock(IDENTITY)
        maker.initialise(IDENTITY, INITIAL_PIN)
        again = _maker(chip, _small(cos))
        with pytest.raises(CardError, match="used already"):
            again.check_fresh()
        assert again.unlock(IDENTITY)


@pytest.mark.parametrize("region", ["dalian", "urumqi"])
@pytest.mark.parametrize("cos", COSES)
def test_a_whole_card_is_made_and_verified(cos: str, region: str) -> None:
    profile = load(region, cos)
    chip = blank(profile, FACTORY_SERIAL)
    plan = SpecimenMaker(profile).make(open_session(VirtualConnection(chip)))
    assert chip.atr.endswith(plan.historical)


class TestTerminal:
    """What replaces what is known to the terminal; nothing is asked of the card in vain."""

    @pytest.fixture
    def card(self) -> SocialSecurityCard:
        profile = _small("timecos")
        chip = blank(profile, FACTORY_SERIAL)
        maker = _maker(chip, profile)
        maker.check_fresh()
        maker.initialise(IDENTITY, INITIAL_PIN)
        maker.finish(IDENTITY)
        session = open_session(VirtualConnection(chip))
        return SocialSecurityCard(session, profile, _keys(), identity=IDENTITY)

    @staticmethod
    def _value(card: SocialSecurityCard, path: str) -> bytes:
        located = next(p for p in card.profile.places if p.path == path)
        return card.read([located]).values[path]

    def test_a_key_is_proved_again_after_another_one(self, card: SocialSecurityCard) -> None:
        for path in ("DF01.EF07.28", "DF01.EF08.2A", "DF01.EF09.2D"):
            located = next(p for p in card.profile.places if p.path.startswith(path[:9]))
            card.update({located.path: bytes(located.item.length)})
            assert self._value(card, located.path) == bytes(located.item.length)

    def test_and_after_the_pin(self, card: SocialSecurityCard) -> None:
        first = self._value(card, "SSSE.EF07")
        card.verify_pin(INITIAL_PIN)
        assert self._value(card, "SSSE.EF07") == first
        with pytest.raises(WrongPin):
            card.verify_pin(NEW_PIN)
        assert self._value(card, "SSSE.EF07") == first

    def test_the_pin_counts_beside_the_keys_of_an_application(
        self, card: SocialSecurityCard
    ) -> None:
        card.verify_pin(INITIAL_PIN)
        card.enter("DF04")
        card.authenticate("UK1DF04")
        places = [p for p in card.profile.places if p.directory_name == "DF04"]
        reading = card.read(places)
        assert not reading.closed
        assert set(reading.values) == {p.path for p in places if p.file.structure != "cyclic"}

    def test_the_issuer_serves_the_pin(self, card: SocialSecurityCard) -> None:
        for _ in range(WRONG_PIN_TRIES):
            with pytest.raises(WrongPin):
                card.verify_pin(NEW_PIN)
        unblock_pin(card)
        card.verify_pin(INITIAL_PIN)
        reset_pin(card, NEW_PIN)
        card.verify_pin(NEW_PIN)

    def test_an_application_is_blocked_and_unblocked(self, card: SocialSecurityCard) -> None:
        block_application(card, "DF04")
        card.enter("SSSE")
        with pytest.raises(Blocked):
            card.enter("DF04")
        unblock_application(card, "DF04")
        card.enter("SSSE")
        card.enter("DF04")
