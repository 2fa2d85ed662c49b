"""The MCOS builder against the worked card of ref 11 §9."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.profiles import only, with_rules

from sscard_ic.base import InputError
from sscard_ic.card.cos import builder_for
from sscard_ic.card.cos.steps import (
    Create,
    End,
    LoadKey,
    LoadPin,
    Prove,
    Send,
    Step,
    VerifyPin,
)
from sscard_ic.keys import PublishedKey
from sscard_ic.profile import CardProfile, load
from sscard_ic.profile.cos.mcos import McosDialect

VECTORS = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "mcos.toml").read_text(encoding="utf-8")
)


def dalian() -> CardProfile:
    return load("dalian", "mcos")


def plainly(profile: CardProfile) -> CardProfile:
    dialect = profile.dialect
    assert isinstance(dialect, McosDialect)
    settings = dialect.settings.model_copy(update={"key_loading": "plain"})
    return replace(profile, dialect=dialect.model_copy(update={"settings": settings}))


def steps(profile: CardProfile) -> list[Step]:
    return list(builder_for(profile).initialisation())


def created(profile: CardProfile, what: str) -> str:
    (step,) = [s for s in steps(profile) if isinstance(s, Create) and s.what.en == what]
    return bytes(step.command).hex().upper()


@pytest.mark.parametrize("vector", VECTORS["worked"], ids=lambda v: v["what"])
def test_files_of_the_worked_card(vector: dict[str, str]) -> None:
    """Its SSSE holds DF01 alone: with more in it, the body would be larger."""
    profile = dalian()
    worked = profile if "DF04" in vector["what"] else only(profile, "MF", "SSSE", "DF01")
    assert created(worked, vector["what"]) == vector["apdu"]


def test_the_order_of_the_worked_card() -> None:
    sent = iter([step.what.en for step in steps(dalian())])
    for vector in VECTORS["worked"]:
        assert vector["what"] in sent, vector


@pytest.mark.parametrize("vector", VECTORS["plain_keys"], ids=lambda v: v["key"])
def test_headers_of_the_worked_card(vector: dict[str, Any]) -> None:
    """Without the usage 01 of the PUK, each version of a key is loaded once."""
    (step,) = [
        step
        for step in steps(plainly(dalian()))
        if isinstance(step, LoadKey)
        and (step.key, step.version) == (vector["key"], vector["version"])
    ]
    plain = bytes.fromhex(vector["apdu"])
    assert (step.head, step.header) == (plain[:4], plain[5:13])
    assert (step.mode, step.filled) == ("plain", 0)


def test_the_pin_of_the_worked_card() -> None:
    (step,) = [step for step in steps(dalian()) if isinstance(step, LoadPin)]
    plain = bytes.fromhex(VECTORS["plain_pin"]["apdu"])
    assert (step.head, step.header) == (plain[:4], plain[5:13])
    assert step.filled == len(plain[13:])


def test_the_puk_is_loaded_twice() -> None:
    """For EXTERNAL AUTHENTICATE, and as the transport key of the PIN's record (§9 B1)."""
    loaded = [s for s in steps(dalian()) if isinstance(s, LoadKey) and s.key == "PUK"]
    assert [(s.header[:2].hex(), s.proof) for s in loaded] == [("0006", True), ("0106", False)]


def test_every_control_key_takes_the_place_of_zeros() -> None:
    profile = dalian()
    replaced = [s for s in steps(profile) if isinstance(s, LoadKey) and s.head[2] == 0x01]
    wanted = [name for name, key in profile.keys.items() if key.use == "master"]
    assert sorted(step.key for step in replaced) == sorted(wanted)
    assert {step.under for step in replaced} == {PublishedKey(bytes(16))}
    assert {bytes(step.header) for step in replaced} == {bytes(3)}


def test_the_end_is_the_freezing_of_the_mf() -> None:
    *_, last = builder_for(dalian()).finish(bytes(13))
    assert isinstance(last, End)
    assert bytes(last.command).hex().upper() == VECTORS["end"]["apdu"]


