"""PINs and control keys of the certificate application against the reference (ref 02 §8.3-8.6)."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_ic.base import InputError, Secret
from sscard_ic.crypto import sm3, sm4
from sscard_ic.crypto.mac import sm4_mac
from sscard_ic.keys.certificate_keys import CertificatePin, ControlKey, PinFormError
from sscard_ic.profile.certificate import CertificateSettings

VECTORS: dict[str, Any] = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "certificate_application.toml").read_text("utf-8")
)
CHALLENGE = bytes(range(16))


def vectors(part: str) -> dict[str, Any]:
    return {"argvalues": VECTORS[part], "ids": [vector["source"] for vector in VECTORS[part]]}


def control_key(text: str) -> ControlKey:
    return ControlKey(Secret(bytes.fromhex(text)))


@pytest.mark.parametrize("vector", **vectors("verify"))
def test_proof_of_a_pin(vector: dict[str, Any]) -> None:
    proof = CertificatePin.of(vector["pin"]).proof(bytes.fromhex(vector["challenge"]))
    assert proof.reveal().hex().upper() == vector["proof"]


@pytest.mark.parametrize("vector", **vectors("pin_key"))
def test_key_of_a_pin(vector: dict[str, Any]) -> None:
    """K is the first half of its digest, shown by what it encrypts."""
    digest = bytes.fromhex(vector["digest"])
    assert sm3.digest(bytes.fromhex(vector["pin"])).startswith(digest)
    proof = CertificatePin.of(vector["pin"]).proof(CHALLENGE)
    assert sm4.decrypt(digest[:16], proof.reveal()) == CHALLENGE


@pytest.mark.parametrize("vector", **vectors("change_pin"))
def test_change_of_a_pin(vector: dict[str, Any]) -> None:
    old, new = CertificatePin.of(vector["old"]), CertificatePin.of(vector["new"])
    command = old.change(new, bytes.fromhex(vector["challenge"]), vector["reference"])
    expected = vector["head"] + vector["enciphered"] + vector["mac"]
    assert command.reveal().hex().upper() == expected


@pytest.mark.parametrize("vector", **vectors("control_key"))
def test_replacement_of_a_control_key(vector: dict[str, Any]) -> None:
    old, new = control_key(vector["old"]), control_key(vector["new"])
    command = old.replacement(new, bytes.fromhex(vector["challenge"]), CertificateSettings())
    expected = vector["head"] + vector["enciphered"] + vector["mac"]
    assert command.reveal().hex().upper() == expected


@pytest.mark.parametrize("vector", **vectors("authenticate"))
def test_proof_of_a_control_key(vector: dict[str, Any]) -> None:
    proof = control_key(vector["key"]).proof(bytes.fromhex(vector["challenge"]))
    assert proof.reveal().hex().upper() == vector["proof"]


def test_the_header_of_a_control_key_is_a_setting() -> None:
    old, new = control_key("00" * 16), control_key("11" * 16)
    settings = CertificateSettings(control_key_header=bytes.fromhex("010203"))
    data = old.replacement(new, CHALLENGE, settings).reveal()[5:]
    plain = sm4.decrypt(bytes(16), data[:32])
    assert plain.hex() == "13010203" + "11" * 16 + "80" + "00" * 11
    assert data[32:] == sm4_mac(bytes(16), bytes.fromhex("84D4010024") + data[:32], CHALLENGE)


@given(st.from_regex(r"\A([0-9]{2}){2,7}\Z"), st.from_regex(r"\A([0-9]{2}){2,7}\Z"))
def test_pins_of_every_length_fit_one_block(old: str, new: str) -> None:
    data = CertificatePin.of(old).change(CertificatePin.of(new), CHALLENGE, 0x81).reveal()
    assert data[:5].hex() == "845e018114"
    key = sm3.digest(bytes.fromhex(old))[:16]
    plain = sm4.decrypt(key, data[5:21])
    assert plain == (bytes((len(new) // 2,)) + bytes.fromhex(new) + b"\x80").ljust(16, b"\x00")


@given(st.binary(min_size=8, max_size=8))
def test_short_challenges_are_filled(challenge: bytes) -> None:
    pin, key, long = CertificatePin.of("1234"), control_key("22" * 16), challenge + bytes(8)
    settings = CertificateSettings()
    assert pin.proof(challenge) == pin.proof(long)
    assert pin.change(pin, challenge, 0) == pin.change(pin, long, 0)
    assert key.proof(challenge) == key.proof(long)
    assert key.replacement(key, challenge, settings) == key.replacement(key, long, settings)


@pytest.mark.parametrize("length", [0, 4, 7, 9, 15, 17, 32])
def test_no_challenge(length: int) -> None:
    for proves in (CertificatePin.of("123456"), control_key("33" * 16)):
        with pytest.raises(ValueError, match=f"this one {length}"):
            proves.proof(bytes(length))


@pytest.mark.parametrize(
    "digits",
    ["", "12", "123", "12345", "1234567", "1" * 16, "12345a", "1234 6", "１２３４", "-123"],
)
def test_no_pin(digits: str) -> None:
    with pytest.raises(PinFormError) as caught:
        CertificatePin.of(digits)
    error = caught.value
    assert error.hint is not None
    assert error.__cause__ is error.__context__ is None
    if digits:
        assert digits not in error.render("zh") + error.render("en")


@pytest.mark.parametrize("block", ["", "12", "12345F", "AB12", "1122334455667788"])
def test_no_pin_block(block: str) -> None:
    with pytest.raises(PinFormError):
        CertificatePin(Secret(bytes.fromhex(block)))


@pytest.mark.parametrize("length", [0, 8, 15, 17, 24, 32])
def test_no_control_key(length: int) -> None:
    with pytest.raises(InputError, match=f"not {length}"):
        ControlKey(Secret(b"\x77" * length))


def test_nothing_shows_them() -> None:
    pin, key = CertificatePin.of("135790"), control_key("A5" * 16)
    settings = CertificateSettings()
    made = [pin, key, pin.proof(CHALLENGE), key.proof(CHALLENGE)]
    made += [pin.change(pin, CHALLENGE, 0), key.replacement(key, CHALLENGE, settings)]
    for each in made:
        for text in (repr(each), str(each), f"{each}"):
            assert "135790" not in text
            assert "a5a5" not in text.lower()
            assert "\\x" not in text
