"""``[keys]`` of the settings, and the one door to the service that they choose."""

from __future__ import annotations

import builtins
import secrets
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.keys.key_samples import KEYS, PASSPHRASE
from tests.support.remote_hsm import certificates, client_settings
from tests.support.softhsm import MODULE, USER_PIN, new_token

from sscard_ic.base import Secret, SscardError
from sscard_ic.base.problems import DocumentError
from sscard_ic.base.settings import read_settings
from sscard_ic.keys import (
    KeyService,
    KeysSettings,
    SoftwareVault,
    VaultError,
    create_test_vault,
    open_service,
)
from sscard_ic.keys.opening import HsmPin, create_token
from sscard_ic.keys.pkcs11.errors import HsmError, HsmPinError
from sscard_ic.keys.pkcs11.host import Pkcs11HostService
from sscard_ic.keys.pkcs11.settings import Pkcs11Settings
from sscard_ic.keys.remote.client import RemoteHsm
from sscard_ic.keys.remote.settings import RemoteSettings


@dataclass
class Given:
    """What a person or the environment gives, and what was asked for."""

    pin: Secret = USER_PIN
    typed: bool = False
    asked: list[str] = field(default_factory=list)

    def passphrase(self) -> Secret:
        self.asked.append("passphrase")
        return Secret(PASSPHRASE.reveal())

    def hsm_pin(self) -> HsmPin:
        self.asked.append("pin")
        return HsmPin(Secret(self.pin.reveal()), self.typed)


def settings(folder: Path, text: str) -> KeysSettings:
    (folder / "sscard.toml").write_text(text, encoding="utf-8")
    return read_settings({}, folder).section("keys", KeysSettings)


# -- what may be set ---------------------------------------------------------------------------


def test_the_vault_answers_where_nothing_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSCARD_HOME", str(tmp_path))
    found = read_settings({}, tmp_path).section("keys", KeysSettings)
    assert found.service == "vault"
    assert found.vault.file() == tmp_path / "vault.json"
    assert found.vault.file(tmp_path / "other") == tmp_path / "other" / "vault.json"


def test_every_service_has_a_table(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        """
        [keys]
        service = "pkcs11"
        [keys.vault]
        path = "keys/vault.json"
        [keys.pkcs11]
        module = "/opt/maker/libhsm.so"
        token_label = "issuer"
        slot = 3
        environment = "production"
        derived_keys = "token"
        [keys.pkcs11.mechanisms.sm4]
        key_type = 0x80000102
        ecb = 0x80000102
        [keys.remote]
        url = "https://hsm.example:8443/keys"
        environment = "test"
        ca_file = "ca.pem"
        certificate = "own.pem"
        private_key = "own.key"
        """,
    )
    assert found.vault.path == tmp_path / "keys" / "vault.json"
    assert found.pkcs11 is not None
    assert (found.pkcs11.token_label, found.pkcs11.slot) == ("issuer", 3)
    assert (found.pkcs11.environment, found.pkcs11.derived_keys) == ("production", "token")
    assert found.pkcs11.mechanisms.sm4 is not None
    assert found.pkcs11.mechanisms.sm4.ecb == 0x80000102
    assert found.remote is not None
    assert found.remote.ca_file == tmp_path / "ca.pem"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[keys]\nservice = 'pkcs11'\n", 1, 'service = "pkcs11" needs the table [keys.pkcs11]'),
        ("[keys]\nservice = 'remote'\n", 1, 'service = "remote" needs the table [keys.remote]'),
        ("[keys]\nservice = 'hsm'\n", 2, "must be one of 'vault', 'pkcs11', 'remote'"),
        ("[keys.pkcs11]\nslot = 1\n", 1, "keys.pkcs11.module: this key is missing"),
        ("[keys.pkcs11]\nmodule = 'm'\ntoken = 'x'\n", 3, "keys.pkcs11.token: unknown key"),
        ("[keys.pkcs11]\nmodule = 'm'\npin = '1'\n", 3, "no secret belongs in the settings"),
        ("[keys.vault]\npassphrase = 'x'\n", 2, "no secret belongs in the settings"),
        (
            "[keys.pkcs11]\nmodule = 'm'\n[keys.pkcs11.mechanisms.sm4]\nkey_type = 1\nebc = 2\n",
            5,
            "keys.pkcs11.mechanisms.sm4.ebc: unknown key; is ecb meant?",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    text: str, line: int, words: str, tmp_path: Path
) -> None:
    with pytest.raises(DocumentError) as caught:
        settings(tmp_path, text)
    told = {problem.place.line: problem.message.en for problem in caught.value.problems}
    assert words in told[line]


# -- the vault ---------------------------------------------------------------------------------


def test_the_vault_is_opened(vault_file: Path) -> None:
    given = Given()
    chosen = KeysSettings.model_validate({"vault": {"path": vault_file}})
    with closing(open_service(chosen, given)) as service:
        assert isinstance(service, SoftwareVault)
        assert service.place == str(vault_file)
    assert given.asked == ["passphrase"]


def test_nobody_is_asked_for_the_passphrase_of_a_vault_that_is_not_there(tmp_path: Path) -> None:
    given = Given()
    chosen = KeysSettings.model_validate({"vault": {"path": tmp_path / "none.json"}})
    with pytest.raises(VaultError, match=r"none\.json"):
        open_service(chosen, given)
    assert given.asked == []


