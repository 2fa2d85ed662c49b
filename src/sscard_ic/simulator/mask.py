"""The chip's mask: what the card enforces although no command of its dialect says so.

Third-generation cards protect single records (ref 01 §8: "a COS protects files, not records"),
and few dialects can ask for a MAC or for one of two keys; such rules come from the profile when a
virtual chip is made and are part of the chip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sscard_ic.profile.access import AccessRule
from sscard_ic.profile.dialect import Dialect
from sscard_ic.profile.structure import Structure
from sscard_ic.simulator.files import FileSpec
from sscard_ic.simulator.rules import (
    FREE,
    NEVER,
    NO_RECORD_RULES,
    KeyRule,
    MacRule,
    RecordRules,
    Rule,
)

_WITHOUT_CONDITIONS: dict[str, Rule] = {"free": FREE, "never": NEVER, "internal": NEVER}
_WHOLE_FILE = 0
"""In place of a record number; rules of transparent files have no other."""

_Place = tuple[bytes, int]
"""Name of the directory, and identifier of the file or P2 of the key."""


class Mask:
    """Rules by directory name and identifier of file or key."""

    __slots__ = ("_files", "_keys", "_records", "unlock")

    def __init__(self, rules: list[dict[str, Any]]) -> None:
        self.unlock: Rule = NEVER
        """What must hold before the PIN is unblocked, where the COS keeps no such rule."""
        self._records: dict[_Place, RecordRules] = {}
        self._files: dict[_Place, dict[str, Rule]] = {}
        self._keys: dict[tuple[_Place, int], Rule] = {}
        for state in rules:
            if "unlock" in state:
                self.unlock = _rule(state)
                continue
            if "key" in state:
                place = _pair((state["directory"], state["key"]))
                self._keys[place, int(state["type"], 16)] = _rule(state)
                continue
            place = _pair((state["directory"], state["file"]))
            if state["record"] == _WHOLE_FILE:
                self._files.setdefault(place, {})[state["operation"]] = _rule(state)
                continue
            file = self._records.setdefault(place, RecordRules())
            operation = file.read if state["operation"] == "read" else file.update
            operation[state["record"]] = _rule(state)

    def record_rules(self, name: bytes, fid: int) -> RecordRules:
        """The rules for single records of one file."""
        return self._records.get((name, fid), NO_RECORD_RULES)

    def use_rule(self, name: bytes, reference: int, type_: int) -> Rule | None:
        """The rule for using a key: directory, P2 and type byte; None when there is none here."""
        return self._keys.get(((name, reference), type_))

    def changed(self, name: bytes, spec: FileSpec) -> FileSpec:
        """A file in the directory ``name`` with the rules that its own bytes cannot say."""
        rules = self._files.get((name, spec.fid))
        if rules is None:
            return spec
        return replace(
            spec,
            read=rules.get("read", spec.read),
            write=rules.get("update", spec.write),
            append=rules.get("append", spec.append),
        )


def _rule(state: dict[str, Any]) -> Rule:
    rule = _WITHOUT_CONDITIONS.get(state["kind"])
    if rule is None:
        keys = tuple(_pair(pair) for pair in state["keys"])
        rule = KeyRule(state["kind"], state["pin"], keys)
    mac = state.get("mac")
    return rule if mac is None else MacRule(rule, _pair(mac))


def _pair(names: Sequence[str]) -> _Place:
    name, id_ = names
    return bytes.fromhex(name), int(id_, 16)


def mask_rules(structure: Structure, dialect: Dialect) -> list[dict[str, Any]]:
    """The rules of a profile that no byte of the dialect carries, as an image keeps them.

    Those of single records, those of files that the dialect cannot say, those for using keys, and
    which key unblocks the PIN.
    """
    rules: list[dict[str, Any]] = []
    for directory_name, directory in structure.directories.items():
        name = directory.name.hex().upper()
        for file_name, file in directory.files.items():
            place = {"directory": name, "file": file_name}
            own = {"read": file.read, "update": file.update}
            wanted = {
                (_WHOLE_FILE, operation): rule
                for operation, rule in own.items()
                if not dialect.carries(structure, directory_name, rule)
            }
            if file.append is not None and not (
                dialect.carries_append(file)
                and dialect.carries(structure, directory_name, file.append)
            ):
                wanted[_WHOLE_FILE, "append"] = file.append
            for item in structure.locate_file(directory_name, file_name):
                for operation, rule in (("read", item.read), ("update", item.update)):
                    if item.number and rule != own[operation]:
                        wanted[item.number, operation] = rule
            for (record, operation), rule in wanted.items():
                state = {"record": record, "operation": operation, **_state(structure, rule)}
                rules.append({**place, **state})
        for key in structure.keys_of(directory_name).values():
            if not dialect.carries_use(structure, key):
                type_ = f"{dialect.key_types.of(key.use):02X}"
                place = {"directory": name, "key": f"{key.id:02X}", "type": type_}
                rules.append({**place, **_state(structure, key.usable)})
    for key_name, key in structure.keys_of(structure.pin_directory).items():
        if key.role == "unlock_pin":
            rule = AccessRule("conditions", keys=(key_name,))
            rules.append({"unlock": True, **_state(structure, rule)})
    return rules


def _state(structure: Structure, rule: AccessRule) -> dict[str, Any]:
    state: dict[str, Any] = {
        "kind": rule.logic if rule.kind == "conditions" else rule.kind,
        "pin": rule.pin,
        "keys": [_key(structure, name) for name in rule.keys],
    }
    return state if rule.mac is None else {**state, "mac": _key(structure, rule.mac)}


def _key(structure: Structure, name: str) -> list[str]:
    key = structure.keys[name]
    return [structure.directories[key.directory].name.hex().upper(), f"{key.id:02X}"]
