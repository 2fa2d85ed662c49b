"""An HSM that goes in the middle: every call ends in one clear error, and nothing is half done."""

from __future__ import annotations

import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.softhsm import (
    answering,
    giving_less,
    in_a_process_of_its_own,
    open_softhsm,
)
from tests.support.softhsm_apart import native_single_des, token_taken_away

from sscard_ic.base import Secret
from sscard_ic.keys import CardKey, KeySpec, SoftwareVault
from sscard_ic.keys.hierarchy import RootKey
from sscard_ic.keys.pkcs11.errors import HsmError
from sscard_ic.keys.pkcs11.host import Pkcs11HostService
from sscard_ic.keys.pkcs11.inside import Pkcs11TokenService

GONE = {
    0x05: "GeneralError",
    0x30: "DeviceError",
    0x32: "DeviceRemoved",
    0xB3: "SessionHandleInvalid",
    0xE0: "TokenNotPresent",
    0x101: "UserNotLoggedIn",
}
LEGACY = """openssl_conf = begin
[begin]
providers = providers
[providers]
default = on
legacy = on
[on]
activate = 1
"""


def some_card(name: str) -> CardKey:
    """A card of a city that nothing has been derived for."""
    return CardKey(name, 1, f"{secrets.randbelow(900000) + 100000}", secrets.token_bytes(8))


@pytest.mark.parametrize("code", GONE)
@pytest.mark.parametrize("name", ["C_EncryptInit", "C_Encrypt", "C_DeriveKey"])
def test_host(host: Pkcs11HostService, vault: SoftwareVault, name: str, code: int) -> None:
    key = some_card("UKSSSE")
    with answering(name, code), pytest.raises(HsmError) as caught:
        host.cryptogram(key, bytes(8), bytes(8))
    assert caught.value.what.en.endswith(f"the token was removed ({GONE[code]})")
    assert caught.value.where == host.place
    assert caught.value.hint is not None
    # What it leaves behind stands in nobody's way.
    assert host.cryptogram(key, bytes(8), bytes(8)) == vault.cryptogram(key, bytes(8), bytes(8))


@pytest.mark.parametrize("code", GONE)
@pytest.mark.parametrize("name", ["C_EncryptInit", "C_Encrypt", "C_DeriveKey"])
def test_inside(inside: Pkcs11TokenService, vault: SoftwareVault, name: str, code: int) -> None:
    key, data = some_card("STK"), Secret(b"data")
    with answering(name, code), pytest.raises(HsmError, match=GONE[code]):
        inside.protect_command(key, bytes(4), data, bytes(8), "process_key", enciphered=True)
    expected = vault.protect_command(key, bytes(4), data, bytes(8), "process_key", enciphered=True)
    found = inside.protect_command(key, bytes(4), data, bytes(8), "process_key", enciphered=True)
    assert found == expected


def test_in_the_middle_of_many(host: Pkcs11HostService) -> None:
    """No part of a large answer is given for the whole."""
    factors = secrets.token_bytes(8 * 20000)
    with answering("C_Encrypt", 0x32, after=1) as calls, pytest.raises(HsmError):
        host.derive_many("UKSSSE", 1, "3des", "210200", factors)
    assert calls.calls == 2


def test_expected_cards(host: Pkcs11HostService, vault: SoftwareVault) -> None:
    key = some_card("IRK")
    host.expect_cards(key.division_code, [key.factor])
    with answering("C_Encrypt", 0xE0), pytest.raises(HsmError):
        host.check_value(key)
    assert host.check_value(key) == vault.check_value(key)
    host.expect_cards(key.division_code, [])


def test_an_answer_that_is_too_short(host: Pkcs11HostService) -> None:
    with giving_less("C_Encrypt"), pytest.raises(HsmError, match=r"refuses \(DataLenRange\)"):
        host.check_value(some_card("IRK"))


def test_while_others_work(host: Pkcs11HostService) -> None:
    """Each thread has its own error, and no lock stays behind."""

    def attempt(_: int) -> str:
        try:
            host.check_value(some_card("IRK"))
        except HsmError as error:
            return error.what.en
        return "done"

    with answering("C_Encrypt", 0x32), ThreadPoolExecutor(4) as pool:
        told = set(pool.map(attempt, range(20)))
    assert len(told) == 1 and "DeviceRemoved" in told.pop()
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(attempt, range(20))) == {"done"}


@pytest.mark.parametrize("name", ["C_Logout", "C_CloseSession"])
def test_closing_what_is_gone(name: str) -> None:
    service = open_softhsm([])
    with answering(name, 0xB3):
        service.close()
    service.close()


@pytest.mark.parametrize("code", [0x1234, 0x80000001])
def test_codes_that_nobody_knows(host: Pkcs11HostService, code: int) -> None:
    with answering("C_Encrypt", code), pytest.raises(HsmError, match=rf"refuses \(CKR {code:#x}\)"):
        host.check_value(some_card("IRK"))
    root = RootKey.of(
        KeySpec("MKSSSE", 1, "maker", "master"),
        Secret(secrets.token_bytes(16)),
        datetime(2026, 11, 21, tzinfo=UTC),
        "published",
    )
    with (
        answering("C_CreateObject", code),
        pytest.raises(HsmError, match=rf"refuses \(CKR {code:#x}\)"),
    ):
        open_softhsm([root])


def test_token_taken_away() -> None:
    """Its files are moved away while it is open, and back afterwards."""
    told = in_a_process_of_its_own(token_taken_away)
    gone = "HsmError: the HSM does not answer any more, or the token was removed"
    for name in ("cryptogram", "many", "blank", "generate", "combine", "destroy", "days"):
        assert told[name].startswith(gone), (name, told[name])
    assert told["open"].startswith("HsmError: there is no token with token_label = ")
    assert told["closed"] == "HsmError: the HSM was closed"
    assert told["back"] == "gave all keys"


def test_single_des_as_des_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSL has DES in its legacy provider, which a process must ask for when it begins."""
    settings = tmp_path / "openssl.cnf"
    settings.write_text(LEGACY)
    monkeypatch.setitem(os.environ, "OPENSSL_CONF", str(settings))
    assert in_a_process_of_its_own(native_single_des) == {}
