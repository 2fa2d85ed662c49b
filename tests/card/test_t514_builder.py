"""The T514 builder against the worked initialisation of ref 11 §8."""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.profiles import only

from sscard_ic.card.cos import builder_for
from sscard_ic.card.cos.steps import Create, End, LoadKey, LoadPin, Send, Step
from sscard_ic.profile import AccessRule, CardProfile, load

VECTORS = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "t514_script.toml").read_text(encoding="utf-8")
)


def script(profile: str) -> list[Step]:
    return list(builder_for(load(profile)).initialisation())


def commands(profile: CardProfile) -> list[tuple[str, str]]:
    return [
        (step.what.en, bytes(step.command).hex().upper())
        for step in builder_for(profile).initialisation()
        if isinstance(step, Send | Create)
    ]


@pytest.mark.parametrize("part", ["commands", "df04"])
def test_commands_of_the_worked_example_in_their_order(part: str) -> None:
    """The FCI file of the example holds the SSSE and DF01 alone."""
    profile = load("dalian")
    worked = only(profile, "MF", "SSSE", "DF01") if part == "commands" else profile
    sent = iter(commands(worked))
    for vector in VECTORS[part]:
        # `in` consumes the iterator: the order of the script is checked too.
        assert (vector["what"], vector["apdu"]) in sent, vector["step"]


@pytest.mark.parametrize("vector", VECTORS["headers"], ids=lambda v: f"{v['key']}-{v['version']}")
def test_key_headers_of_the_worked_example(vector: dict[str, Any]) -> None:
    (step,) = [
        step
        for step in script("dalian")
        if isinstance(step, LoadKey)
        and (step.key, step.version) == (vector["key"], vector["version"])
    ]
    assert step.head.hex().upper() == vector["head"]
    assert step.header.hex().upper() == vector["header"]


def test_pin_header_of_the_worked_example() -> None:
    (step,) = [step for step in script("dalian") if isinstance(step, LoadPin)]
    assert step.head.hex().upper() == VECTORS["pin"]["head"]
    assert step.header.hex().upper() == VECTORS["pin"]["header"]


def test_every_key_of_the_profile_is_loaded_once_per_version() -> None:
    profile = load("dalian")
    loaded = [(s.key, s.version) for s in script("dalian") if isinstance(s, LoadKey)]
    wanted = [(n, v) for n, k in profile.keys.items() for v in range(1, k.groups + 1)]
    assert sorted(loaded) == sorted(wanted)
    # 14, 38 and 22 records: the sizes 0152, 0392 and 0212 of ref 11 §8; the PIN is no key.
    counts = Counter(profile.keys[name].directory for name, _ in loaded)
    assert (counts["SSSE"] + 1, counts["DF01"], counts["DF04"]) == (14, 38, 22)


@pytest.mark.parametrize(
    ("rule", "byte"),
    [("never", "EF"), ("key:UKSSSE", "33"), ("key:MKSSSE", "FF"), ("pin", "EF")],
)
def test_who_may_change_a_key(rule: str, byte: str) -> None:
    """Byte 4 of the header, inferred (ref 11 §5.3): the level of a key, EF where none may."""
    profile = load("dalian")
    structure = profile.structure
    changed = structure.keys["RKSSSE"].model_copy(update={"change": AccessRule.parse(rule)})
    keys = structure.keys | {"RKSSSE": changed}
    profile = replace(profile, structure=structure.model_copy(update={"keys": keys}))
    (step, *_) = [
        s
        for s in builder_for(profile).initialisation()
        if isinstance(s, LoadKey) and s.key == "RKSSSE"
    ]
    assert step.header.hex().upper()[6:8] == byte


def test_third_generation_protects_the_basic_data() -> None:
    assert ("create file SSSE/EF06", VECTORS["third_generation"]["apdu"]) in commands(
        load("urumqi")
    )


def test_the_answer_to_reset_comes_before_the_ends() -> None:
    historical = bytes.fromhex(VECTORS["atr"]["historical"])
    steps = builder_for(load("dalian")).finish(historical)
    sent = [bytes(step.command).hex().upper() for step in steps if isinstance(step, Send)]
    assert sent[:2] == VECTORS["atr"]["commands"]


def test_directories_end_from_the_inside_out() -> None:
    profile = load("dalian")
    steps = builder_for(profile).finish(bytes(13))[2:]
    selected = [step.what.en for step in steps if isinstance(step, Send)]
    names = list(profile.structure.directories)
    assert selected == [f"select directory {name}" for name in reversed(names)]
    ends = [step.command for step in steps if isinstance(step, End)]
    assert {bytes(command).hex().upper() for command in ends} == {"80E00200"}


@pytest.mark.parametrize(
    ("rule", "logic", "read"),
    [
        ("free", "0", "0000"),
        ("never", "0", "EFEF"),
        ("internal", "0", "EFEF"),
        ("pin", "0", "5500"),
        ("key:UKSSSE", "0", "3300"),
        ("key:RK1DF01", "0", "00CC"),
        ("pin or key:RK1DF01", "0", "55CC"),
        ("pin and key:RK1DF01", "4", "55CC"),
    ],
)
def test_rules_as_rights(rule: str, logic: str, read: str) -> None:
    """Nibble and bytes of ref 11 §2; levels of §8 A4."""
    header = _header_of_ef05(_with_read_rule(load("dalian"), rule))
    assert header[20] == logic
    assert header[24:28] == read


@pytest.mark.parametrize("rule", ["key:RK1DF01 or key:UK1DF01", "free+mac:STKDF01"])
def test_a_rule_that_two_bytes_cannot_carry_closes_the_file(rule: str) -> None:
    """The chip's mask opens it: see the tests of the virtual card."""
    header = _header_of_ef05(_with_read_rule(load("dalian"), rule))
    assert (header[20], header[24:28]) == ("0", "EFEF")


def _with_read_rule(profile: CardProfile, rule: str) -> CardProfile:
    structure = profile.structure
    directory = structure.directories["DF01"]
    file = directory.files["EF05"].model_copy(update={"read": AccessRule.parse(rule)})
    files = directory.files | {"EF05": file}
    directories = structure.directories | {"DF01": directory.model_copy(update={"files": files})}
    changed = structure.model_copy(update={"directories": directories})
    return CardProfile(profile.name, changed, profile.dialect, profile.codes, profile.region)


def _header_of_ef05(profile: CardProfile) -> str:
    (command,) = [
        step.command
        for step in builder_for(profile).initialisation()
        if isinstance(step, Create) and step.what.en == "create file DF01/EF05"
    ]
    return command.data.hex().upper()
