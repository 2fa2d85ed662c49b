"""Reading the inventory of a token: entries, the keys they tell of, and what does not fit."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sscard_ic.base.errors import Text
from sscard_ic.keys.inventory import KeyInfo, KeySpec
from sscard_ic.keys.pkcs11 import objects, records
from sscard_ic.keys.pkcs11.objects import KeyObject
from sscard_ic.keys.pkcs11.records import DataObject, KeyRecord, Mac, TokenRecord
from sscard_ic.keys.pkcs11.token import OpenToken

Place = tuple[str, int, str]
"""Name, version and family of a key."""
Told = tuple[DataObject, KeyRecord]


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of the inventory: its record, where that lies, and the key itself."""

    record: KeyRecord
    data: DataObject
    handle: int | None
    """None once it is destroyed, or when somebody removed it."""

    @property
    def info(self) -> KeyInfo:
        """What may be told about it."""
        return self.record.info

    @property
    def missing(self) -> bool:
        """Whether the key should be there and is not."""
        return self.handle is None and self.record.state == "active"


@dataclass(frozen=True, slots=True)
class Contents:
    """What lies in a token."""

    token: TokenRecord
    entries: Mapping[Place, Entry]
    strays: Sequence[str]
    """Labels of keys without an entry; an interruption left them, or somebody put them there."""

    def faults(self) -> list[Text]:
        """What does not fit, in words; none of it is ever used."""
        missing = [key_missing(each.info) for each in self.entries.values() if each.missing]
        return missing + [
            Text(
                f"令牌中的密钥对象 {label} 没有登记项，不会被使用",
                f"the key object {label} in the token has no entry, and is never used",
            )
            for label in self.strays
        ]


def family_of(algorithm: str) -> str:
    """The family of an algorithm: single DES belongs to 3DES."""
    return "3des" if algorithm == "des" else algorithm


def place_of(spec: KeySpec) -> Place:
    """By which a key is found."""
    return spec.name, spec.version, spec.family


def key_missing(info: KeyInfo) -> Text:
    """An entry tells of a key that the token does not hold."""
    return Text(
        f"令牌中没有密钥 {info.name} 版本 {info.version} 的密钥对象，只有其登记项",
        f"the token holds the entry of the key {info.name} version {info.version}, but not the key",
    )


def read(token: OpenToken, mac: Mac) -> Contents:
    """Everything of this program's in the token; raises :class:`HsmError` when it was altered."""
    place = token.place
    keys = [key for key in objects.key_objects(token) if key.label.startswith(records.KEY_LABEL)]
    data = objects.data_objects(token)
    if not data:
        raise records.not_prepared(place)
    of_token = [each for each in data if each.label == records.TOKEN_LABEL]
    if len(of_token) != 1:
        raise records.altered(records.TOKEN_LABEL, place)
    token_record = records.unsealed(of_token[0], TokenRecord, mac, place)
    held = _by_id(keys, place)
    newest: dict[str, Told] = {}
    for each in data:
        if each.label != records.TOKEN_LABEL:
            told = each, records.unsealed(each, KeyRecord, mac, place)
            newest[each.label] = _newer(newest.get(each.label, told), told)
    found = [_entry(told, held) for told in newest.values()]
    known = {entry.handle for entry in found}
    return Contents(
        token_record,
        {place_of(entry.info): entry for entry in found},
        strays=sorted(key.label for key in held.values() if key.handle not in known),
    )


def find(token: OpenToken, mac: Mac, spec: KeySpec) -> tuple[Entry | None, list[DataObject]]:
    """The entry of one key as it is now, and older ones that an interruption has left."""
    place = token.place
    data = objects.data_objects(token, records.key_label(spec))
    told = [(each, records.unsealed(each, KeyRecord, mac, place)) for each in data]
    if not told:
        return None, []
    newest = functools.reduce(_newer, told)
    keys = objects.key_objects(token, bytes.fromhex(newest[1].key_id))
    return _entry(newest, _by_id(keys, place)), [each for each in data if each != newest[0]]


def _newer(one: Told, other: Told) -> Told:
    return other if other[1].revision > one[1].revision else one


def _entry(told: Told, held: Mapping[str, KeyObject]) -> Entry:
    data, record = told
    key = held.get(record.key_id) if record.state == "active" else None
    return Entry(record, data, key.handle if key else None)


def _by_id(keys: Sequence[KeyObject], place: str) -> dict[str, KeyObject]:
    held: dict[str, KeyObject] = {}
    for key in keys:
        if key.key_id.hex() in held or not key.kept_inside:
            raise records.altered(key.label, place)
        held[key.key_id.hex()] = key
    return held
