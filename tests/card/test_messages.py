"""Reading and writing with MAC at the terminal, against a card made from the same profile."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
from tests.support.changed_rules import with_file_rules, with_messaging
from tests.support.plant import INITIAL_PIN, Issued
from tests.support.profiles import only
from tests.support.templates import Template

from sscard_ic.apdu import Command
from sscard_ic.base import CardError
from sscard_ic.base.secret import Secret, Secretive
from sscard_ic.card import Habits, MessageRefused, Refused, SocialSecurityCard
from sscard_ic.crypto.secure_messaging import Method
from sscard_ic.keys import MissingCapabilityError, SoftwareVault, UnknownKeyError
from sscard_ic.profile import load
from sscard_ic.reader import Connection, open_session
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.reader.wrappers import Wrapper

RULES = {
    "SSSE.EF06": {"update": "key:UKSSSE+mac:STK"},
    "SSSE.EF07": {"read": "key:RKSSSE+mac:STK", "update": "key:UKSSSE+mac:STK"},
    "DF01.EF05": {"update": "key:UK1DF01+mac:STKDF01"},
    "DF01.EF06": {"read": "pin+mac:STKDF01", "update": "free+mac:STK"},
    "DF01.EF07": {"read": "key:RK1DF01 or key:UK1DF01", "update": "key:UK1DF01 or key:UK2DF01"},
    "DF01.EF08": {"read": "free+mac:STK"},
}
SEX = {"SSSE.EF06.0A": b"2"}
PHONE = {"DF01.EF06.28": b"13800000000".ljust(15, b"\x00")}


class Watched(Wrapper):
    """Remembers the commands; may change the answers."""

    def __init__(self, inner: Connection) -> None:
        super().__init__(inner)
        self.sent: list[str] = []
        self.spoil_answers = False

    def transmit(self, command: Secretive) -> bytes:
        """One exchange."""
        raw = command.reveal() if isinstance(command, Secret) else command
        self.sent.append(raw.hex().upper())
        answer = self.inner.transmit(command)
        if self.spoil_answers and raw[:1] == b"\x04":
            return bytes((answer[0] ^ 1,)) + answer[1:]
        return answer

    def kinds(self) -> list[str]:
        """CLA and INS of each command."""
        return [raw[:4] for raw in self.sent]


def _template(folder: Path, vault: SoftwareVault, region: str) -> Template:
    profile = only(load(region), "MF", "SSSE", "DF01", "DF04")
    return Template.make(folder, vault, with_file_rules(profile, RULES))


@pytest.fixture(scope="module")
def des(tmp_path_factory: pytest.TempPathFactory, plant_vault: SoftwareVault) -> Template:
    """A card of 3DES, its STK of 8 bytes."""
    return _template(tmp_path_factory.mktemp("dalian"), plant_vault, "dalian")


@pytest.fixture(scope="module")
def sm4(tmp_path_factory: pytest.TempPathFactory, plant_vault: SoftwareVault) -> Template:
    """A card of SM4."""
    return _template(tmp_path_factory.mktemp("urumqi"), plant_vault, "urumqi")


@pytest.fixture
def made(tmp_path: Path, des: Template) -> Issued:
    return des.card(tmp_path)


def _watched(
    made: Issued, keys: object = ..., habits: Habits | None = None
) -> tuple[SocialSecurityCard, Watched]:
    watched = Watched(open_session(VirtualConnection(made.chip)))
    service: Any = made.vault if keys is ... else keys
    return SocialSecurityCard(watched, made.profile, service, habits=habits), watched


def _values(made: Issued, *paths: str) -> dict[str, bytes]:
    card = made.card()
    card.verify_pin(INITIAL_PIN)
    return card.read([p for p in made.profile.places if p.path in paths]).values


@pytest.mark.parametrize("algorithm", ["des", "sm4"])
@pytest.mark.parametrize("method", get_args(Method))
@pytest.mark.parametrize("challenge", [4, 8])
def test_every_variant(
    tmp_path: Path, des: Template, sm4: Template, algorithm: str, method: Method, challenge: int
) -> None:
    template = {"des": des, "sm4": sm4}[algorithm]
    made = template.card(tmp_path, secure_messaging=method, message_challenge=challenge)
    made.card().update({**SEX, **PHONE})
    assert _values(made, *SEX, *PHONE) == {**SEX, **PHONE}


def test_sm4_with_a_challenge_of_a_whole_block(tmp_path: Path, sm4: Template) -> None:
    made = sm4.card(tmp_path, message_challenge=16)
    made.card().update(SEX)
    assert _values(made, *SEX) == SEX


def test_the_plain_command_comes_first_and_is_not_tried_again(made: Issued) -> None:
    """What was learned about this type of card saves an exchange with the next one."""
    habits = Habits()
    card, watched = _watched(made, habits=habits)
    card.update(SEX)
    assert watched.kinds()[-7] == "00DC"
    assert watched.kinds()[-6:] == ["00B2", "0084", "0082", "00A4", "0084", "04DC"]
    card, watched = _watched(made, habits=habits)
    card.update(SEX)
    assert "00DC" not in watched.kinds()
    assert watched.kinds()[-2:] == ["0084", "04DC"]


def test_a_rule_that_asks_for_nothing_but_a_mac(made: Issued) -> None:
    habits = Habits()
    for _ in range(2):
        card, watched = _watched(made, habits=habits)
        card.update(PHONE)
        assert "0082" not in watched.kinds()
        assert watched.kinds()[-2:] == ["0084", "04DC"]
    assert _values(made, *PHONE) == PHONE


def test_where_a_missing_mac_is_told_as_a_missing_right(tmp_path: Path, des: Template) -> None:
    made = des.card(tmp_path, mac_missing=0x6982)
    made.card().update({**SEX, **PHONE})
    assert _values(made, *SEX, *PHONE) == {**SEX, **PHONE}


def test_a_long_item_is_written_in_blocks_with_a_mac_each(made: Issued) -> None:
    value = bytes(range(256)) * 3
    card, watched = _watched(made)
    card.update({"SSSE.EF07": value})
    assert watched.kinds().count("04D6") == 6
    assert _values(made, "SSSE.EF07") == {"SSSE.EF07": value}


def test_reading_with_mac(made: Issued) -> None:
    card, watched = _watched(made)
    places = [p for p in made.profile.places if p.path in ("DF01.EF08.2B", "SSSE.EF07")]
    values = card.read(places).values
    assert values == {"DF01.EF08.2B": b"\x00", "SSSE.EF07": bytes(768)}
    assert watched.kinds().count("04B0") == 4
    assert watched.kinds().count("04B2") == 1


def test_what_is_read_with_mac_stays_closed_without_its_other_conditions(made: Issued) -> None:
    places = [p for p in made.profile.places if p.path == "DF01.EF06.28"]
    for card in (made.card(), made.card(with_keys=False)):
        reading = card.read(places)
        assert {path: str(rule) for path, rule in reading.closed.items()} == {
            "DF01.EF06.28": "pin+mac:STKDF01"
        }
    card = made.card()
    card.verify_pin(INITIAL_PIN)
    assert card.read(places).closed == {}


def test_an_answer_that_was_changed_on_its_way(made: Issued) -> None:
    card, watched = _watched(made)
    watched.spoil_answers = True
    with pytest.raises(CardError, match="MAC of the answer is wrong") as caught:
        card.read([p for p in made.profile.places if p.path == "DF01.EF08.2B"])
    assert caught.value.hint is not None
    assert "answer_mac" in caught.value.hint.en


def test_answers_without_mac(tmp_path: Path, des: Template) -> None:
    made = des.card(tmp_path, answer_mac="none")
    assert _values(made, "DF01.EF08.2B") == {"DF01.EF08.2B": b"\x00"}


@pytest.mark.parametrize("path", ["DF01.EF07.29"])
def test_one_of_two_keys_will_do(made: Issued, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first that the key service has; the other need not be there."""
    missing = {"RK1DF01", "UK1DF01"} if path else set()

    def require(self: SoftwareVault, name: str, version: int, algorithm: str) -> None:
        if name in missing:
            raise UnknownKeyError(name, version)

    monkeypatch.setattr(SoftwareVault, "require_key", require)
    made.card().update({path: b"2"})
    missing.discard("UK1DF01")
    card, watched = _watched(made)
    assert card.read([p for p in made.profile.places if p.path == path]).values == {path: b"2"}
    assert [raw[4:8] for raw in watched.sent if raw[:4] == "0082"] == ["0083"]