def test_the_whole_card_fits_the_chip() -> None:
    """Directories are as large as what is in them; 336 bytes are the COS's own (§3.1)."""
    profile = dalian()
    ssse = bytes.fromhex(created(profile, "create directory SSSE"))
    space = int.from_bytes(ssse[7:9], "big")
    assert 0x4000 <= space < 0x8000 - 336 - 2 * 48


@pytest.mark.parametrize(
    ("rule", "control", "right"),
    [
        ("free", "00", "0000"),
        ("never", "00", "F0F0"),
        ("pin", "01", "0000"),
        ("key:RK1DF01", "00", "00CC"),
        ("key:UKSSSE", "00", "3300"),
        ("pin or key:RK1DF01", "03", "00CC"),
        ("pin and key:RK1DF01", "01", "00CC"),
        ("key:UKSSSE and key:RK1DF01", "00", "33CC"),
        ("key:UK1DF01 or key:UK2DF01", "00", "0012"),
        ("key:UK1DF01 or key:UK3DF01", "00", "F0F0"),
        ("key:UKSSSE or key:RK1DF01", "00", "F0F0"),
        ("key:UK1DF01 and key:UK2DF01", "00", "F0F0"),
        ("pin+mac:STKDF01", "21", "0000"),
        ("pin+mac:STK", "00", "F0F0"),
    ],
)
def test_reading_rules_as_control_byte_and_right(rule: str, control: str, right: str) -> None:
    """ref 11 §2, §3.3: two bytes, each a range of flags; what they cannot say is for the mask."""
    profile = with_rules(dalian(), "DF01.EF05", read=rule)
    data = created(profile, "create file DF01/EF05")[10:]
    assert (data[12:14], data[16:20]) == (control, right)
    assert data[24:26] == ("02" if "mac:STKDF01" in rule else "00")


@pytest.mark.parametrize(
    ("update", "append", "control", "right"),
    [
        ("key:UK3DF02", None, "00", "0033"),
        ("internal", None, "0C", "0000"),
        ("key:UK3DF02", "never", "08", "0033"),
        ("never", "key:UK3DF02", "04", "0033"),
        ("key:UK3DF02", "key:UK2DF02", "0C", "0000"),
    ],
)
def test_updating_and_appending(update: str, append: str | None, control: str, right: str) -> None:
    """DISA and DISU; two rights for them there are not (ref 11 §3.3)."""
    profile = with_rules(dalian(), "DF02.EF07", update=update, append=append)
    data = created(profile, "create file DF02/EF07")[10:]
    assert (data[14:16], data[20:24]) == (control, right)


@pytest.mark.parametrize("update", ["never", "internal"])
def test_records_that_nobody_could_initialise(update: str) -> None:
    profile = with_rules(dalian(), "DF01.EF05", update=update)
    with pytest.raises(InputError, match="cannot initialise") as refused:
        steps(profile)
    assert refused.value.where == "DF01.EF05"


@pytest.mark.parametrize(
    ("update", "proofs"),
    [
        ("free", []),
        ("key:UK2DF01", ["UK2DF01"]),
        ("pin", ["PIN"]),
        ("pin or key:UK1DF01", ["UK1DF01"]),
        ("pin and key:UK1DF01", ["PIN", "UK1DF01"]),
        ("key:UK1DF01 or key:UK2DF01", ["UK1DF01"]),
        ("key:UKSSSE and key:UK1DF01+mac:STKDF01", ["UKSSSE", "UK1DF01"]),
    ],
)
def test_what_is_proved_before_unset_records_are_written(update: str, proofs: list[str]) -> None:
    profile = with_rules(dalian(), "DF01.EF05", update=update)
    taken = steps(profile)
    what = "initialise the records of DF01/EF05"
    first = next(n for n, step in enumerate(taken) if step.what.en == what)
    before: list[str] = []
    for step in reversed(taken[:first]):
        if not isinstance(step, Prove | VerifyPin):
            break
        before.insert(0, step.key if isinstance(step, Prove) else "PIN")
    assert before == proofs
    macs = {step.mac for step in taken if isinstance(step, Send) and step.what.en == what}
    assert ("STKDF01" in macs) == ("mac" in update)
