"""Cards that ask for MACs, and commands with them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.simulator import cards
from tests.simulator.cards import Card

from sscard_ic.apdu import Command
from sscard_ic.crypto.secure_messaging import Method, covered, message_key
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.profile import AccessRule, CardProfile
from sscard_ic.profile.structure import File, Item, Key

STK = "20" * 8
UKSSSE, RKSSSE = (0x04, "41" * 16), (0x0A, "A1" * 16)
BK, PUK = (0x05, "50" * 16), (0x06, "60" * 16)


def profile(
    *,
    messaging: dict[str, Any] | None = None,
    settings: dict[str, Any] | None = None,
    features: dict[str, Any] | None = None,
    files: dict[str, dict[str, str]] | None = None,
    items: dict[str, dict[str, str]] | None = None,
    keys: dict[str, dict[str, str]] | None = None,
) -> CardProfile:
    """Version 2.00 with other settings, and other rules.

    ``files`` (``SSSE.EF05``), ``items`` (``SSSE.EF05.02``) and ``keys`` (``UKSSSE``) say which:
    operation → rule.
    """
    made = cards.with_dialect(settings=settings, features=features, name="2.00")
    changed = made.dialect.messaging.model_copy(update=messaging or {})
    structure = made.structure
    directories = dict(structure.directories)
    for place, rules in {**(files or {}), **(items or {})}.items():
        name, file_name, *tag = place.split(".")
        directory = directories[name]
        file = directory.files[file_name]
        parsed = {operation: AccessRule.parse(rule) for operation, rule in rules.items()}
        file = (
            _item_changed(file, int(tag[0], 16), parsed) if tag else file.model_copy(update=parsed)
        )
        files_ = {**directory.files, file_name: file}
        directories[name] = directory.model_copy(update={"files": files_})
    declared = {name: _key_changed(key, (keys or {}).get(name)) for name, key in made.keys.items()}
    return replace(
        made,
        dialect=made.dialect.model_copy(update={"messaging": changed}),
        structure=structure.model_copy(update={"directories": directories, "keys": declared}),
    )


def _item_changed(file: File, tag: int, rules: dict[str, AccessRule]) -> File:
    def changed(item: Item) -> Item:
        return item.model_copy(update=rules) if item.tag == tag else item

    return file.model_copy(update={"items": tuple(map(changed, file.items))})


def _key_changed(key: Key, rules: dict[str, str] | None) -> Key:
    parsed = {operation: AccessRule.parse(rule) for operation, rule in (rules or {}).items()}
    return key.model_copy(update=parsed)


def with_mac(
    card: Card,
    apdu: str,
    key: str = STK,
    *,
    method: Method = "card_key",
    algorithm: Algorithm = "3des",
    challenge: str = "0084000008",
) -> str:
    """The command in ``apdu`` (plain form) with a MAC for a fresh challenge, Le kept."""
    drawn = bytes.fromhex(card.data(challenge))
    plain = Command.parse(bytes.fromhex(apdu))
    command = replace(plain, cla=plain.cla | 0x04)
    protection = message_key(algorithm, bytes.fromhex(key), drawn, method)
    mac = protection.mac(covered(command.header, command.data))
    return bytes(replace(command, data=command.data + mac)).hex().upper()


def spoilt(apdu: str, at: int = -1) -> str:
    """``apdu`` with another byte, by default the last."""
    raw = bytearray(bytes.fromhex(apdu))
    raw[at] ^= 0x01
    return raw.hex().upper()
