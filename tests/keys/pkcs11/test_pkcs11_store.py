"""Root keys in a token: made, joined, imported, changed and destroyed."""

from __future__ import annotations

import secrets
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pkcs11
import pytest
from pkcs11 import Attribute
from tests.keys.pkcs11.token_view import KBPK, MASTER, STK, again, entries, held_keys
from tests.support.softhsm import (
    USER_PIN,
    new_token,
    open_softhsm,
    published_roots,
    reopen,
    softhsm_settings,
    telling_flags,
)

from sscard_ic.base import FixedClock, Secret
from sscard_ic.base.errors import InputError, SscardError
from sscard_ic.crypto.suites import SUITES
from sscard_ic.keys import (
    CardKey,
    DestroyedKeyError,
    EnvironmentMismatchError,
    ExpiredKeyError,
    KeySpec,
    SoftwareVault,
    UnknownKeyError,
    WrongPurposeError,
    key_block,
)
from sscard_ic.keys.errors import ComponentError, KeyExistsError
from sscard_ic.keys.hierarchy import RootKey, check_value
from sscard_ic.keys.key_block import KeyBlock, KeyBlockError
from sscard_ic.keys.pkcs11 import objects as token_objects
from sscard_ic.keys.pkcs11.errors import HsmError, NotExtractableError
from sscard_ic.keys.pkcs11.host import Pkcs11HostService
from sscard_ic.keys.pkcs11.opening import create_service, open_service
from sscard_ic.keys.service import KeyService
from sscard_ic.keys.store import key_store

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


def test_it_is_a_key_service_and_a_store(token: Pkcs11HostService) -> None:
    service: KeyService = token
    assert service.environment == "test"
    assert key_store(token) is token
    assert token.place.startswith("pkcs11:token=test-")
    assert repr(token) == f"<Pkcs11HostService {token.place}: 0 test keys>"


@pytest.mark.parametrize(
    "spec",
    [
        MASTER,
        STK,
        KBPK,
        KeySpec("UKSSSE", 3, "P1", "external", "3des", date(2026, 1, 1), date(2030, 12, 31)),
        KeySpec("TRANSPORT", 1, "maker", "transport"),
    ],
    ids=lambda spec: spec.name,
)
def test_generate(token: Pkcs11HostService, spec: KeySpec) -> None:
    info = token.generate(spec)
    assert (info.origin, info.state, info.environment) == ("generated", "active", "test")
    assert len(bytes.fromhex(info.check_value)) == 3
    (found,) = [key for key in held_keys(token) if key.label.startswith("sscard:key:")]
    assert found.label == f"sscard:key:{spec.name}:{spec.version}:{spec.family}"
    for attribute in (Attribute.SENSITIVE, Attribute.ALWAYS_SENSITIVE, Attribute.NEVER_EXTRACTABLE):
        assert found[attribute] is True
    for attribute in (Attribute.EXTRACTABLE, Attribute.DECRYPT, Attribute.WRAP, Attribute.UNWRAP):
        assert found[attribute] is False
    assert found[Attribute.ENCRYPT] is (spec.use != "wrap")
    assert found[Attribute.DERIVE] is (spec.use != "transport")
    with pytest.raises(pkcs11.AttributeSensitive):
        found[Attribute.VALUE]
    with closing(again(token)) as opened:
        assert opened.keys() == [info]
        assert opened.faults() == []


