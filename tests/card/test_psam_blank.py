"""A PSAM built up in the dialect KS-A, as the terminal sends it (ref 02 §7.5, 12 §5)."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.support.psams import SERIAL, Wire, made, profile_with, vault_for

from sscard_ic.base import InputError, Secret
from sscard_ic.base.errors import CardError
from sscard_ic.card import Refused
from sscard_ic.card.psam import PsamBlank
from sscard_ic.crypto import des
from sscard_ic.crypto.mac import retail_mac
from sscard_ic.keys import CardKey, PsamRoot, SoftwareVault
from sscard_ic.keys.hierarchy import RootKey
from sscard_ic.profile import load_psam
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.simulator import blank_psam

VECTORS: dict[str, Any] = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "psam.toml").read_text("utf-8")
)
TRANSPORT = bytes.fromhex("01020304050607081112131415161718")
DALIAN = load_psam("psam/dalian")


def blank_wire() -> Wire:
    return Wire(open_session(VirtualConnection(blank_psam(DALIAN, SERIAL))))


def root(name: str, value: bytes, level: str = "P1") -> RootKey:
    created = datetime(2026, 11, 21, tzinfo=UTC)
    return RootKey(name, 1, level, "external", created, Secret(value))  # type: ignore[arg-type]


def test_the_first_commands_are_those_of_the_reference() -> None:
    wire = blank_wire()
    PsamBlank(wire, DALIAN, vault_for(DALIAN)).make("210200000001")
    assert wire.sent[0] == VECTORS["directory"][0]["command"]
    assert VECTORS["directory"][1]["command"] in wire.sent
    directory, _, key_file = (vector["command"] for vector in VECTORS["file"])
    assert directory in wire.sent
    assert key_file in wire.sent


def test_every_key_comes_after_a_challenge_of_its_own() -> None:
    wire = blank_wire()
    PsamBlank(wire, DALIAN, vault_for(DALIAN)).make("210200000001")
    protected = [n for n, sent in enumerate(wire.sent) if sent.startswith("84")]
    assert protected
    assert all(wire.sent[n - 1] == "0084000008" for n in protected)
    loads = [sent for sent in wire.sent if sent.startswith("84D4")]
    assert {len(sent) for sent in loads} == {2 * (5 + 0x24), 2 * (5 + 0x1C)}
    assert [sent[:8] for sent in wire.sent if sent.startswith("841C")] == ["841C0000"] * 2


def test_key_loading_command() -> None:
    """ref 02 §7.5: 18 ‖ usage ‖ id ‖ 00×6 ‖ key, 3DES-ECB, retail MAC from the challenge."""
    value, challenge = bytes(range(16)), bytes.fromhex("0102030405060708")
    vault = SoftwareVault(
        Path("test"),
        "test",
        [root("PSAMTRANSPORT", TRANSPORT, "maker"), root("UKSSSE", value)],
        Secret(bytes(32)),
    )
    key = PsamRoot("UKSSSE", 1, "371700", 2, "3des")
    header = bytes.fromhex("4812000000000000")
    command = vault.load_psam_key(
        bytes.fromhex("84D40011"), header, key, "PSAMTRANSPORT", challenge
    )
    raw = command.reveal()
    assert raw[:5].hex().upper() == "84D4001124"
    assert raw[-4:] == retail_mac(TRANSPORT, raw[:-4], challenge)
    plain = des.decrypt(TRANSPORT, raw[5:-4])
    assert plain == b"\x18" + header + value + bytes.fromhex("80000000000000")
    signed = vault.sign_psam_command(bytes.fromhex("841C0000"), "PSAMTRANSPORT", challenge)
    expected = bytes.fromhex("841C000004")
    assert signed.reveal() == expected + retail_mac(TRANSPORT, expected, challenge)


@pytest.mark.parametrize(
    ("level", "steps", "factors"),
    [
        ("N1", 3, []),
        ("N2", 2, ["3337303030307368"]),
        ("N2", 1, ["3337303030307368", "3337313730307378"]),
        ("P1", 2, []),
        ("P1", 1, ["3337313730307378"]),
    ],
)
def test_roots_are_derived_down_to_the_level_of_the_psam(
    level: str, steps: int, factors: list[str]
) -> None:
    """ref 12 §5.4: province, then city; the last step is the card's."""
    expected = bytes(range(16))
    for factor in map(bytes.fromhex, factors):
        inverted = bytes(byte ^ 0xFF for byte in factor)
        expected = des.encrypt(expected, factor) + des.encrypt(expected, inverted)
    roots = [root("PSAMTRANSPORT", TRANSPORT, "maker"), root("K", bytes(range(16)), level)]
    vault = SoftwareVault(Path("test"), "test", roots, Secret(bytes(32)))
    key = PsamRoot("K", 1, "371700", steps, "3des")
    command = vault.load_psam_key(
        bytes.fromhex("84D40011"), bytes(8), key, "PSAMTRANSPORT", bytes(8)
    )
    assert des.decrypt(TRANSPORT, command.reveal()[5:-4])[9:25] == expected