# -- an HSM by PKCS#11 -------------------------------------------------------------------------


def token(label: str, **changes: Any) -> Pkcs11Settings:
    return Pkcs11Settings(module=MODULE, token_label=label, **changes)


def chosen_token(label: str) -> KeysSettings:
    return KeysSettings(service="pkcs11", pkcs11=token(label))


def test_a_token_is_prepared_and_opened() -> None:
    label = new_token()
    given = Given()
    with closing(create_token(token(label), given, KEYS)) as made:
        count = len(made.keys())
    with closing(open_service(chosen_token(label), given)) as service:
        assert isinstance(service, Pkcs11HostService)
        # The roots of SM4 are left out: SoftHSM does not know it.
        infos = service.keys()
        assert {info.algorithm for info in infos} == {"3des", "des"}
        assert len(infos) == count == 15
        assert service.environment == "test"
        assert f"token={label}" in service.place
    assert given.asked == ["pin", "pin"]


def test_a_token_for_real_keys_is_empty_at_first() -> None:
    label = new_token()
    real = token(label, environment="production")
    with closing(create_token(real, Given())) as made:
        assert made.environment == "production"
        assert list(made.keys()) == []


def test_a_token_is_prepared_once() -> None:
    label = new_token()
    create_token(token(label), Given(), KEYS).close()
    with pytest.raises(HsmError, match="not overwritten"):
        create_token(token(label), Given(), KEYS)


def test_nobody_is_asked_for_the_pin_of_a_token_that_is_not_there() -> None:
    given = Given()
    with pytest.raises(HsmError, match="there is no token"):
        open_service(chosen_token("nobody's token"), given)
    assert given.asked == []


def test_a_stored_pin_is_not_tried_again_after_a_wrong_one() -> None:
    label = new_token()
    create_token(token(label), Given(), KEYS).close()
    wrong = Given(Secret(b"8" * 6))
    with pytest.raises(HsmPinError, match="is wrong"):
        open_service(chosen_token(label), wrong)
    with pytest.raises(HsmPinError, match="the stored one was not tried"):
        open_service(chosen_token(label), Given())
    open_service(chosen_token(label), Given(typed=True)).close()
    open_service(chosen_token(label), Given()).close()


@pytest.fixture
def no_pkcs11(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine on which python-pkcs11 is not installed."""
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "pkcs11" or name.startswith("pkcs11."):
            raise ModuleNotFoundError(f"No module named {name!r}", name="pkcs11")
        return real(name, *rest, **more)

    mine = [name for name in sys.modules if name.startswith("sscard_ic.keys.pkcs11.")]
    for name in mine:
        monkeypatch.delitem(sys.modules, name)
    # The package remembers its modules, too.
    package = sys.modules["sscard_ic.keys.pkcs11"]
    for name in mine:
        monkeypatch.delattr(package, name.rpartition(".")[2], raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    yield
    for name in [name for name in sys.modules if name.startswith("sscard_ic.keys.pkcs11.")]:
        sys.modules.pop(name)


@pytest.mark.usefixtures("no_pkcs11")
def test_without_python_pkcs11_the_way_to_get_it_is_told() -> None:
    given = Given()
    with pytest.raises(SscardError, match="python-pkcs11 is not installed") as caught:
        open_service(chosen_token("any"), given)
    assert caught.value.hint is not None
    assert "sscard-ic[hsm]" in caught.value.hint.en
    assert given.asked == []


# -- an HSM service ----------------------------------------------------------------------------


def remote(folder: Path, **changes: Any) -> RemoteSettings:
    return client_settings("https://127.0.0.1:9/", certificates(folder), **changes)


def test_an_hsm_service_needs_no_secret(tmp_path: Path) -> None:
    given = Given()
    chosen = KeysSettings(service="remote", remote=remote(tmp_path))
    with closing(open_service(chosen, given)) as service:
        assert isinstance(service, RemoteHsm)
        assert isinstance(service, KeyService)
        assert (service.place, service.environment) == ("https://127.0.0.1:9/", "test")
    assert given.asked == []


def test_certificates_that_are_not_there(tmp_path: Path) -> None:
    lacking = remote(tmp_path, certificate=tmp_path / "none.pem")
    with pytest.raises(SscardError, match=r"none\.pem") as caught:
        open_service(KeysSettings(service="remote", remote=lacking), Given())
    assert caught.value.hint is not None
    assert "[keys.remote]" in caught.value.hint.en


# -- no secret is kept -------------------------------------------------------------------------


def test_secrets_are_overwritten_when_they_have_served(tmp_path: Path) -> None:
    words = secrets.token_bytes(12)
    create_test_vault(tmp_path / "v.json", Secret(words), KEYS).close()
    handed: list[Secret] = []

    class Noting(Given):
        def passphrase(self) -> Secret:
            handed.append(Secret(words))
            return handed[0]

        def hsm_pin(self) -> HsmPin:
            handed.append(Secret(USER_PIN.reveal()))
            return HsmPin(handed[-1], typed=False)

    chosen = KeysSettings.model_validate({"vault": {"path": tmp_path / "v.json"}})
    open_service(chosen, Noting()).close()
    label = new_token()
    create_token(token(label), Noting(), KEYS).close()
    open_service(chosen_token(label), Noting()).close()
    assert len(handed) == 3
    assert [len(secret) for secret in handed] == [0, 0, 0]
