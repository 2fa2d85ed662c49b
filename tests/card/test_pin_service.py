"""Unblocking and resetting the PIN at the terminal (ref 02 §5.4)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from tests.support.changed_rules import with_messaging
from tests.support.plant import INITIAL_PIN, NEW_PIN, Issued
from tests.support.profiles import only
from tests.support.templates import Template

from sscard_ic.base import InputError
from sscard_ic.base.secret import Secret, Secretive
from sscard_ic.card import (
    KeyRefused,
    MessageRefused,
    SocialSecurityCard,
    WrongPin,
    reset_pin,
    unblock_pin,
)
from sscard_ic.crypto.secure_messaging import Method
from sscard_ic.keys import SoftwareVault, UnknownKeyError
from sscard_ic.profile import load
from sscard_ic.reader import Connection
from sscard_ic.reader.wrappers import Wrapper

WRONG = Secret(bytes.fromhex("999999"))


class Watched(Wrapper):
    """Remembers the commands, and which of them were secret."""

    def __init__(self, inner: Connection) -> None:
        super().__init__(inner)
        self.sent: list[tuple[str, bool]] = []

    def transmit(self, command: Secretive) -> bytes:
        """One exchange."""
        secret = isinstance(command, Secret)
        raw = command.reveal() if isinstance(command, Secret) else command
        self.sent.append((raw.hex().upper(), secret))
        return self.inner.transmit(command)


def _template(folder: Path, vault: SoftwareVault, region: str) -> Template:
    return Template.make(folder, vault, only(load(region), "MF", "SSSE", "DF04"))


@pytest.fixture(scope="module")
def des(tmp_path_factory: pytest.TempPathFactory, plant_vault: SoftwareVault) -> Template:
    return _template(tmp_path_factory.mktemp("dalian"), plant_vault, "dalian")


@pytest.fixture(scope="module")
def sm4(tmp_path_factory: pytest.TempPathFactory, plant_vault: SoftwareVault) -> Template:
    return _template(tmp_path_factory.mktemp("urumqi"), plant_vault, "urumqi")


def _block(made: Issued) -> None:
    card = made.card(with_keys=False)
    for _ in range(3):
        with pytest.raises(WrongPin):
            card.verify_pin(WRONG)


@pytest.mark.parametrize("algorithm", ["des", "sm4"])
@pytest.mark.parametrize("method", get_args(Method))
def test_unblock_and_reset(
    tmp_path: Path, des: Template, sm4: Template, algorithm: str, method: Method
) -> None:
    made = {"des": des, "sm4": sm4}[algorithm].card(tmp_path, secure_messaging=method)
    _block(made)
    unblock_pin(made.card())
    made.card(with_keys=False).verify_pin(INITIAL_PIN)
    _block(made)
    reset_pin(made.card(), NEW_PIN)
    made.card(with_keys=False).verify_pin(NEW_PIN)
    with pytest.raises(WrongPin) as caught:
        made.card(with_keys=False).verify_pin(INITIAL_PIN)
    assert caught.value.tries_left == 2


def test_from_within_another_directory(tmp_path: Path, des: Template) -> None:
    made = des.card(tmp_path)
    card = made.card()
    card.enter("DF04")
    reset_pin(card, NEW_PIN)
    made.card().verify_pin(NEW_PIN)


@pytest.mark.parametrize(("algorithm", "length"), [("des", "0C"), ("sm4", "14")])
def test_what_is_sent(
    tmp_path: Path, des: Template, sm4: Template, algorithm: str, length: str
) -> None:
    """0C: 8 bytes and a MAC; 14: 16 and a MAC (ref 02 §5.4); nothing shows the PIN."""
    made = {"des": des, "sm4": sm4}[algorithm].card(tmp_path)
    watched = Watched(made.session())
    card = SocialSecurityCard(watched, made.profile, made.vault)
    unblock_pin(card)
    reset_pin(card, NEW_PIN)
    services = [(raw[:10], secret) for raw, secret in watched.sent if raw[:4] == "8424"]
    assert services == [("8424000004", False), (f"84240001{length}", True)]
    assert not any("258036" in raw for raw, _ in watched.sent)


def test_p2_is_a_setting(tmp_path: Path, des: Template) -> None:
    made = des.card(tmp_path, pin_reset_p2=2)
    watched = Watched(made.session())
    reset_pin(SocialSecurityCard(watched, made.profile, made.vault), NEW_PIN)
    assert watched.sent[-1][0].startswith("84240002")


def test_without_the_puk_where_none_is_asked_for(tmp_path: Path, des: Template) -> None:
    made = des.card(tmp_path, pin_service_needs_puk=False)
    watched = Watched(made.session())
    unblock_pin(SocialSecurityCard(watched, made.profile, made.vault))
    assert not any(raw[:4] == "0082" for raw, _ in watched.sent)


class TestErrors:
    def test_a_service_without_the_keys(
        self, tmp_path: Path, des: Template, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = des.card(tmp_path)
        for lacking in ("PUK", "STK"):

            def require(
                self: Any, name: str, version: int, algorithm: str, lacking: str = lacking
            ) -> None:
                if name == lacking:
                    raise UnknownKeyError(name, version)

            monkeypatch.setattr(SoftwareVault, "require_key", require)
            watched = Watched(made.session())
            with pytest.raises(UnknownKeyError, match=lacking):
                unblock_pin(SocialSecurityCard(watched, made.profile, made.vault))
            assert not any(raw[:4] in ("0082", "8424") for raw, _ in watched.sent)

    def test_a_profile_without_them(self, tmp_path: Path, des: Template) -> None:
        made = des.card(tmp_path)
        for name, match in (("PUK", "unlocks the PIN"), ("STK", "maintenance key")):
            keys = {key: value for key, value in made.profile.keys.items() if key != name}
            structure = made.profile.structure.model_copy(update={"keys": keys})
            profile = replace(made.profile, structure=structure)
            with pytest.raises(InputError, match=match):
                unblock_pin(SocialSecurityCard(made.session(), profile, made.vault))

    def test_another_variant_than_the_cards(self, tmp_path: Path, des: Template) -> None:
        made = des.card(tmp_path)
        profile = with_messaging(made.profile, secure_messaging="process_key")
        with pytest.raises(MessageRefused) as caught:
            reset_pin(SocialSecurityCard(made.session(), profile, made.vault), NEW_PIN)
        assert (caught.value.sw, caught.value.key) == (0x6988, "STK")
        assert caught.value.missing is not None
        assert caught.value.missing.en == "key:PUK+mac:STK"
        made.card().verify_pin(INITIAL_PIN)

    def test_a_card_that_asks_for_the_puk(self, tmp_path: Path, des: Template) -> None:
        made = des.card(tmp_path)
        profile = with_messaging(made.profile, pin_service_needs_puk=False)
        with pytest.raises(MessageRefused, match="6982") as caught:
            unblock_pin(SocialSecurityCard(made.session(), profile, made.vault))
        assert "key:PUK" in caught.value.what.zh

    def test_a_locked_puk(self, tmp_path: Path, des: Template) -> None:
        made = des.card(tmp_path)
        for sw in ("63C2", "63C1", "63C0"):
            made.chip.power_on()
            made.chip.transmit(bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF"))
            made.chip.transmit(bytes.fromhex("0084000008"))
            answer = made.chip.transmit(bytes.fromhex("0082000610" + "00" * 16))
            assert answer.hex().upper() == sw
        with pytest.raises(KeyRefused, match="6983") as caught:
            unblock_pin(made.card())
        assert caught.value.hint is not None
        assert "issuer" in caught.value.hint.en

    def test_a_card_without_the_command(self, tmp_path: Path, des: Template) -> None:
        made = des.card(tmp_path)

        class Older(Wrapper):
            def transmit(self, command: Secretive) -> bytes:
                raw = command.reveal() if isinstance(command, Secret) else command
                return b"\x6d\x00" if raw[:2] == b"\x84\x24" else self.inner.transmit(command)

        card = SocialSecurityCard(Older(made.session()), made.profile, made.vault)
        with pytest.raises(MessageRefused, match="6D00") as caught:
            unblock_pin(card)
        assert caught.value.hint is not None
        assert "does not have the command" in caught.value.hint.en
