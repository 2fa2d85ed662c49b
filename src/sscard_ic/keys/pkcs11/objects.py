"""Objects of a token: the templates that keys are made by, and the finding of what is there."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pkcs11
from pkcs11 import Attribute, ObjectClass
from pkcs11.attributes import AttributeMapper

from sscard_ic.keys.inventory import Use
from sscard_ic.keys.pkcs11.cryptoki import Template
from sscard_ic.keys.pkcs11.mechanisms import Cipher
from sscard_ic.keys.pkcs11.records import APPLICATION, DataObject
from sscard_ic.keys.pkcs11.token import OpenToken

Attributes = Mapping[Attribute, Any]

_MAPPER = AttributeMapper()
_USAGES = (
    Attribute.ENCRYPT,
    Attribute.DECRYPT,
    Attribute.SIGN,
    Attribute.VERIFY,
    Attribute.WRAP,
    Attribute.UNWRAP,
    Attribute.DERIVE,
)


def usages(use: Use) -> frozenset[Attribute]:
    """What the object of a root key may be used for, and no more.

    A transport key of key blocks only derives: its two keys are made inside and stay there.
    """
    if use == "wrap":
        return frozenset({Attribute.DERIVE})
    if use == "transport":
        return frozenset({Attribute.ENCRYPT})
    return frozenset({Attribute.ENCRYPT, Attribute.DERIVE})


@dataclass(frozen=True, slots=True)
class Stored:
    """How a key that stays in the token is found again."""

    label: str
    key_id: bytes


def secret_key(
    cipher: Cipher, allowed: frozenset[Attribute], stored: Stored | None = None
) -> Attributes:
    """Template of a key that the token gives to nobody, of this session or ``stored``."""
    template: dict[Attribute, Any] = {
        Attribute.CLASS: ObjectClass.SECRET_KEY,
        Attribute.KEY_TYPE: cipher.key_type,
        Attribute.TOKEN: stored is not None,
        Attribute.PRIVATE: True,
        Attribute.SENSITIVE: True,
        Attribute.EXTRACTABLE: False,
        **{usage: usage in allowed for usage in _USAGES},
    }
    if stored is not None:
        template[Attribute.LABEL] = stored.label
        template[Attribute.ID] = stored.key_id
        template[Attribute.MODIFIABLE] = False
    return template


def sized(template: Attributes, cipher: Cipher, length: int) -> Attributes:
    """The template of a generated or derived key, with its length where that is asked for."""
    return {**template, Attribute.VALUE_LEN: length} if cipher.value_length else template


def packed(template: Attributes) -> Template:
    """The template as the functions by number take it."""
    return {int(key): _MAPPER.pack_attribute(key, value) for key, value in template.items()}


@dataclass(frozen=True, slots=True)
class KeyObject:
    """A secret key that lies in the token."""

    label: str
    key_id: bytes
    handle: int
    kept_inside: bool
    """Whether the token gives its bits to nobody."""


def key_objects(token: OpenToken, key_id: bytes | None = None) -> list[KeyObject]:
    """Every secret key that lies in the token, others' too; or those with one identifier."""
    wanted: dict[Attribute, Any] = {
        Attribute.CLASS: ObjectClass.SECRET_KEY,
        Attribute.TOKEN: True,
    }
    if key_id is not None:
        wanted[Attribute.ID] = key_id
    found = token.session.get_objects(wanted)
    return [_key_object(each) for each in list(found)]


def _key_object(found: Any) -> KeyObject:
    told = found.get_attributes(
        (Attribute.LABEL, Attribute.ID, Attribute.SENSITIVE, Attribute.EXTRACTABLE)
    )
    return KeyObject(
        told.get(Attribute.LABEL, ""),
        told.get(Attribute.ID, b""),
        int(found.handle),
        bool(told.get(Attribute.SENSITIVE)) and not told.get(Attribute.EXTRACTABLE, True),
    )


def data_objects(token: OpenToken, label: str | None = None) -> list[DataObject]:
    """Every data object of ours, or those with one label."""
    wanted: dict[Attribute, Any] = {
        Attribute.CLASS: ObjectClass.DATA,
        Attribute.APPLICATION: APPLICATION,
    }
    if label is not None:
        wanted[Attribute.LABEL] = label
    found = token.session.get_objects(wanted)
    objects = []
    for each in list(found):
        told = each.get_attributes((Attribute.LABEL, Attribute.VALUE))
        label_told, value = told.get(Attribute.LABEL, ""), told.get(Attribute.VALUE, b"")
        objects.append(DataObject(label_told, value, int(each.handle)))
    return objects


def write_data(token: OpenToken, label: str, value: bytes) -> DataObject:
    """A new data object; older ones of the same label stay."""
    template = {
        Attribute.CLASS: ObjectClass.DATA,
        Attribute.TOKEN: True,
        Attribute.PRIVATE: True,
        Attribute.APPLICATION: APPLICATION,
        Attribute.LABEL: label,
        Attribute.VALUE: value,
    }
    return DataObject(label, value, token.functions.create(token.handle, packed(template)))


def own_check_value(token: OpenToken, key_id: bytes) -> bytes:
    """The 3 bytes that the token itself tells of a stored key; empty when it tells none."""
    for found in list(
        token.session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.ID: key_id})
    ):
        with suppress(pkcs11.AttributeTypeInvalid, pkcs11.FunctionFailed):
            return bytes(found[Attribute.CHECK_VALUE])
    return b""
