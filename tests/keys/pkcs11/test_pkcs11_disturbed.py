"""Root keys in a token that others change, that fails in the middle, or that was tampered with."""

from __future__ import annotations

import secrets
from contextlib import closing
from dataclasses import replace
from datetime import date
from typing import Any

import pkcs11
import pytest
from pkcs11 import Attribute, ObjectClass
from tests.keys.pkcs11.token_view import MASTER, again, entries, held_keys
from tests.support.softhsm import (
    MODULE,
    USER_PIN,
    answering,
    new_token,
    published_roots,
    reopen,
    softhsm_settings,
)

from sscard_ic.base import SystemClock
from sscard_ic.keys import (
    CardKey,
    DestroyedKeyError,
    SoftwareVault,
    UnknownKeyError,
)
from sscard_ic.keys.errors import KeyExistsError
from sscard_ic.keys.pkcs11.errors import HsmError
from sscard_ic.keys.pkcs11.host import Pkcs11HostService
from sscard_ic.keys.pkcs11.opening import create_service, open_service
from sscard_ic.keys.pkcs11.service import Pkcs11Service

GENERAL_ERROR = 0x05


class TestOthers:
    """Another program works with the same token."""

    def test_it_adds_a_key(self, token: Pkcs11HostService) -> None:
        other = self.beside(token)
        other.generate(MASTER)
        with pytest.raises(UnknownKeyError):
            token.root_info("MKSSSE", 1)
        with pytest.raises(KeyExistsError):
            token.generate(MASTER)
        assert token.root_info("MKSSSE", 1).state == "active"

    def test_it_destroys_a_key(self, token: Pkcs11HostService) -> None:
        token.generate(MASTER)
        self.beside(token).destroy("MKSSSE", 1, "3des")
        with pytest.raises(HsmError):
            token.check_value(CardKey("MKSSSE", 1, "210200", bytes(8)))
        with pytest.raises(DestroyedKeyError):
            token.set_validity("MKSSSE", 1, "3des", None, None)
        with pytest.raises(DestroyedKeyError):
            token.require_key("MKSSSE", 1, "3des")

    def test_it_removes_an_entry(self, token: Pkcs11HostService) -> None:
        token.generate(MASTER)
        for entry in entries(token):
            if entry[Attribute.LABEL] == "sscard:key:MKSSSE:1:3des":
                entry.destroy()
        with pytest.raises(HsmError, match=r"the entry sscard:key:MKSSSE:1:3des .* was altered"):
            token.set_validity("MKSSSE", 1, "3des", None, None)

    def beside(self, service: Pkcs11Service) -> Pkcs11HostService:
        """The same token by the same session, as read by a program that knows nothing of ours."""
        return Pkcs11HostService(service._token, service.settings, SystemClock())