class TestErrors:
    def test_another_key_in_the_service(self, made: Issued) -> None:
        class Other(SoftwareVault):
            def protect_command(self, *arguments: Any, **options: Any) -> bytes:
                return super().protect_command(*arguments, **options)[:-4] + bytes(4)

        other = Other.__new__(Other)
        other.__dict__.update(made.vault.__dict__)
        card, _ = _watched(made, other)
        with pytest.raises(MessageRefused) as caught:
            card.update(SEX)
        assert (caught.value.sw, caught.value.key) == (0x6988, "STK")
        assert "key:UKSSSE+mac:STK" in caught.value.what.en
        assert caught.value.hint is not None
        assert "secure_messaging" in caught.value.hint.zh

    def test_another_variant_than_the_cards(self, made: Issued) -> None:
        profile = with_messaging(made.profile, secure_messaging="process_key")
        card = SocialSecurityCard(made.session(), profile, made.vault)
        for _ in range(3):
            with pytest.raises(MessageRefused, match="6988"):
                card.update(SEX)
        with pytest.raises(MessageRefused, match="6983") as caught:
            made.card().update(SEX)
        assert caught.value.hint is not None
        assert "STK" in caught.value.hint.en

    def test_no_keys_at_all(self, made: Issued) -> None:
        with pytest.raises(Refused, match=r"key:UKSSSE\+mac:STK"):
            made.card(with_keys=False).update(SEX)
        with pytest.raises(CardError, match="key STK is needed") as caught:
            made.card(with_keys=False).update(PHONE)
        assert caught.value.hint is not None

    def test_a_service_that_cannot(self, made: Issued) -> None:
        class Cryptograms:
            cryptogram = made.vault.cryptogram

        card, _ = _watched(made, Cryptograms())
        with pytest.raises(MissingCapabilityError, match="protect messages"):
            card.update(SEX)

    def test_a_card_without_the_key(self, made: Issued) -> None:
        """A rule in the profile that names a key which this card has not."""
        rules = {"SSSE.EF06": {"update": "key:UKSSSE+mac:STKDF01"}}
        profile = with_file_rules(made.profile, rules)
        card = SocialSecurityCard(made.session(), profile, made.vault)
        with pytest.raises(MessageRefused, match="6988"):
            card.update(SEX)


def test_commands_are_as_long_as_a_block_and_a_mac(made: Issued) -> None:
    card, watched = _watched(made)
    card.update({"SSSE.EF07": bytes(768)})
    lengths = [len(Command.parse(bytes.fromhex(raw)).data) for raw in watched.sent]
    assert max(lengths) == made.profile.dialect.settings.write_block + 4
