"""The T514 builder against the worked initialisation of ref 11 §8."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from sscard_ic.base import InputError, Secret
from sscard_ic.card.cos import builder_for
from sscard_ic.card.cos.steps import Create, LoadKey, LoadPin, Send, Step
from sscard_ic.profile import AccessRule, CardProfile, load

VECTORS = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "t514_script.toml").read_text(encoding="utf-8")
)


def script(profile: str) -> list[Step]:
    return list(builder_for(load(profile)).initialisation())


def commands(profile: str) -> list[tuple[str, str]]:
    return [
        (step.what.en, bytes(step.command).hex().upper())
        for step in script(profile)
        if isinstance(step, Send | Create)
    ]


def test_commands_of_the_worked_example_in_their_order() -> None:
    sent = iter(commands("dalian"))
    for vector in VECTORS["commands"]:
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
    # 14 + 38 records: the sizes 0152 and 0392 of ref 11 §8 steps 6 and 14; the PIN is no key.
    assert len(loaded) + 1 == 1 + 14 + 38


def test_third_generation_protects_the_basic_data() -> None:
    assert ("create file SSSE/EF06", VECTORS["third_generation"]["apdu"]) in commands("urumqi")


def test_atr_and_transport_code() -> None:
    builder = builder_for(load("dalian"))
    historical = bytes.fromhex(VECTORS["atr"]["historical"])
    sent = [bytes(step.command).hex().upper() for step in builder.atr(historical)]
    assert sent == VECTORS["atr"]["commands"]
    code = Secret(bytes.fromhex(VECTORS["transport"]["code"]))
    assert builder.transport_code(code).reveal().hex().upper() == VECTORS["transport"]["apdu"]


def test_directories_end_from_the_inside_out() -> None:
    ends = builder_for(load("dalian")).end()
    assert [select.what.en for select, _, _ in ends] == [
        "select directory DF01",
        "select directory SSSE",
        "select directory MF",
    ]
    assert {bytes(end.command).hex().upper() for _, end, _ in ends} == {"80E00200"}


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


def test_a_rule_that_two_bytes_cannot_carry_is_refused() -> None:
    profile = _with_read_rule(load("dalian"), "key:RK1DF01 or key:UK1DF01")
    with pytest.raises(InputError, match="T514 cannot express"):
        builder_for(profile).initialisation()


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
