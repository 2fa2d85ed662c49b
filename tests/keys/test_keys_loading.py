"""Key-loading commands and what a card gets out of them; vectors: tests/keys/suites."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.fixed_keys import FixedKeys

from sscard_ic.apdu import Command
from sscard_ic.base import Secret
from sscard_ic.crypto.suites import SUITES, Algorithm
from sscard_ic.keys import CardKey, Mode, Protection

_FACTOR = bytes.fromhex("86535119000013DF")
_UNDER = CardKey("MKSSSE", 1, "511900", _FACTOR)
_FAMILIES: tuple[Algorithm, ...] = ("3des", "sm4")


@pytest.fixture(scope="module")
def worked() -> FixedKeys:
    """The control key of ref 11 §8."""
    return FixedKeys({"MKSSSE": bytes.fromhex("11" * 16)})


@pytest.mark.parametrize("mode", ["plain_mac", "enciphered", "enciphered_mac"])
@pytest.mark.parametrize("cla", [None, 0x94])
@pytest.mark.parametrize("algorithm", _FAMILIES)
def test_what_the_card_gets_out_of_a_protected_pin(
    worked: FixedKeys, mode: Mode, cla: int | None, algorithm: Algorithm
) -> None:
    suite = SUITES[algorithm]
    control, iv = bytes.fromhex("11" * 16), bytes(range(8))
    protection = Protection(mode, cla, replace(_UNDER, algorithm=algorithm), iv)
    header = bytes.fromhex("010000EF33115503")
    secret = worked.load_pin(bytes.fromhex("00D40000"), header, Secret(b"\x12\x34\x56"), protection)
    raw = secret.reveal()
    command = Command.parse(raw)
    usual = {"plain_mac": 0x04, "enciphered": 0x80, "enciphered_mac": 0x84}[mode]
    assert command.cla == (usual if cla is None else cla)
    data = command.data
    if protection.with_mac:
        assert suite.mac(control, raw[:-4], iv) == data[-4:]
        data = data[:-4]
    if protection.enciphered:
        assert len(data) == 32
        plain = suite.decrypt(control, data)
        data = plain[1 : 1 + plain[0]]
        assert plain[1 + plain[0] :] == b"\x80" + bytes(6)
    assert data == header + b"\x12\x34\x56" + b"\xff" * 13


def test_protection_and_its_key_belong_together() -> None:
    with pytest.raises(ValueError, match="needs a key"):
        Protection("enciphered")
    with pytest.raises(ValueError, match="needs a key"):
        Protection("plain", under=_UNDER)


@pytest.mark.parametrize("length", [0, 17])
def test_a_value_of_another_length_is_refused(worked: FixedKeys, length: int) -> None:
    with pytest.raises(ValueError, match="key record"):
        worked.load_pin(bytes(4), bytes(8), Secret(bytes(length)), Protection("plain"))
