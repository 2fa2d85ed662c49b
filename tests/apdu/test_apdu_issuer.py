"""Commands that carry a MAC: their bytes, what the MAC covers, and what of them may be seen."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from sscard_ic.apdu import Command, iso, issuer
from sscard_ic.apdu.command import ApduError
from sscard_ic.apdu.redaction import Redactor

MAC = bytes.fromhex("A1B2C3D4")
_ROWS = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "secure_messaging.toml").read_text(encoding="utf-8")
)["command"]
_BUILT = {
    "84160000": issuer.block_card(),
    "841E0000": issuer.block_application(permanently=False),
    "84180000": issuer.unblock_application(),
    "84240001": replace(issuer.reset_pin(p2=1), data=bytes.fromhex("827A76F626547728")),
    "04DC0704": issuer.protected(iso.update_record(7, bytes.fromhex("0709413030303030303031"))),
}


@pytest.mark.parametrize(
    "row", [row for row in _ROWS if row["header"] in _BUILT], ids=lambda row: str(row["source"])
)
def test_builders_make_the_commands_of_the_vectors(row: dict[str, str]) -> None:
    command = _BUILT[row["header"]]
    assert (command.header.hex().upper(), command.data.hex().upper()) == (
        row["header"],
        row["data"],
    )


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (issuer.unblock_pin(), "8424000004A1B2C3D4"),
        (issuer.reset_pin(p2=2), "8424000204A1B2C3D4"),
        (issuer.block_application(permanently=False), "841E000004A1B2C3D4"),
        (issuer.block_application(permanently=True), "841E000104A1B2C3D4"),
        (issuer.unblock_application(), "8418000004A1B2C3D4"),
        (issuer.block_card(), "8416000004A1B2C3D4"),
        (issuer.protected(iso.read_record(1, sfi=5)), "04B2012C04A1B2C3D400"),
        (issuer.protected(iso.update_binary(0, b"\x11")), "04D600000511A1B2C3D4"),
    ],
)
def test_finished_commands(command: Command, text: str) -> None:
    issuer.require_room(command)
    finished = replace(command, data=command.data + MAC)
    assert bytes(finished).hex().upper() == text


def test_no_room_for_a_mac() -> None:
    issuer.require_room(iso.update_record(1, bytes(251)))
    with pytest.raises(ApduError, match="no room"):
        issuer.require_room(iso.update_record(1, bytes(252)))


@pytest.mark.parametrize(
    "apdu",
    [
        "842400010C827A76F626547728D808FCD7",
        "842400011400112233445566778899AABBCCDDEEFFA1B2C3D4",
        "842400010C827A76F626547728D808FCD700",
        "8424000004A1B2C3D4",
        "04DC0704" + "0F" + "0709413030303030303031" + "A8D731D0",
    ],
)
def test_traces_show_the_header_alone(apdu: str) -> None:
    raw = bytes.fromhex(apdu)
    shown = Redactor().command(raw)
    assert len(shown) == len(raw)
    assert shown.head in (raw[:4], raw[:5])
    assert b"".join(part for part in shown.parts if isinstance(part, bytes)).strip(b"\x00") in (
        raw[:4].strip(b"\x00"),
        raw[:5].strip(b"\x00"),
    )


def test_an_answer_with_mac_is_hidden() -> None:
    redactor = Redactor()
    redactor.command(bytes.fromhex("04B2012C04A1B2C3D400"))
    assert redactor.answer(bytes.fromhex("0702A1B2C3D4A1B2")).parts == (8,)
