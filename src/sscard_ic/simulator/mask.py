"""The chip's mask: what the card enforces although no command of its dialect says so.

Third-generation cards protect single records (ref 01 §8: "a COS protects files, not records");
such rules come from the profile when a virtual chip is made and are part of the chip.
"""

from __future__ import annotations

from typing import Any

from sscard_ic.base import InputError, Text
from sscard_ic.profile.access import AccessRule
from sscard_ic.profile.structure import Located, Structure
from sscard_ic.simulator.rules import NO_RECORD_RULES, KeyRule, Kind, RecordRules

_KINDS: dict[str, Kind] = {"free": "free", "never": "never", "internal": "never"}


class Mask:
    """Record rules by directory name and file identifier."""

    __slots__ = ("_files",)

    def __init__(self, rules: list[dict[str, Any]]) -> None:
        self._files: dict[tuple[bytes, int], RecordRules] = {}
        for rule in rules:
            place = bytes.fromhex(rule["directory"]), int(rule["file"], 16)
            file = self._files.setdefault(place, RecordRules({}, {}))
            keys = tuple((bytes.fromhex(name), int(id_, 16)) for name, id_ in rule["keys"])
            operation = file.read if rule["operation"] == "read" else file.update
            operation[rule["record"]] = KeyRule(rule["kind"], rule["pin"], keys)

    def record_rules(self, name: bytes, fid: int) -> RecordRules:
        """The rules for one file."""
        return self._files.get((name, fid), NO_RECORD_RULES)


def mask_rules(structure: Structure) -> list[dict[str, Any]]:
    """The record rules of a national profile, as an image keeps them.

    Raises :class:`InputError` when a record asks for a MAC on update, which this chip has not.
    """
    rules: list[dict[str, Any]] = []
    for item in structure.locate_all():
        if item.number == 0:
            continue
        for operation, own, file in (
            ("read", item.item.read, item.file.read),
            ("update", item.item.update, item.file.update),
        ):
            if own is not None and own != file:
                rules.append(_state(structure, item, operation, own))
    return rules


def _state(structure: Structure, item: Located, operation: str, rule: AccessRule) -> dict[str, Any]:
    if rule.mac is not None:
        raise InputError(
            Text("虚拟卡不校验记录更新的 MAC", "the virtual card checks no MAC on record updates"),
            where=item.path,
            hint=Text("去掉规则中的 +mac", "leave +mac out of the rule"),
        )
    keys = [structure.keys[name] for name in rule.keys]
    return {
        "directory": item.directory.name.hex().upper(),
        "file": f"{item.fid:04X}",
        "record": item.number,
        "operation": operation,
        "kind": _KINDS.get(rule.kind, rule.logic),
        "pin": rule.pin,
        "keys": [
            [structure.directories[key.directory].name.hex().upper(), f"{key.id:02X}"]
            for key in keys
        ],
    }