class TestInterrupted:
    """A call of the library that fails leaves everything as it was, or can be asked again."""

    @pytest.mark.parametrize(
        "name", ["C_GenerateKey", "C_EncryptInit", "C_Encrypt", "C_CreateObject", "C_Sign"]
    )
    def test_generate(self, token: Pkcs11HostService, name: str) -> None:
        with answering(name, GENERAL_ERROR), pytest.raises(HsmError):
            token.generate(MASTER)
        assert token.keys() == []
        assert len(held_keys(token)) == 1
        assert token.faults() == []
        token.generate(MASTER)

    def test_full(self, token: Pkcs11HostService) -> None:
        with (
            answering("C_GenerateKey", 0x31),
            pytest.raises(HsmError, match=r"the HSM is full \(DeviceMemory\)"),
        ):
            token.generate(MASTER)

    def test_not_even_removed(self, token: Pkcs11HostService) -> None:
        """A key that stays without an entry is named, and its name is free."""
        with (
            answering("C_CreateObject", GENERAL_ERROR),
            answering("C_DestroyObject", GENERAL_ERROR),
            pytest.raises(HsmError),
        ):
            token.generate(MASTER)
        with closing(again(token)) as opened:
            (fault,) = opened.faults()
            assert "sscard:key:MKSSSE:1:3des" in fault.en
            assert "has no entry" in fault.en
            with pytest.raises(UnknownKeyError):
                opened.root_info("MKSSSE", 1)
            opened.generate(MASTER)

    def test_destroyed_without_being_marked(self, token: Pkcs11HostService) -> None:
        token.generate(MASTER)
        with answering("C_CreateObject", GENERAL_ERROR), pytest.raises(HsmError):
            token.destroy("MKSSSE", 1, "3des")
        key = CardKey("MKSSSE", 1, "210200", bytes(8))
        for service in (token, again(token)):
            (fault,) = service.faults()
            assert "but not the key" in fault.en
            assert isinstance(service, Pkcs11HostService)
            if service is not token:
                with pytest.raises(HsmError, match="but not the key"):
                    service.cryptogram(key, bytes(8), bytes(8))
                with pytest.raises(HsmError, match="but not the key"):
                    service.require_key("MKSSSE", 1, "3des")
                assert service.destroy("MKSSSE", 1, "3des").state == "destroyed"
                assert service.faults() == []
                service.close()

    def test_new_days_beside_the_old_ones(self, token: Pkcs11HostService) -> None:
        """The newer entry counts; the older one goes with the next change."""
        token.generate(MASTER)
        with answering("C_DestroyObject", GENERAL_ERROR):
            token.set_validity("MKSSSE", 1, "3des", None, date(2030, 1, 1))
        assert len(entries(token)) == 3
        with closing(again(token)) as opened:
            assert opened.root_info("MKSSSE", 1).valid_until == date(2030, 1, 1)
            opened.set_validity("MKSSSE", 1, "3des", None, date(2031, 1, 1))
            assert len(entries(opened)) == 2

    @pytest.mark.parametrize("name", ["C_GenerateKey", "C_DeriveKey", "C_CreateObject", "C_Sign"])
    def test_preparation(self, name: str) -> None:
        settings = softhsm_settings(new_token())
        with answering(name, GENERAL_ERROR), pytest.raises(HsmError):
            create_service(settings, USER_PIN)
        with pytest.raises(HsmError, match="the token was not prepared"):
            open_service(settings, USER_PIN)
        create_service(settings, USER_PIN).close()

    def test_preparation_that_left_its_key(self) -> None:
        settings = softhsm_settings(new_token())
        with (
            answering("C_CreateObject", GENERAL_ERROR),
            answering("C_DestroyObject", GENERAL_ERROR),
            pytest.raises(HsmError),
        ):
            create_service(settings, USER_PIN)
        with pytest.raises(HsmError, match="the token was not prepared"):
            open_service(settings, USER_PIN)
        with closing(create_service(settings, USER_PIN)) as service:
            assert len(held_keys(service)) == 1

    def test_roots_of_which_one_fails(self, vault: SoftwareVault) -> None:
        settings = softhsm_settings(new_token())
        roots = [root for root in published_roots(vault.keys()) if root.algorithm != "sm4"]
        with pytest.raises(KeyExistsError):
            create_service(settings, USER_PIN, roots=[*roots, roots[0]])
        with closing(create_service(settings, USER_PIN)) as service:
            assert len(held_keys(service)) == 1


