"""Every file and item that a profile declares: reachable, encodable, in the manual, guarded."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path

import pytest
from tests.wholecard.terminal import Terminal
from tests.wholecard.whole_cards import example_values, whole_card

from sscard_ic.profile import AccessRule, CardProfile, Located, available, find_items, load
from sscard_ic.profile.cos import DIALECTS
from sscard_ic.profile.manual import manual
from sscard_ic.profile.values import decode, encode
from sscard_ic.simulator import Chip

PROFILES = [info.name for info in available() if info.kind in ("national", "region")]
REGIONS = [info.name for info in available() if info.kind == "region"]


@cache
def _manual(name: str) -> str:
    return manual(load(name), "zh")


@pytest.mark.parametrize("name", PROFILES)
def test_every_item_is_found_by_path_name_and_tag(name: str) -> None:
    profile = load(name)
    for place in profile.places:
        assert find_items(profile, place.path) == (place,)
        above = f"{place.directory_name}.{place.file_name}"
        for word in (place.item.zh, place.item.en):
            assert place in find_items(profile, f"{above}.{word}")
        if place.item.tag is not None:
            assert place in find_items(profile, f"{above}.{place.item.tag:02X}")


@pytest.mark.parametrize("name", PROFILES)
def test_every_example_is_written_and_read(name: str) -> None:
    profile = load(name)
    for place in profile.places:
        assert place.item.example is not None, place.path
        raw = encode(place.item, place.item.example, profile.codes)
        assert len(raw) == place.item.length
        assert decode(place.item, raw, profile.codes).text == place.item.example, place.path


@pytest.mark.parametrize("name", PROFILES)
def test_every_item_and_key_is_in_the_manual(name: str) -> None:
    profile, text = load(name), _manual(name)
    for place in profile.places:
        assert place.item.zh in text, place.path
        assert place.file.zh in text, place.path
        for part in place.item.items:
            assert part.zh in text, place.path
    for key in profile.keys:
        assert key in text


def _rules(profile: CardProfile) -> Iterator[tuple[Located, str, AccessRule]]:
    """One item for each rule of each file, reading and updating."""
    seen = set()
    for place in profile.places:
        for operation, rule in (("read", place.read), ("update", place.update)):
            mark = place.directory_name, place.file_name, operation, str(rule)
            if mark not in seen:
                seen.add(mark)
                yield place, operation, rule


def _met(rule: AccessRule, proved: frozenset[str]) -> bool:
    if rule.kind != "conditions":
        return rule.kind == "free"
    terms = ["pin" in proved] * rule.pin + [key in proved for key in rule.keys]
    return any(terms) if rule.logic == "or" else all(terms)


def _sets(rule: AccessRule) -> Iterator[frozenset[str]]:
    conditions = (["pin"] if rule.pin else []) + list(rule.keys)
    for chosen in product((False, True), repeat=len(conditions)):
        yield frozenset(c for c, taken in zip(conditions, chosen, strict=True) if taken)


@pytest.mark.parametrize("name", REGIONS)
def test_every_rule_opens_and_closes_on_the_card(name: str, tmp_path: Path) -> None:
    _exercise(load(name), whole_card(name, tmp_path))


@pytest.mark.parametrize("cos", [cos for cos in DIALECTS if cos != "t514"])
@pytest.mark.parametrize("name", ["regions/dalian", "regions/urumqi"])
def test_every_rule_holds_on_every_card_operating_system(
    name: str, cos: str, tmp_path: Path
) -> None:
    _exercise(load(name, cos), whole_card(name, tmp_path, cos))


def _exercise(profile: CardProfile, chip: Chip) -> None:
    """Read and write with every set of conditions of every rule."""
    values = example_values(profile)
    kinds = () if profile.dialect.stays_open else ("never", "internal")
    shut = {place.path for place in profile.places if place.update.kind in kinds}
    terminal = Terminal(chip, profile)
    exercised = 0
    for place, operation, rule in _rules(profile):
        for proved in _sets(rule):
            terminal.chip.reset(cold=True)
            assert terminal.enter(place.directory_name) == 0x9000
            for condition in sorted(proved):
                if condition == "pin":
                    assert terminal.verify() == 0x9000
                else:
                    assert terminal.authenticate(condition) == 0x9000
            sw, wanted = _try(terminal, place, operation, values[place.path])
            expected = 0x9000 if _met(rule, proved) else 0x6982
            if operation == "read" and expected == 0x9000 and place.path in shut:
                expected = 0x6A83
            assert sw == expected, (place.path, operation, str(rule), sorted(proved))
            if operation == "read" and sw == 0x9000:
                assert wanted
            exercised += 1
    assert exercised > len(profile.structure.directories)


def _try(
    terminal: Terminal, place: Located, operation: str, value: bytes
) -> tuple[int, bytes | bool]:
    """The status of reading, or of writing what is there; and whether what was read is right."""
    tag = place.item.tag
    stored = value if tag is None else bytes((tag, len(value))) + value
    if operation == "update":
        return terminal.update(place, stored[:200]), True
    sw, data = terminal.read(place)
    return sw, data == stored[:200] or data == stored
