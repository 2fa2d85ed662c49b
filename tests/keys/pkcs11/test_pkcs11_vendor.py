"""Algorithms that a maker numbers: told apart when they are not there, and right when they are.

SoftHSM has no SM4. So one half of the tests gives it a maker's number, which it refuses; the other
gives it the numbers of AES in the place of those of SM4: then everything must be what AES gives,
for both have blocks and keys of 16 bytes.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from tests.support.softhsm import USER_PIN, new_token, open_softhsm, reopen, softhsm_settings

from sscard_ic.base import Secret
from sscard_ic.crypto import aes, mac
from sscard_ic.crypto.factors import city_factor, province_factor
from sscard_ic.crypto.secure_messaging import Method, covered, enciphered_form
from sscard_ic.crypto.suites import SUITES, Suite
from sscard_ic.keys import CardKey, KeySpec, key_block
from sscard_ic.keys.errors import ComponentError
from sscard_ic.keys.hierarchy import RootKey, check_value
from sscard_ic.keys.key_block import KeyBlock
from sscard_ic.keys.pkcs11.errors import HsmError, NoMechanismError
from sscard_ic.keys.pkcs11.host import Pkcs11HostService
from sscard_ic.keys.pkcs11.inside import Pkcs11TokenService
from sscard_ic.keys.pkcs11.opening import create_service, open_service
from sscard_ic.keys.pkcs11.settings import (
    DerivedKeys,
    Mechanisms,
    Pkcs11Settings,
    VendorMechanisms,
)

CITY = "650100"
CREATED = datetime(2026, 11, 21, tzinfo=UTC)
VENDOR = 0x80000101
AS_AES = VendorMechanisms(
    key_type=0x1F, ecb=0x1081, cbc=0x1082, derive=0x1104, generate=0x1080, value_length=True
)
HEAD = bytes.fromhex("04D60000")
METHODS: tuple[Method, ...] = ("card_key", "process_key", "process_key_challenge")
UKSSSE = KeySpec("UKSSSE", 1, "P1", "external", "sm4")
STK = KeySpec("STK", 1, "N2", "mac", "sm4")
MASTER = KeySpec("MKSSSE", 1, "maker", "master", "sm4")
ROOTS = {spec.name: secrets.token_bytes(16) for spec in (UKSSSE, STK, MASTER)}


def with_numbers(
    numbers: VendorMechanisms, derived: DerivedKeys = "host", *, label: str = "a new one"
) -> Pkcs11Settings:
    """Settings that give SM4 these numbers."""
    settings = softhsm_settings(label, derived)
    return settings.model_copy(update={"mechanisms": Mechanisms(sm4=numbers)})


def roots() -> list[RootKey]:
    return [
        RootKey.of(spec, Secret(ROOTS[spec.name]), CREATED, "published")
        for spec in (UKSSSE, STK, MASTER)
    ]


def aes_cbc(key: bytes, data: bytes, iv: bytes) -> bytes:
    engine = Cipher(AES(key), CBC(iv)).encryptor()
    return engine.update(data) + engine.finalize()


def aes_mac(key: bytes, data: bytes, iv: bytes) -> bytes:
    return mac.folded_words(aes_cbc(key, mac.pad80(data, 16), iv)[-16:])


STAND_IN = Suite("sm4", 16, "03", aes.encrypt, aes.encrypt, aes_cbc, SUITES["sm4"].engine, aes_mac)
"""The rules of SM4 with AES in its place; nothing here deciphers."""


def card_key(name: str, factor: bytes) -> bytes:
    """What the roots give for a card, by the AES of `cryptography`."""
    value = ROOTS[name]
    above = {"UKSSSE": [city_factor(CITY)], "MKSSSE": []}.get(
        name, [province_factor(CITY), city_factor(CITY)]
    )
    for step in (*above, factor):
        value = aes.encrypt(value, step + bytes(0xFF ^ byte for byte in step))
    return value


@pytest.fixture(scope="module")
def host() -> Iterator[Pkcs11HostService]:
    with closing(open_softhsm(roots(), settings=with_numbers(AS_AES))) as service:
        assert isinstance(service, Pkcs11HostService)
        yield service


@pytest.fixture(scope="module")
def inside() -> Iterator[Pkcs11TokenService]:
    with closing(open_softhsm(roots(), settings=with_numbers(AS_AES, "token"))) as service:
        assert isinstance(service, Pkcs11TokenService)
        yield service


class TestRefused:
    """SoftHSM does not know the number of a maker, and says so clearly."""

    numbers = VendorMechanisms(key_type=0x1F, ecb=VENDOR, derive=0x1104, generate=0x1080)

    def test_encryption(self) -> None:
        with pytest.raises(HsmError) as caught:
            open_softhsm(roots(), settings=with_numbers(self.numbers))
        assert caught.value.what.en == (
            "the HSM does not have the mechanism mechanisms.sm4.ecb = 0x80000101 (MechanismInvalid)"
        )
        assert caught.value.hint is not None
        assert "maker's manual" in caught.value.hint.en

    def test_nothing_is_left(self) -> None:
        settings = with_numbers(self.numbers, label=new_token())
        with pytest.raises(HsmError):
            create_service(settings, USER_PIN, roots=roots())
        with pytest.raises(HsmError, match="not prepared"):
            open_service(settings, USER_PIN)

    @pytest.mark.parametrize("part", ["derive", "generate"])
    def test_other_numbers(self, part: str) -> None:
        numbers = AS_AES.model_copy(update={part: VENDOR})
        settings = with_numbers(numbers, label=new_token())
        setting = f"mechanisms.sm4.{part} = 0x80000101"
        with closing(create_service(settings, USER_PIN, roots=roots())) as service:
            with pytest.raises(HsmError, match=f"does not have the mechanism {setting}"):
                if part == "generate":
                    service.generate(replace(MASTER, version=2))
                else:
                    assert isinstance(service, Pkcs11HostService)
                    service.check_value(CardKey("UKSSSE", 1, CITY, bytes(8), "sm4"))
            assert len(service.keys()) == 3
            if part == "derive":
                # Said before any card is touched; keys without a level above need no derivation.
                service.require_key("MKSSSE", 1, "sm4")
                with pytest.raises(HsmError, match=setting):
                    service.require_key("UKSSSE", 1, "sm4")

    def test_key_type(self) -> None:
        numbers = AS_AES.model_copy(update={"key_type": VENDOR})
        with pytest.raises(HsmError, match="the HSM refuses"):
            open_softhsm(roots(), settings=with_numbers(numbers))

    @pytest.mark.parametrize("part", ["derive", "generate", "cbc"])
    def test_not_set(self, part: str) -> None:
        numbers = AS_AES.model_copy(update={part: None})
        derived: DerivedKeys = "token" if part == "cbc" else "host"
        settings = with_numbers(numbers, derived, label=new_token())
        with closing(create_service(settings, USER_PIN, roots=roots())) as service:
            with pytest.raises(NoMechanismError) as caught:
                if part == "generate":
                    service.generate(replace(MASTER, version=2))
                elif isinstance(service, Pkcs11TokenService):
                    service.mac(CardKey("STK", 1, CITY, bytes(8), "sm4"), b"data")
                else:
                    assert isinstance(service, Pkcs11HostService)
                    service.check_value(CardKey("UKSSSE", 1, CITY, bytes(8), "sm4"))
            assert f"mechanisms.sm4.{part}" in caught.value.what.en

    def test_setting_taken_away(self, host: Pkcs11HostService) -> None:
        """A token with keys of SM4, opened without its numbers: listed, but not used."""
        settings = with_numbers(AS_AES, label=new_token())
        create_service(settings, USER_PIN, roots=roots()).close()
        without = settings.model_copy(update={"mechanisms": Mechanisms()})
        with closing(open_service(without, USER_PIN)) as service:
            assert len(service.keys()) == 3
            assert isinstance(service, Pkcs11HostService)
            with pytest.raises(NoMechanismError, match=r"SM4 \(mechanisms.sm4\)"):
                service.require_key("MKSSSE", 1, "sm4")
            with pytest.raises(NoMechanismError):
                service.cryptogram(CardKey("MKSSSE", 1, CITY, bytes(8), "sm4"), bytes(8), bytes(8))


class TestHost:
    @pytest.mark.parametrize("name", ["UKSSSE", "STK", "MKSSSE"])
    def test_many(self, host: Pkcs11HostService, name: str) -> None:
        factors = [secrets.token_bytes(8) for _ in range(50)]
        derived = host.derive_many(name, 1, "sm4", CITY, b"".join(factors))
        assert derived == b"".join(card_key(name, factor) for factor in factors)

    def test_one(self, host: Pkcs11HostService) -> None:
        """The rest is software over the bits of the card key, by SM4 itself."""
        key = CardKey("UKSSSE", 1, CITY, secrets.token_bytes(8), "sm4")
        bits = card_key("UKSSSE", key.factor)
        assert host.check_value(key) == SUITES["sm4"].check_value(bits)

    def test_kept(self) -> None:
        with closing(open_softhsm(roots(), settings=with_numbers(AS_AES))) as service:
            listed = service.keys()
            service.close()
            with closing(reopen(service)) as again:
                assert again.keys() == listed
        assert {info.check_value for info in listed} == {
            aes.encrypt(value, bytes(16))[:3].hex().upper() for value in ROOTS.values()
        }


class TestInside:
    @pytest.mark.parametrize("name", ["UKSSSE", "STK", "MKSSSE"])
    def test_check_value(self, inside: Pkcs11TokenService, name: str) -> None:
        key = CardKey(name, 1, CITY, secrets.token_bytes(8), "sm4")
        assert inside.check_value(key) == STAND_IN.check_value(card_key(name, key.factor))

    def test_cryptogram(self, inside: Pkcs11TokenService) -> None:
        key = CardKey("UKSSSE", 1, CITY, secrets.token_bytes(8), "sm4")
        challenge, text = secrets.token_bytes(8), secrets.token_bytes(8)
        expected = STAND_IN.authentication_cryptogram(
            card_key("UKSSSE", key.factor), challenge, text
        )
        assert inside.cryptogram(key, challenge, text) == expected

    @pytest.mark.parametrize("length", [0, 15, 16, 40])
    def test_mac(self, inside: Pkcs11TokenService, length: int) -> None:
        key = CardKey("STK", 1, CITY, secrets.token_bytes(8), "sm4")
        data, iv = secrets.token_bytes(length), secrets.token_bytes(8)
        expected = STAND_IN.mac(card_key("STK", key.factor), data, iv)
        assert inside.mac(key, data, iv) == expected

    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize("enciphered", [False, True])
    def test_messages(self, inside: Pkcs11TokenService, method: Method, enciphered: bool) -> None:
        key = CardKey("STK", 1, CITY, secrets.token_bytes(8), "sm4")
        data, challenge = secrets.token_bytes(21), secrets.token_bytes(8)
        value, start = card_key("STK", key.factor), challenge.ljust(16, b"\x00")
        if method != "card_key":
            value = aes.encrypt(value, start)
        iv = bytes(16) if method == "process_key" else start
        sent = aes.encrypt(value, enciphered_form(STAND_IN, data)) if enciphered else data
        expected = sent + STAND_IN.mac(value, covered(HEAD, sent), iv)
        assert expected == inside.protect_command(
            key, HEAD, Secret(data), challenge, method, enciphered=enciphered
        )
        assert inside.answer_mac(key, data, challenge, method) == STAND_IN.mac(value, data, iv)


class TestStore:
    def test_generate(self) -> None:
        with closing(open_softhsm([], settings=with_numbers(AS_AES))) as service:
            assert service.generate(MASTER).algorithm == "sm4"
            assert isinstance(service, Pkcs11HostService)
            assert len(service.derive_many("MKSSSE", 1, "sm4", CITY, bytes(80))) == 160

    def test_key_block(self) -> None:
        kbpk = KeySpec("KBPK", 1, "site", "wrap", "aes")
        parts = [secrets.token_bytes(32) for _ in range(2)]
        wrapping = Secret(bytes(a ^ b for a, b in zip(*parts, strict=True)))
        value = Secret(ROOTS["MKSSSE"])
        expected = aes.encrypt(value.reveal(), bytes(16))[:3].hex().upper()
        block = key_block.seal(KeyBlock("test", MASTER, expected, "KBPK", 1), value, wrapping)
        with closing(open_softhsm([], settings=with_numbers(AS_AES))) as service:
            service.combine(kbpk, [Secret(part) for part in parts], check_value("aes", wrapping))
            assert service.import_block(block).check_value == expected

    def test_what_no_software_computes(self) -> None:
        """SM1: the check value comes from the token, and is compared with what was told."""
        settings = softhsm_settings(new_token()).model_copy(
            update={"mechanisms": Mechanisms(sm1=AS_AES)}
        )
        spec = KeySpec("RKSSSE", 1, "P1", "external", "sm1")
        parts = [secrets.token_bytes(16) for _ in range(2)]
        value = bytes(a ^ b for a, b in zip(*parts, strict=True))
        expected = aes.encrypt(value, bytes(16))[:3]
        with closing(create_service(settings, USER_PIN)) as service:
            with pytest.raises(ComponentError, match="does not have the check value"):
                service.combine(spec, [Secret(part) for part in parts], b"\x00\x00\x00")
            assert service.keys() == []
            info = service.combine(spec, [Secret(part) for part in parts], expected)
            assert info.check_value == expected.hex().upper()
            assert service.generate(replace(spec, version=2)).algorithm == "sm1"