class TestTampering:
    """Whoever edits the token by other means is found out when it is opened."""

    @pytest.fixture
    def filled(self, token: Pkcs11HostService) -> Pkcs11HostService:
        """A token with two keys."""
        token.generate(MASTER)
        token.generate(replace(MASTER, version=2))
        return token

    def rewritten(self, service: Pkcs11Service, label: str, **edited: Any) -> None:
        """Replace a data object by an edited one."""
        (entry,) = [each for each in entries(service) if each[Attribute.LABEL] == label]
        told = {
            Attribute.CLASS: ObjectClass.DATA,
            Attribute.TOKEN: True,
            Attribute.PRIVATE: True,
            Attribute.APPLICATION: "sscard-ic",
            Attribute.LABEL: edited.get("under", label),
            Attribute.VALUE: edited.get("value", entry[Attribute.VALUE]),
        }
        entry.session.create_object(told)
        entry.destroy()

    def refused(self, service: Pkcs11Service, label: str) -> None:
        service.close()
        with pytest.raises(HsmError, match=f"the entry {label} in the token was altered"):
            reopen(service)

    def test_days(self, filled: Pkcs11HostService) -> None:
        filled.set_validity("MKSSSE", 1, "3des", None, date(2020, 1, 1))
        label = "sscard:key:MKSSSE:1:3des"
        (entry,) = [each for each in entries(filled) if each[Attribute.LABEL] == label]
        value = entry[Attribute.VALUE].replace(b'"2020-01-01"', b'"2090-01-01"')
        assert value != entry[Attribute.VALUE]
        self.rewritten(filled, label, value=value)
        self.refused(filled, label)

    def test_entry_of_another_key(self, filled: Pkcs11HostService) -> None:
        label = "sscard:key:MKSSSE:2:3des"
        self.rewritten(filled, label, under="sscard:key:IRK:1:3des")
        self.refused(filled, "sscard:key:IRK:1:3des")

    def test_environment(self, filled: Pkcs11HostService) -> None:
        (entry,) = [each for each in entries(filled) if each[Attribute.LABEL] == "sscard:token"]
        value = entry[Attribute.VALUE].replace(b'"test"', b'"production"')
        self.rewritten(filled, "sscard:token", value=value)
        self.refused(filled, "sscard:token")

    def test_entry_of_the_token_removed(self, filled: Pkcs11HostService) -> None:
        (entry,) = [each for each in entries(filled) if each[Attribute.LABEL] == "sscard:token"]
        entry.destroy()
        self.refused(filled, "sscard:token")

    @pytest.mark.parametrize("extractable", [False, True])
    def test_key_put_in_its_place(self, filled: Pkcs11HostService, extractable: bool) -> None:
        label = "sscard:key:MKSSSE:1:3des"
        (key,) = [each for each in held_keys(filled) if each.label == label]
        told = {
            Attribute.CLASS: ObjectClass.SECRET_KEY,
            Attribute.KEY_TYPE: pkcs11.KeyType.DES2,
            Attribute.TOKEN: True,
            Attribute.LABEL: label,
            Attribute.ID: key.id,
            Attribute.ENCRYPT: True,
            Attribute.SENSITIVE: True,
            Attribute.EXTRACTABLE: extractable,
            Attribute.VALUE: secrets.token_bytes(16),
        }
        key.session.create_object(told)
        key.destroy()
        self.refused(filled, label)

    def test_key_beside_it(self, filled: Pkcs11HostService) -> None:
        """One with the same identifier: nobody could say which is meant."""
        label = "sscard:key:MKSSSE:1:3des"
        (key,) = [each for each in held_keys(filled) if each.label == label]
        key.session.create_object(
            {
                Attribute.CLASS: ObjectClass.SECRET_KEY,
                Attribute.KEY_TYPE: pkcs11.KeyType.DES2,
                Attribute.TOKEN: True,
                Attribute.LABEL: label,
                Attribute.ID: key.id,
                Attribute.SENSITIVE: True,
                Attribute.EXTRACTABLE: False,
                Attribute.VALUE: secrets.token_bytes(16),
            }
        )
        self.refused(filled, label)

    def test_storage_key_replaced(self, filled: Pkcs11HostService) -> None:
        (key,) = [each for each in held_keys(filled) if each.label == "sscard:storage"]
        key.session.create_object(
            {
                Attribute.CLASS: ObjectClass.SECRET_KEY,
                Attribute.KEY_TYPE: pkcs11.KeyType.AES,
                Attribute.TOKEN: True,
                Attribute.LABEL: "sscard:storage",
                Attribute.DERIVE: True,
                Attribute.SENSITIVE: True,
                Attribute.EXTRACTABLE: False,
                Attribute.VALUE: secrets.token_bytes(32),
            }
        )
        self.refused(filled, "sscard:storage")

    def test_others_are_left_alone(self, filled: Pkcs11HostService) -> None:
        """Objects of other programs, their labels in any code."""
        mapper = pkcs11.attributes.AttributeMapper()
        mapper.register_handler(Attribute.LABEL, bytes, bytes)
        found = pkcs11.lib(str(MODULE.resolve())).get_token(token_label=filled.settings.token_label)
        session = found.open(rw=True, attribute_mapper=mapper)
        told = {
            Attribute.CLASS: ObjectClass.SECRET_KEY,
            Attribute.KEY_TYPE: pkcs11.KeyType.AES,
            Attribute.TOKEN: True,
            Attribute.LABEL: "卡".encode("gb18030"),
            Attribute.VALUE: bytes(16),
        }
        session.create_object({**told, Attribute.PRIVATE: False})
        with closing(again(filled)) as opened:
            assert len(opened.keys()) == 2
            assert opened.faults() == []
            opened.destroy("MKSSSE", 1, "3des")
            assert len(held_keys(opened)) == 3
            (foreign,) = [key for key in held_keys(opened) if not key.id]
            foreign.destroy()