def test_transport_key_of_a_token_that_tells_no_check_values(
    token: Pkcs11HostService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may encrypt nothing, so nobody can compute one; components are another matter."""
    monkeypatch.setattr(token_objects, "own_check_value", lambda *asked: b"")
    with pytest.raises(HsmError, match="tells no check value"):
        token.generate(KBPK)
    assert len(held_keys(token)) == 1
    parts = [secrets.token_bytes(32) for _ in range(2)]
    value = bytes(a ^ b for a, b in zip(*parts, strict=True))
    info = token.combine(KBPK, [Secret(part) for part in parts], None)
    assert info.check_value == check_value("aes", Secret(value)).hex().upper()
    assert len(held_keys(token)) == 2
    token.close()
    reopen(token).close()


def test_generated_keys_differ(token: Pkcs11HostService) -> None:
    infos = [token.generate(replace(STK, version=number)) for number in range(1, 5)]
    assert len({info.check_value for info in infos}) == 4


def test_single_des_is_single(token: Pkcs11HostService) -> None:
    """A key of 8 bytes held as 3DES with equal halves gives card keys of 8 bytes."""
    token.generate(STK)
    assert len(token.derive_many("STK", 1, "3des", "210200", bytes(80))) == 80


class TestCombine:
    @pytest.mark.parametrize("spec", [MASTER, STK, KBPK], ids=lambda spec: spec.name)
    def test_what_comes_out(self, token: Pkcs11HostService, spec: KeySpec) -> None:
        parts = [secrets.token_bytes(spec.length) for _ in range(3)]
        value = bytes(a ^ b ^ c for a, b, c in zip(*parts, strict=True))
        expected = check_value(spec.algorithm, Secret(value))
        info = token.combine(spec, [Secret(part) for part in parts], expected)
        assert info.origin == "components"
        assert info.check_value == expected.hex().upper()

    def test_another_check_value(self, token: Pkcs11HostService) -> None:
        parts = [Secret(secrets.token_bytes(16)) for _ in range(2)]
        with pytest.raises(ComponentError, match="does not have the check value"):
            token.combine(MASTER, parts, b"\x00\x00\x00")
        assert token.keys() == []
        assert len(held_keys(token)) == 1

    def test_the_token_has_the_last_word(
        self, token: Pkcs11HostService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A token that wrote other bits than it was given is found out."""
        monkeypatch.setattr(token._keyring, "_check_value", lambda *asked: b"\x01\x02\x03")
        parts = [secrets.token_bytes(16) for _ in range(2)]
        value = Secret(bytes(a ^ b for a, b in zip(*parts, strict=True)))
        with pytest.raises(ComponentError, match="does not have the check value"):
            token.combine(MASTER, [Secret(part) for part in parts], check_value("3des", value))
        assert token.keys() == []
        assert len(held_keys(token)) == 1

    def test_no_check_value(self, token: Pkcs11HostService) -> None:
        parts = [Secret(secrets.token_bytes(16)) for _ in range(2)]
        assert token.combine(MASTER, parts, None).state == "active"

    def test_one_part(self, token: Pkcs11HostService) -> None:
        with pytest.raises(ComponentError):
            token.combine(MASTER, [Secret(secrets.token_bytes(16))], None)


class TestNames:
    def test_of_a_key_that_is_there(self, token: Pkcs11HostService) -> None:
        token.generate(MASTER)
        with pytest.raises(KeyExistsError):
            token.generate(MASTER)

    def test_of_a_key_that_was_there(self, token: Pkcs11HostService) -> None:
        token.generate(MASTER)
        token.destroy("MKSSSE", 1, "3des")
        with pytest.raises(KeyExistsError):
            token.generate(MASTER)
        with closing(again(token)) as opened, pytest.raises(KeyExistsError):
            opened.generate(MASTER)

    def test_des_belongs_to_3des(self, token: Pkcs11HostService) -> None:
        token.generate(STK)
        with pytest.raises(KeyExistsError):
            token.generate(replace(STK, algorithm="3des"))

    def test_that_no_key_may_have(self, token: Pkcs11HostService) -> None:
        with pytest.raises(SscardError):
            token.generate(replace(MASTER, name="a key"))
        assert len(held_keys(token)) == 1


def block_for(spec: KeySpec, value: Secret, kbpk: Secret, environment: Any = "test") -> KeyBlock:
    """A key block under KBPK, as the software vault writes one."""
    expected = check_value(spec.algorithm, value).hex().upper()
    return key_block.seal(KeyBlock(environment, spec, expected, "KBPK", 1), value, kbpk)


class TestBlocks:
    @pytest.fixture
    def kbpk(self, token: Pkcs11HostService) -> Secret:
        """The bits of a transport key that the token has, too."""
        parts = [secrets.token_bytes(32) for _ in range(2)]
        value = Secret(bytes(a ^ b for a, b in zip(*parts, strict=True)))
        token.combine(KBPK, [Secret(part) for part in parts], check_value("aes", value))
        return value

    @pytest.mark.parametrize(
        "spec", [MASTER, replace(KBPK, version=2)], ids=lambda spec: spec.algorithm
    )
    def test_import(self, token: Pkcs11HostService, kbpk: Secret, spec: KeySpec) -> None:
        value = Secret(secrets.token_bytes(spec.length))
        info = token.import_block(block_for(spec, value, kbpk))
        assert info.origin == "block"
        assert info.check_value == check_value(spec.algorithm, value).hex().upper()
        (found,) = [
            key
            for key in held_keys(token)
            if key.label.startswith(f"sscard:key:{spec.name}:{spec.version}")
        ]
        assert found[Attribute.EXTRACTABLE] is False
        assert found[Attribute.SENSITIVE] is True
        if spec is MASTER:
            key = CardKey("MKSSSE", 1, "210200", bytes(range(8)))
            derived = SUITES["3des"].diversify(value.reveal(), bytes(range(8)))
            assert token.check_value(key) == SUITES["3des"].check_value(derived)

    def test_single_des_held_as_3des(self, token: Pkcs11HostService, kbpk: Secret) -> None:
        block = block_for(STK, Secret(secrets.token_bytes(8)), kbpk)
        with pytest.raises(HsmError, match="cannot take them out of a key block"):
            token.import_block(block)

    def test_altered(self, token: Pkcs11HostService, kbpk: Secret) -> None:
        block = block_for(MASTER, Secret(secrets.token_bytes(16)), kbpk)
        wrapped = bytes((block.wrapped[0] ^ 1,)) + block.wrapped[1:]
        for changed in (
            replace(block, wrapped=wrapped),
            replace(block, spec=replace(MASTER, use="mac")),
            replace(block, mac=bytes(16)),
            replace(block, check_value="000000"),
        ):
            with pytest.raises(KeyBlockError):
                token.import_block(changed)
        assert len(token.keys()) == 1
        assert len(held_keys(token)) == 2

    @pytest.mark.parametrize(
        "bits",
        [bytes(16), b"\x01" * 16, bytes.fromhex("E0FEE0FEF1FEF1FE 1F1F1F1F0E0E0E0E")],
        ids=["zeros", "weak", "semi-weak"],
    )
    def test_weak_key(self, token: Pkcs11HostService, kbpk: Secret, bits: bytes) -> None:
        """Its sender has the transport key, and seals what it likes."""
        with pytest.raises(InputError, match="MKSSSE version 1: a weak key"):
            token.import_block(block_for(MASTER, Secret(bits), kbpk))
        with pytest.raises(InputError, match="KBPK version 2: a weak key"):
            token.import_block(block_for(replace(KBPK, version=2), Secret(bytes(32)), kbpk))
        # Neither the key nor an entry of it is left.
        assert len(token.keys()) == 1
        assert len(held_keys(token)) == 2

    def test_check_value_that_was_sealed_wrong(
        self, token: Pkcs11HostService, kbpk: Secret
    ) -> None:
        block = KeyBlock("test", MASTER, "000000", "KBPK", 1)
        with pytest.raises(KeyBlockError):
            token.import_block(key_block.seal(block, Secret(secrets.token_bytes(16)), kbpk))
        assert len(held_keys(token)) == 2

    def test_of_production(self, token: Pkcs11HostService, kbpk: Secret) -> None:
        block = block_for(MASTER, Secret(secrets.token_bytes(16)), kbpk, "production")
        with pytest.raises(EnvironmentMismatchError, match="is one of production"):
            token.import_block(block)

    def test_unknown_transport_key(self, token: Pkcs11HostService) -> None:
        block = block_for(MASTER, Secret(secrets.token_bytes(16)), Secret(bytes(32)))
        with pytest.raises(UnknownKeyError, match="there is no AES key KBPK"):
            token.import_block(block)

    def test_transport_key_that_expired(self, token: Pkcs11HostService, kbpk: Secret) -> None:
        token.set_validity("KBPK", 1, "aes", None, date(2020, 1, 1))
        with pytest.raises(ExpiredKeyError):
            token.import_block(block_for(MASTER, Secret(secrets.token_bytes(16)), kbpk))

    def test_export_is_refused(self, token: Pkcs11HostService) -> None:
        token.generate(MASTER)
        with pytest.raises(NotExtractableError, match="cannot be taken out"):
            token.export_block("MKSSSE", 1, "3des", KBPK)


class TestChange:
    def test_days(self, token: Pkcs11HostService) -> None:
        token.generate(MASTER)
        key = CardKey("MKSSSE", 1, "210200", bytes(8))
        for last in (date(2020, 1, 1), date(2019, 1, 1)):
            info = token.set_validity("MKSSSE", 1, "3des", date(2018, 1, 1), last)
            assert (info.valid_from, info.valid_until) == (date(2018, 1, 1), last)
            with pytest.raises(ExpiredKeyError):
                token.cryptogram(key, bytes(8), bytes(8))
        assert len(entries(token)) == 2  # the token's own, and one of the key
        with closing(again(token)) as opened:
            assert opened.keys() == [info]

    def test_days_that_contradict_each_other(self, token: Pkcs11HostService) -> None:
        info = token.generate(MASTER)
        with pytest.raises(SscardError):
            token.set_validity("MKSSSE", 1, "3des", date(2026, 1, 2), date(2026, 1, 1))
        assert token.keys() == [info]

    def test_destroy(self, token: Pkcs11HostService) -> None:
        token.generate(MASTER)
        key = CardKey("MKSSSE", 1, "210200", bytes(8))
        token.check_value(key)
        info = token.destroy("MKSSSE", 1, "3des")
        assert info.state == "destroyed"
        assert info.destroyed is not None
        assert len(held_keys(token)) == 1
        with pytest.raises(DestroyedKeyError):
            token.cryptogram(key, bytes(8), bytes(8))
        with pytest.raises(DestroyedKeyError):
            token.destroy("MKSSSE", 1, "3des")
        with pytest.raises(DestroyedKeyError):
            token.set_validity("MKSSSE", 1, "3des", None, None)
        with closing(again(token)) as opened:
            assert opened.keys() == [info]
            assert opened.faults() == []

    def test_destroy_what_was_derived(self, token: Pkcs11HostService) -> None:
        """Not even the check value of a card key is told any more."""
        token.generate(KeySpec("UKSSSE", 1, "P1", "external"))
        key = CardKey("UKSSSE", 1, "210200", bytes(8))
        token.expect_cards("210200", [bytes(8)])
        token.check_value(key)
        token.destroy("UKSSSE", 1, "3des")
        with pytest.raises(DestroyedKeyError):
            token.check_value(key)

    def test_unknown(self, token: Pkcs11HostService) -> None:
        with pytest.raises(UnknownKeyError):
            token.destroy("MKSSSE", 1, "3des")
        with pytest.raises(UnknownKeyError):
            token.set_validity("MKSSSE", 1, "3des", None, None)


class TestEnvironments:
    def test_production_token_for_test_settings(self) -> None:
        settings = softhsm_settings(new_token())
        production = settings.model_copy(update={"environment": "production"})
        with closing(create_service(production, USER_PIN)) as service:
            assert service.environment == "production"
            assert service.generate(MASTER).environment == "production"
        with pytest.raises(EnvironmentMismatchError, match="holds production keys"):
            open_service(settings, USER_PIN)
        open_service(production, USER_PIN).close()

    def test_no_published_keys_in_production(self, vault: SoftwareVault) -> None:
        settings = softhsm_settings(new_token()).model_copy(update={"environment": "production"})
        roots = [root for root in published_roots(vault.keys()) if root.algorithm != "sm4"]
        with pytest.raises(EnvironmentMismatchError, match="do not go into a token of production"):
            create_service(settings, USER_PIN, roots=roots)
        with pytest.raises(HsmError, match="not prepared"):
            open_service(settings, USER_PIN)

    def test_prepared_once_only(self, token: Pkcs11HostService) -> None:
        token.close()
        with pytest.raises(HsmError, match="they are not overwritten"):
            create_service(token.settings, USER_PIN)


def test_read_only_token(token: Pkcs11HostService) -> None:
    info = token.generate(MASTER)
    token.close()
    with telling_flags(pkcs11.TokenFlag.WRITE_PROTECTED), closing(reopen(token)) as opened:
        assert opened.keys() == [info]
        assert isinstance(opened, Pkcs11HostService)
        opened.check_value(CardKey("MKSSSE", 1, "210200", bytes(8)))
        with pytest.raises(HsmError, match="the token is read-only"):
            opened.generate(replace(MASTER, version=2))
        with pytest.raises(HsmError, match="the token is read-only"):
            opened.destroy("MKSSSE", 1, "3des")
        with pytest.raises(HsmError, match="the token is read-only"):
            opened.set_validity("MKSSSE", 1, "3des", None, None)
    settings = softhsm_settings(new_token())
    with (
        telling_flags(pkcs11.TokenFlag.WRITE_PROTECTED),
        pytest.raises(HsmError, match="the token is read-only"),
    ):
        create_service(settings, USER_PIN)


def test_what_the_ledger_keeps(token: Pkcs11HostService) -> None:
    sealed = token.sealer().seal(b"a person", "card 1")
    digest = token.digest("210202199001011234", "number")
    with closing(again(token)) as opened:
        assert opened.sealer().unseal(sealed, "card 1") == b"a person"
        assert opened.digest("210202199001011234", "number") == digest
        assert opened.digest("210202199001011234", "name") != digest
        with closing(open_softhsm([])) as other:
            assert other.digest("210202199001011234", "number") != digest
            with pytest.raises(SscardError):
                other.sealer().unseal(sealed, "card 1")


def test_clock(vault: SoftwareVault) -> None:
    settings = softhsm_settings(new_token())
    with closing(create_service(settings, USER_PIN, clock=FixedClock(NOW))) as service:
        assert service.generate(MASTER).created == NOW
        assert service.destroy("MKSSSE", 1, "3des").destroyed == NOW


def test_published_roots_keep_their_origin(token: Pkcs11HostService) -> None:
    value = Secret(secrets.token_bytes(16))
    token.bring_in([RootKey.of(MASTER, value, NOW, "published")])
    (info,) = token.keys()
    assert (info.origin, info.created) == ("published", NOW)


def test_purposes(token: Pkcs11HostService) -> None:
    token.generate(replace(MASTER, name="DTK", use="tac"))
    with pytest.raises(WrongPurposeError):
        token.mac(CardKey("DTK", 1, "210200", bytes(8)), b"")