@pytest.mark.parametrize(("level", "steps"), [("P1", 3), ("N1", 0), ("maker", 2)])
def test_no_such_level(level: str, steps: int) -> None:
    roots = [root("PSAMTRANSPORT", TRANSPORT, "maker"), root("K", bytes(range(16)), level)]
    vault = SoftwareVault(Path("test"), "test", roots, Secret(bytes(32)))
    with pytest.raises(ValueError, match=f"not {steps} steps"):
        vault.load_psam_key(
            bytes(4), bytes(8), PsamRoot("K", 1, "371700", steps, "3des"), "PSAMTRANSPORT", bytes(8)
        )


def test_what_it_holds() -> None:
    chip = made(DALIAN)
    states = chip.persistent_state()
    assert states["psam/3F00/0016/body"] == "210200000001"
    assert states["psam/3F00/0015/body"] == "010000000021020000000120010000"
    assert states["psam/3F00/0001/1"] == "61084F06D15600000590"
    assert states["psam/3F00/DF01/0019/body"] == "00000001"
    assert states["psam/3F00/DF01/001A/body"] == "01012026010120451231"
    assert states["psam/3F00/ended"] == states["psam/3F00/DF01/ended"] == 1
    keys = {path[-4:] for path in states if "/DF01/0011/" in path or "/DF01/0012/" in path}
    wanted = {
        f"{key.psam_usage:02X}{key.psam_id:02X}"
        for key in DALIAN.card.keys.values()
        if key.psam_usage is not None and key.psam_id is not None and key.psam_id < 0x80
    }
    assert wanted | {"0000", "0001", "0002", "4202", "4203"} == keys


def test_own_keys_are_diversified_by_the_serial_number() -> None:
    vault = vault_for(DALIAN)
    first, second = made(DALIAN, "210200000001"), made(DALIAN, "210200000002")
    path = "psam/3F00/DF01/0012/0002"
    assert first.persistent_state()[path] != second.persistent_state()[path]
    key = CardKey("PSAMK2", 1, "210200", bytes.fromhex("0000210200000002"))
    session = open_session(VirtualConnection(second))
    session.transmit(bytes.fromhex("00A4040006D15600000590"))
    challenge = session.transmit(bytes.fromhex("0084000008"))[:8]
    value = bytes.fromhex(str(second.persistent_state()[path]))[8:]
    assert vault.check_value(key) == des.encrypt(value, bytes(8))[:3]
    answer = session.transmit(bytes.fromhex("0082000208") + des.encrypt(value, challenge))
    assert answer == b"\x90\x00"


@pytest.mark.parametrize("terminal", ["", "21020000001", "2102000000001", "21020000000A"])
def test_terminal_number_has_twelve_digits(terminal: str) -> None:
    wire = blank_wire()
    with pytest.raises(InputError, match="12 digits"):
        PsamBlank(wire, DALIAN, vault_for(DALIAN)).make(terminal)
    assert wire.sent == []


def test_terminal_number_begins_with_the_city() -> None:
    wire = blank_wire()
    with pytest.raises(InputError, match="210200"):
        PsamBlank(wire, DALIAN, vault_for(DALIAN)).make("650100000001")
    assert wire.sent == []


def test_no_blank() -> None:
    wire = Wire(open_session(VirtualConnection(made(DALIAN))))
    with pytest.raises(CardError, match="no blank PSAM"):
        PsamBlank(wire, DALIAN, vault_for(DALIAN)).make("210200000002")
    assert len(wire.sent) == 1


def test_recycled_and_made_again() -> None:
    chip = made(DALIAN)
    wire = Wire(open_session(VirtualConnection(chip)))
    maker = PsamBlank(wire, DALIAN, vault_for(DALIAN))
    maker.recycle()
    maker.make("210200000009")
    assert chip.persistent_state()["psam/3F00/0016/body"] == "210200000009"


def test_a_refusal_says_what_was_refused() -> None:
    directories = dict(DALIAN.model.directories)
    files = dict(directories["ADF"].files)
    files["0011"] = files["0011"].model_copy(update={"size": 48})
    directories["ADF"] = directories["ADF"].model_copy(update={"files": files})
    profile = profile_with("psam/dalian", directories=directories)
    with pytest.raises(Refused, match="load the key IRK: 6A84"):
        PsamBlank(blank_wire(), profile, vault_for(profile)).make("210200000001")


def test_production_makes_no_virtual_psam() -> None:
    region = DALIAN.region
    issuer = region.issuer.model_copy(update={"environment": "production"})
    card = replace(DALIAN.card, region=region.model_copy(update={"issuer": issuer}))
    with pytest.raises(InputError, match="production"):
        blank_psam(replace(DALIAN, card=card), SERIAL)
